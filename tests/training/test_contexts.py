"""Contexts that are read once: the same as BIM is given when the model is used, with the places of their own pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartedit.conversation import CONTEXT_LENGTH
from smartedit.errors import TrainingError
from smartedit.training import objectives
from smartedit.training.contexts import Contexts, read_contexts
from smartedit.training.workshop import normalise_view


def test_what_is_read_is_what_an_edit_is_given(mini_run):
    shop = mini_run.shop
    context, features = objectives.said(shop, [0, 1])
    pairs = shop.train.edits([0, 1])
    ids, mask = shop.prompts(pairs.instruction)
    with torch.no_grad():
        used = shop.model(with_bim=False).understand(ids, mask, view=normalise_view(pairs.view), max_tokens=CONTEXT_LENGTH)
        expected = shop.parts["qformer"](used.edit_states)
    torch.testing.assert_close(context, expected, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(features, used.image_features, atol=1e-5, rtol=1e-4)


def test_contexts_are_read_once_and_keep_to_their_pairs(mini_run, tmp_path, monkeypatch):
    monkeypatch.setattr("smartedit.training.contexts.PAIRS", 2)
    cache, asked = mini_run.shop.train, []

    def read(pairs):
        asked.extend(pairs)
        scenes = torch.tensor([cache.scene_of(pair) for pair in pairs])
        return torch.tensor(pairs).view(-1, 1, 1).float(), scenes.view(-1, 1, 1).expand(-1, 100, 1).float()

    read_contexts(cache, 3, tmp_path, read)
    read_contexts(cache, 5, tmp_path, read)
    read_contexts(cache, 5, tmp_path, read)
    assert asked == [0, 1, 2, 3, 4]
    drawn = Contexts(cache, tmp_path).draw(40, np.random.default_rng(0))
    pairs = drawn.context[:, 0, 0].long().tolist()
    assert set(pairs) == {0, 1, 2, 3, 4}
    assert drawn.features[:, 0, 0].tolist() == [cache.scene_of(pair) for pair in pairs]
    torch.testing.assert_close(drawn.where, cache.changed_patches(pairs, 100))
    assert drawn.where.shape == (40, 1, 10, 10) and 0 < drawn.where.max() <= 1


def test_no_contexts_are_one_line(mini_run, tmp_path):
    with pytest.raises(TrainingError, match="no contexts in .*another --out"):
        Contexts(mini_run.shop.train, tmp_path)
