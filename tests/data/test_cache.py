"""Shards to arrays: what is cached is what was rendered."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartedit.data.cache import COMPLEX, EDITING, PERCEPTION, Cache, kind_of_data, patch_owners
from smartedit.data.mixture import Mixture
from smartedit.errors import TrainingError


def test_owner_of_a_patch_covers_it():
    ids = np.full((40, 40), 128, np.uint8)
    ids[:20, :20] = 129  # object 1 fills a quarter
    ids[20:, 20:] = 126  # the mirror image of object 2 another
    ids[20:22, :20] = 131  # object 3 only scratches a third: too little to own it, too much to call it empty
    assert patch_owners(ids, 2).tolist() == [1, 0, 0, 2]
    ids[20:25, :20] = 131
    assert patch_owners(ids, 2).tolist() == [1, 0, -1, 2]


@given(st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_owners_name_objects_that_are_there(grid, seed):
    ids = np.random.default_rng(seed).integers(126, 131, size=(32, 32)).astype(np.uint8)
    assert set(patch_owners(ids, grid).tolist()) <= {-1, 0, 1, 2}


def test_kinds_of_data():
    assert kind_of_data("paint", "reasoning") == PERCEPTION
    assert kind_of_data("remove", "reasoning") == COMPLEX
    assert kind_of_data("remove", "plain") == EDITING


def test_missing_cache_says_what_to_run(tmp_path):
    with pytest.raises(TrainingError, match="autoencoder"):
        Cache(tmp_path)


class _Counted:
    by_kind = {EDITING: np.arange(10), PERCEPTION: np.arange(10, 20), COMPLEX: np.array([], int)}


def test_mixture_keeps_its_shares_and_passes_over_what_is_missing():
    drawn = np.array(Mixture(editing=0.6, perception=0.2, complex=0.2).draw(_Counted(), 4000, np.random.default_rng(0)))
    assert abs((drawn < 10).mean() - 0.75) < 0.03
    assert drawn.max() < 20


def test_cached_pairs_are_the_rendered_pairs(mini_run):
    shop, pairs = mini_run.shop, mini_run.pairs
    batch = shop.train.edits(range(len(pairs)))
    assert batch.instruction == [pair.instruction for pair in pairs]
    for row, pair in enumerate(pairs):
        x = torch.from_numpy(pair.before.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        latents = shop.parts["vae"].encode(x).latent_dist.mode()[0]
        assert torch.allclose(batch.source[row], latents, atol=2e-3)
        assert abs(batch.region[row].mean().item() - pair.mask.mean()) < 0.003
