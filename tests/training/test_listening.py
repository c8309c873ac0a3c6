"""What an object head shall hear, and that it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from smartedit.data.landings import RELATIONS
from smartedit.models.object_head import DEEDS
from smartedit.training import lessons, listening, objectives
from smartedit.training.listening import fit_hearing, words_said
from smartedit.training.stages import run_stage, stage_named
from smartedit.training.workshop import Workshop
from smartedit.world.proposals import FACTORS


def test_what_a_reply_says_is_done_and_what_is_meant_and_where():
    comes, was = (*DEEDS, *lessons.KINDS, *lessons.PAINTS, *lessons.SETTINGS), (*lessons.KINDS, *lessons.PAINTS)
    names = [*comes, *(f"was {word}" for word in was), *RELATIONS]

    def words(reply: str, relation: str = "") -> set[str]:
        return {name for name, told in zip(names, words_said([reply], [relation])[0].tolist(), strict=True) if told}

    told = "turns gold means bread . gold bread at 7 3 9 4 and red knife at 1 2 3 4 : replace by orange umbrella ."
    assert words(told) == {"replace", "orange", "umbrella", "was gold", "was red", "was bread", "was knife"}
    assert words("turns silver means knife . red knife at 1 2 3 4 : remove .") == {"remove", "was red", "was knife"}
    assert words("table : white tiles .") == {"white", "tiles"}
    assert words("gold bread at 7 3 9 4 : smaller .") == {"smaller", "was gold", "was bread"}
    assert words("gold bread at 7 3 9 4 : move .", "behind") == {"move", "was gold", "was bread", "behind"}
    assert words("gold bread at 7 3 9 4 : add red mug .", "left of") == {"add", "red", "mug", "was gold", "was bread", "left of"}
    config = Workshop.fresh("tiny").parts["object_head"].config
    assert tuple(config.factors) == FACTORS, "the head knows what bigger and smaller mean here"
    assert config.relations == len(RELATIONS)


def test_a_lesson_has_all_sorts_of_edits_and_no_reply_given(mini_run):
    given = [lessons.listening(mini_run.shop, np.random.default_rng(seed), 24) for seed in range(8)]
    for one in given:
        assert len(one.view) * lessons.READ == len(one.replies) == len(one.texts) == len(one.relations) == 24
        assert {exchange.heard for row in one.exchanges for exchange in row} == {None}
    said = torch.cat([words_said(one.replies, one.relations) for one in given])
    assert (said[:, : len(DEEDS)].sum(0) > 0).all(), "every deed is asked for"
    put = said[:, DEEDS.index("add")] + said[:, DEEDS.index("move")]
    assert torch.equal(said[:, -len(RELATIONS) :].sum(1), put), "and what is put is put somewhere"


@pytest.mark.parametrize("stage", ["base", "edit"])
def test_both_who_read_words_and_who_read_edit_tokens_are_listened_to(mini_run, stage):
    told = stage_named(stage).told(mini_run.shop, lessons.listening(mini_run.shop, np.random.default_rng(0), 12))
    assert told.shape == (12, {"base": 40, "edit": 32}[stage], 256)


def test_who_hears_well_is_not_fitted_again(mini_run, monkeypatch):
    """Where most words are heard after a first few lessons, what is known stays: it may be of many more."""
    hearing = mini_run.shop.parts["object_head"].hearing
    monkeypatch.setattr(listening, "FIRST_HEARD", 1)
    for share, kept in ((1.0, True), (0.5, False)):
        monkeypatch.setattr(listening, "_heard", lambda *_, share=share: share)
        before = hearing.weight.clone()
        fit_hearing(mini_run.shop, objectives.told_base, 64, seed=3)
        assert torch.equal(hearing.weight, before) == kept


def test_an_object_head_hears_the_words_of_its_stage_before_it_learns(mini_run, tmp_path):
    stage = replace(stage_named("base"), batch=8)
    hearing = mini_run.shop.parts["object_head"].hearing
    hearing.weight.zero_()
    list(run_stage(mini_run.shop, stage, mini_run.data, tmp_path, share=64 / stage.samples))
    pairs = mini_run.shop.train.edits(range(8))
    heard, wanted = hearing(mini_run.shop.text_context(pairs.reply)), words_said(pairs.reply, [""] * len(pairs.reply))
    assert heard.shape == wanted.shape
    assert wanted.sum(1).min() >= 1
    assert heard[wanted == 1].mean() > 2 * heard[wanted == 0].mean()
