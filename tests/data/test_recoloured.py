"""Things in more colours: what is drawn is what rendering the recoloured scene gives, and every pair is told right."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from smartedit.data.asked import recolour_words
from smartedit.data.recoloured import COLOURS_EACH, THINGS, draw_recoloured
from smartedit.training import lessons
from smartedit.world.edits import Recolour
from smartedit.world.render import render
from smartedit.world.replies import parse_reply
from smartedit.world.scene import COLOURS, Scene
from smartedit.world.splits import combination_split


def latents(shop, picture: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    return shop.parts["vae"].encode(x).latent_dist.mode()[0]


def test_things_are_those_of_the_scenes_in_colours_of_the_split(mini_run):
    cache = mini_run.shop.train
    assert cache.things and len(cache.things) <= THINGS * len(cache.scenes)
    for thing in cache.things:
        scene = cache.scenes[thing["scene"]]
        own = next(t for t in scene["objects"] if t["id"] == thing["id"])
        assert scene["seed"] == thing["seed"] and thing["colours"][0] == own["colour"]
        assert len(set(thing["colours"])) == len(thing["pictures"]) == COLOURS_EACH + 1
        assert {combination_split(own["kind"], colour, scene["table"]) for colour in thing["colours"]} == {"train"}


def test_a_drawn_colour_is_that_of_the_recoloured_scene(mini_run):
    shop = mini_run.shop
    for thing in shop.train.things[:3]:
        scene = Scene.from_json(shop.train.scenes[thing["scene"]])
        drawn = [torch.from_numpy(shop.train._one(*place)).float() for place in thing["pictures"]]
        truths = [render(scene)] + [render(Recolour((thing["id"],), colour).apply(scene)) for colour in thing["colours"][1:]]
        for latent, truth in zip(drawn, truths, strict=True):
            torch.testing.assert_close(latent, latents(shop, truth.picture), atol=2e-2, rtol=1e-2)


def test_pairs_change_where_they_say_and_as_they_say(mini_run):
    shop = mini_run.shop
    batch = shop.train.recolourings(24, np.random.default_rng(0))
    assert batch.source.shape == batch.target.shape == (24, 128, 16, 16) and batch.region.shape == (24, 1, 16, 16)
    change = shop.brush.pixels(batch.target - batch.source).abs().amax(1, keepdim=True)
    assert (change.amax((1, 2, 3)) > 0.05).all() and (change[batch.region == 0] < 0.2).all()
    assert batch.meant.flatten(1).any(1).all() and (batch.region[avg_pool2d(batch.meant.float(), 16) > 0.9] > 0).all()
    for reply in batch.reply:
        (thing,), new = parse_reply(reply), reply.split(" : recolour ")[1].removesuffix(" .")
        assert thing["colour"] in COLOURS and new in COLOURS and thing["colour"] != new
    assert batch.instruction == batch.reply and len(set(batch.reply)) > 12


def test_things_are_recoloured_as_the_view_shows_them(mini_run):
    cache = mini_run.shop.train
    batch = cache.recolourings_as_seen(12, 2, recolour_words, np.random.default_rng(1))
    assert len(batch.instruction) == len(batch.source) == 24
    sources = [cache._one("source", *cache._scene_at[thing["scene"]]) for thing in cache.things]
    for i, (said, reply) in enumerate(zip(batch.instruction, batch.reply, strict=True)):
        assert any(np.array_equal(batch.source[i].half().numpy(), source) for source in sources)
        new = reply.split(" : recolour ")[1].removesuffix(" .")
        assert new in said or said == reply
    assert torch.equal(batch.view[::2], batch.view[1::2]) and torch.equal(batch.source[::2], batch.source[1::2])
    assert not torch.equal(batch.target[::2], batch.target[1::2])
    assert np.mean([said != reply for said, reply in zip(batch.instruction, batch.reply, strict=True)]) > 0.7


def test_most_things_can_be_asked_to_be_recoloured(mini_run):
    """Where words were found they name the new colour, and not by the reply's place."""
    things = [(scene, thing["id"]) for scene in mini_run.shop.train.scenes for thing in scene["objects"]]
    words = [recolour_words(scene, id, "purple", np.random.default_rng(0)) for scene, id in things]
    found = [said for said in words if said is not None]
    assert len(found) > 0.5 * len(things) and all("purple" in said and not re.search(r"\d", said) for said in found)


def test_a_shard_is_recoloured_once(mini_run):
    def encode(_):
        raise AssertionError("nothing is left to encode")

    assert draw_recoloured(mini_run.data / "train", mini_run.out / "cache" / "train", encode) == 0
    stored = json.loads(next((mini_run.out / "cache" / "train").glob("recoloured-*.json")).read_text())
    assert [thing["id"] for thing in stored] == [thing["id"] for thing in mini_run.shop.train.things]


@pytest.mark.parametrize("lesson", [lessons.base, lessons.edit])
def test_a_lesson_may_hold_nothing_else(mini_run, monkeypatch, lesson):
    """Chance leaves all of a small batch to recoloured things now and then."""
    monkeypatch.setattr(lessons, "RECOLOURED", 1.0)
    pairs = lesson(mini_run.shop, np.random.default_rng(0), 4).pairs
    assert len(pairs.source) == len(pairs.target) == len(pairs.reply) > 0
    assert all(" : recolour " in reply for reply in pairs.reply)
