"""Edits that are only asked for: right words, right places, and boxes that can be smudged."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from smartedit.data.asked import ask, asked_of, real_asked, smudged, turned
from smartedit.world import knowledge
from smartedit.world.replies import parse_reply
from smartedit.world.splits import fact_role


def test_what_is_asked_lies_where_the_reply_says(mini_run):
    cache = mini_run.shop.train
    for scene in range(len(cache.scenes)):
        picture = cache.pictures([scene])
        for draw in range(8):
            one = ask(picture.described[0], picture.cover[0].numpy(), np.random.default_rng(draw))
            if one.where is None or one.reply.startswith("light"):
                continue
            x0, y0, x1, y1 = np.array([thing["box"] for thing in parse_reply(one.reply)]).T
            rows, columns = np.nonzero(one.where.reshape(10, 10) > 0)
            assert (x0.min() - 1) / 16 <= columns.min() / 10 + 0.1 and columns.max() / 10 <= (x1.max() + 1) / 16
            assert (y0.min() - 1) / 16 <= rows.min() / 10 + 0.1 and rows.max() / 10 <= (y1.max() + 1) / 16


def test_a_place_is_whole_where_no_shadow_and_no_mirror_image_changes_with_it(mini_run):
    cache, told = mini_run.shop.train, set()
    for scene in range(len(cache.scenes)):
        picture = cache.pictures([scene])
        for draw in range(12):
            one = ask(picture.described[0], picture.cover[0].numpy(), np.random.default_rng(draw))
            act = one.reply.rsplit(" : ", 1)[-1].split()[0]
            assert not (one.whole and (act in ("remove", "replace", "bigger", "smaller") or picture.described[0].get("mirror")))
            told.add((act, one.whole))
    assert {("remove", False), ("recolour", True)} <= told
    assert all(one.whole for one in real_asked(cache, cache.pairs_of[0], 100))


def test_only_the_facts_meant_for_edits_are_asked_for(mini_run):
    said = {w: f.id for f in knowledge.facts().values() for w in f.wordings}
    picture = mini_run.shop.train.pictures([0])
    for draw in range(60):
        one = ask(picture.described[0], picture.cover[0].numpy(), np.random.default_rng(draw))
        if " means " in one.reply:
            assert fact_role(said[one.reply.split(" means ")[0]]) == "edit"


def test_real_pairs_come_first_and_not_in_turned_pictures(mini_run):
    cache = mini_run.shop.train
    pictures, turned = cache.pictures([0, 0]), torch.tensor([False, True])
    straight, mirrored = asked_of(cache, [0, 0], pictures, turned, 4, np.random.default_rng(0))
    real = {cache.pairs[p]["instruction"] for p in cache.pairs_of[0]}
    assert real <= {one.instruction for one in straight} and len(straight) == len(mirrored) == 4
    where = real_asked(cache, cache.pairs_of[0], 100)[0].where
    region = cache.regions(cache.pairs_of[0])[0].mean().item()
    assert where.mean() == pytest.approx(region, rel=0.1)  # windows of 16 cells on 10 patches overlap a little


def test_smudging_moves_boxes_exchanges_colours_of_what_is_edited_and_nothing_else():
    text = "tells time means clock . red clock at 3 9 7 11 and blue ball in the mirror at 0 0 15 15 : recolour green ."
    moved = {smudged(text, np.random.default_rng(seed)) for seed in range(20)}
    assert len(moved) > 15
    for other in moved:
        means, clock, _, ball, told = re.fullmatch(r"(.*) \. \w+ (clock) at [0-9 ]+( and \w+) (ball in the mirror) at [0-9 ]+ (.*)", other).groups()
        assert (means, clock, ball, told) == ("tells time means clock", "clock", "ball in the mirror", ": recolour green .")
        assert all(0 <= int(n) <= 15 for n in re.findall(r"\d+", other))
    assert 5 < sum("red clock" in other for other in moved) < 20
    added = smudged("red mug at 1 2 3 4 : add gold boat at 5 6 7 8 .", np.random.default_rng(0))
    assert "add gold boat at" in added
    assert all(smudged("red mug at 1 2 3 4 : move to 5 6 7 8 .", np.random.default_rng(n)).endswith(" : move to 5 6 7 8 .") for n in range(20))


def test_a_turned_reply_exchanges_left_and_right_in_every_place():
    text = "tells time means clock . red clock at 3 9 7 11 and blue ball in the mirror at 0 0 15 15 : move to 1 2 3 4 ."
    other = turned(text)
    assert other == "tells time means clock . red clock at 8 9 12 11 and blue ball in the mirror at 0 0 15 15 : move to 12 2 14 4 ."
    assert turned(other) == text
