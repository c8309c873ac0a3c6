"""Scenes in other settings: their pictures are those of the rendered scenes, and every pair is told right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from smartedit.data.cache import SETTINGS
from smartedit.data.settings import ONE_IN, PAIRS_EACH, PARTS, SETTINGS_EACH, draw_settings
from smartedit.world.edit_json import edit_from_json
from smartedit.world.pairs import LEAST_CHANGED, make_settings
from smartedit.world.proposals import in_split
from smartedit.world.render import render
from smartedit.world.sampling import sample_scene
from smartedit.world.scene import Scene
from smartedit.world.splits import SEEDS
from smartedit.world.surfaces import TABLES


@pytest.mark.parametrize("part", PARTS)
def test_pairs_differ_in_one_part_of_the_setting_only(part):
    scene = sample_scene(SEEDS["train"][3])
    pairs = make_settings("train", scene, part, SETTINGS_EACH, PAIRS_EACH, size=64)
    assert len({pair.id for pair in pairs}) == len(pairs) >= 6 and getattr(Scene.from_json(pairs[0].scene), part) == getattr(scene, part)
    for pair in pairs:
        before = Scene.from_json(pair.scene)
        after = edit_from_json(pair.edit).apply(before)
        assert replace(before, **{part: getattr(scene, part)}).objects == scene.objects
        assert replace(after, **{part: getattr(before, part)}) == before and getattr(after, part) != getattr(before, part)
        np.testing.assert_array_equal(pair.before, render(before, 64).picture)
        np.testing.assert_array_equal(pair.after, render(after, 64).picture)
        assert in_split(before, "train") and in_split(after, "train") and pair.mask.mean() * 256**2 >= LEAST_CHANGED
        assert pair.reply == f"{part} : {getattr(after, part)} ." and pair.group == "plain" and pair.instruction
        assert pair.op == ("light" if part == "light" else "surface")


def test_a_split_allows_only_its_own_tables():
    """What stands on a table may be a combination of another split there: such tables are left out."""
    for seed in SEEDS["train"][:12]:
        scene = sample_scene(seed)
        fits = [name for name in TABLES if in_split(scene, "train", name)]
        seen = {Scene.from_json(pair.scene).table for pair in make_settings("train", scene, "table", 99, 1, size=16)}
        assert seen <= set(fits)


def test_the_same_scene_gives_the_same_pairs():
    scene = sample_scene(SEEDS["train"][0])
    one, other = (make_settings("train", scene, "wall", 3, 1, size=32) for _ in range(2))
    assert [(pair.id, pair.instruction) for pair in one] == [(pair.id, pair.instruction) for pair in other]


def test_a_cache_holds_them_beside_the_pairs_of_their_shard(mini_run):
    cache, encode = mini_run.shop.train, mini_run.shop.parts["vae"].encode
    stored = [number for number, pair in enumerate(cache.pairs) if pair["reply"].startswith(("light", "table", "wall")) and pair["id"].count("-") == 4]
    scenes = {pair.seed for pair in mini_run.pairs}
    assert 0 < len(stored) <= SETTINGS_EACH * PAIRS_EACH * -(-len(scenes) // ONE_IN)
    batch = cache.edits(stored[:3])
    for i, number in enumerate(stored[:3]):
        scene = Scene.from_json(cache.scenes[cache.scene_of(number)])
        part, name = cache.pairs[number]["reply"].removesuffix(" .").split(" : ")
        for latents, truth in ((batch.source[i], scene), (batch.target[i], replace(scene, **{part: name}))):
            x = torch.from_numpy(render(truth).picture).permute(2, 0, 1)[None].float() / 127.5 - 1
            torch.testing.assert_close(latents, encode(x).latent_dist.mode()[0], atol=2e-2, rtol=1e-2)


def test_a_shard_is_drawn_once(mini_run):
    def encode(_):
        raise AssertionError("nothing is left to encode")

    folder = mini_run.out / "cache" / "train"
    assert list(folder.glob(f"{SETTINGS}-*.npz")) and draw_settings(mini_run.data / "train", folder, encode, 160, 16) == 0
