"""Shards to arrays: what is cached is what was rendered."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartedit.data import scenes
from smartedit.data.cache import COMPLEX, EDITING, PERCEPTION, Cache, coverage, encode_pairs, kind_of_data, owners
from smartedit.data.mixture import Mixture
from smartedit.errors import TrainingError
from smartedit.world.pairs import make_pairs
from smartedit.world.splits import SEEDS


def test_owner_of_a_patch_covers_it():
    ids = np.zeros((40, 40), int)
    ids[:20, :20] = 1  # object 1 fills a quarter
    ids[20:, 20:] = -2  # the mirror image of object 2 another
    ids[20:21, :20] = 3  # object 3 scratches a third: too little to own it, little enough to call it empty
    assert owners(coverage(ids, 2)).tolist() == [1, 0, 0, 2]
    ids[20:25, :20] = 3
    cover = coverage(ids, 2)
    assert owners(cover).tolist() == [1, 0, -1, 2]
    assert cover[0, :3].tolist() == [[255, 0, 0, 0], [0, 0, 0, 0], [0, 0, 64, 0]] and cover[1, 1].tolist() == [0, 0, 0, 255]


@given(st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_coverage_adds_up_and_owners_are_there(grid, seed):
    ids = np.random.default_rng(seed).integers(-2, 3, size=(32, 32))
    cover = coverage(ids, grid)
    assert set(owners(cover).tolist()) <= {-1, 0, 1, 2}
    edges = np.linspace(0, 32, grid + 1).round().astype(int)
    sizes = np.outer(np.diff(edges), np.diff(edges)).ravel()
    assert abs((cover.sum((0, 1)) / 255 * sizes).sum() - (ids != 0).sum()) < 4


def test_drawn_scenes_join_the_cache(mini_run, tmp_path, monkeypatch):
    monkeypatch.setattr(scenes, "SHARD", 3)
    assert scenes.draw_scenes(tmp_path, 6, view_size=160, patch=16) == 2
    assert scenes.draw_scenes(tmp_path, 6, view_size=160, patch=16) == 0
    cache = Cache(tmp_path)
    assert len(cache.scenes) == 6 and not cache.pairs and cache.pairs_of == [[]] * 6
    assert {scene["seed"] for scene in cache.scenes} == set(range(scenes.BEHIND, scenes.BEHIND + 6))
    assert scenes.draw_scenes(tmp_path, 3, view_size=160, patch=16, first=9) == 1
    assert {scene["seed"] for scene in Cache(tmp_path).scenes} == {*range(scenes.BEHIND, scenes.BEHIND + 6), *range(scenes.BEHIND + 9, scenes.BEHIND + 12)}
    assert scenes.draw_scenes(tmp_path / "far", 3, view_size=160, patch=16, first=scenes.BEHIND + 1) == 1
    assert all(scene["seed"] in SEEDS["train"] for scene in Cache(tmp_path / "far").scenes)
    batch = cache.pictures([5])
    box = batch.described[0]["objects"][0]["box"]
    rows, columns = np.nonzero(batch.cover[0, 0, 0].view(10, 10).numpy())
    assert abs(columns.min() / 10 - box[0]) < 0.11 and abs((rows.max() + 1) / 10 - box[3]) < 0.11


def test_pairs_know_their_scene_and_each_other(mini_run):
    cache = mini_run.shop.train
    for pair in range(len(cache.pairs)):
        scene = cache.scene_of(pair)
        assert pair in cache.pairs_of[scene] and cache.pairs[pair]["id"].split("-")[1] == str(cache.scenes[scene]["seed"])
        row = cache.together(pair, 2, np.random.default_rng(0))
        assert row[0] == pair and len(row) == 2 and {cache.scene_of(p) for p in row} == {scene}


def test_what_is_meant_is_what_the_picture_shows_of_the_targets(mini_run):
    cache = mini_run.shop.train
    assert len(mini_run.pairs) <= len(cache.pairs)
    batch = cache.edits(range(len(mini_run.pairs)))
    assert batch.meant.shape == (len(mini_run.pairs), 1, 256, 256) and batch.meant.dtype == torch.bool
    known = 0
    for pair, meant in zip(mini_run.pairs, batch.meant[:, 0].numpy(), strict=True):
        named = pair.edit.get("target", [])
        ids = [thing["id"] for thing in pair.scene["objects"]]
        numbers = [ids.index(id) + 1 for id in ([named] if isinstance(named, str) else named)]
        sign = -1 if pair.edit.get("mirror") else 1
        np.testing.assert_array_equal(meant, np.isin(pair.region_ids, [sign * number for number in numbers]))
        known += bool(numbers)
    assert 0 < known < len(mini_run.pairs)


def test_what_something_is_put_beside_is_what_the_picture_shows_of_the_anchor(tmp_path):
    """Of a move: the thing that is moved is meant, that beside which it is put is another."""
    pairs = [pair for index in range(40) for pair in make_pairs("train", index) if pair.op in ("add", "move") and pair.edit.get("anchor")][:3]
    rows = [{**vars(pair), "scene": json.dumps(pair.scene)} for pair in pairs]
    encode_pairs(rows, tmp_path / "train-00000.npz", lambda pictures: torch.zeros(len(pictures), 4, 16, 16), view_size=160, patch=16)
    batch = Cache(tmp_path).edits(range(len(pairs)))
    assert len(pairs) == 3
    for pair, beside, meant in zip(pairs, batch.beside[:, 0].numpy(), batch.meant[:, 0].numpy(), strict=True):
        number = [thing["id"] for thing in pair.scene["objects"]].index(pair.edit["anchor"]) + 1
        np.testing.assert_array_equal(beside, pair.region_ids == number)
        assert beside.any() and not (beside & meant).any() and meant.any() == (pair.op == "move")


def test_a_cache_of_an_older_version_is_refused(mini_run, tmp_path):
    folder = shutil.copytree(mini_run.out / "cache" / "train", tmp_path / "cache" / "train")
    shard = next(folder.glob("train-*.npz"))
    arrays = dict(np.load(shard))
    np.savez(shard, **{key: value for key, value in arrays.items() if key != "beside"})
    with pytest.raises(TrainingError, match=f"{shard.name} was made by an older version; delete {tmp_path / 'cache'} and"):
        Cache(folder)


def test_no_pairs_are_an_empty_batch(mini_run, tmp_path):
    """Also where the first shard is one of scenes, which has no pairs at all."""
    folder = shutil.copytree(mini_run.out / "cache" / "train", tmp_path / "cache")
    scenes.draw_scenes(folder, 1, view_size=160, patch=16)
    cache = Cache(folder)
    none, one = cache.edits([]), cache.edits([0])
    assert none.with_more(one).reply == one.reply and torch.equal(none.with_more(one).target, one.target)


def test_flipping_twice_changes_nothing_and_once_moves_left_to_right(mini_run):
    pictures = mini_run.shop.train.pictures([0, 1])
    both = torch.tensor([True, True])
    once, twice = pictures.flipped(both), pictures.flipped(both).flipped(both)
    assert twice.described == pictures.described and torch.equal(twice.view, pictures.view)
    assert torch.equal(twice.cover, pictures.cover) and torch.equal(twice.patches, pictures.patches)
    first, turned = pictures.described[0]["objects"][0], once.described[0]["objects"][0]
    assert abs(first["box"][0] + turned["box"][2] - 1) < 1e-3 and turned["x"] == -first["x"]
    assert torch.equal(once.view, pictures.view.flip(-1))
    assert pictures.flipped(torch.tensor([True, False])).described[1] == pictures.described[1]


def test_kinds_of_data():
    assert kind_of_data("paint", "reasoning") == PERCEPTION
    assert kind_of_data("remove", "reasoning") == COMPLEX
    assert kind_of_data("remove", "plain") == EDITING


def test_missing_cache_says_what_to_run(tmp_path):
    with pytest.raises(TrainingError, match="autoencoder"):
        Cache(tmp_path)


class _Counted:
    by_kind = {EDITING: np.arange(10), PERCEPTION: np.arange(10, 20), COMPLEX: np.array([], int)}
    pairs = [{"op": "replace" if i in (0, 10) else "remove"} for i in range(20)]


def test_mixture_keeps_its_shares_and_passes_over_what_is_missing():
    drawn = np.array(Mixture(editing=0.6, perception=0.2, complex=0.2).draw(_Counted(), 4000, np.random.default_rng(0)))
    assert abs((drawn < 10).mean() - 0.75) < 0.03
    assert drawn.max() < 20
    assert abs(np.isin(drawn, (0, 10)).mean() - 6 / 15) < 0.03  # one in ten, six times as likely as the others


def test_cached_pairs_are_the_rendered_pairs(mini_run):
    shop, pairs = mini_run.shop, mini_run.pairs
    batch = shop.train.edits(range(len(pairs)))
    assert batch.instruction == [pair.instruction for pair in pairs]
    for row, pair in enumerate(pairs):
        x = torch.from_numpy(pair.before.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        latents = shop.parts["vae"].encode(x).latent_dist.mode()[0]
        assert torch.allclose(batch.source[row], latents, atol=2e-3)
        assert abs(batch.region[row].mean().item() - pair.mask.mean()) < 0.003
