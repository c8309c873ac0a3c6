from __future__ import annotations

import pytest
import torch

from smartedit.errors import ModelError
from smartedit.models.bim import BIM

CONFIG = {"context_width": 10, "width": 16, "mlp": 20, "heads": 4, "depth": 2, "image_width": 12, "feature_channels": 6}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BIM(**CONFIG).eval()


def _with_heads(model: BIM) -> BIM:
    for head in (model.context_out, model.feature_out):
        torch.nn.init.normal_(head.weight, std=0.1)
    return model


def test_a_new_bim_changes_nothing(model):
    context = torch.randn(2, 5, 10)
    informed, feature = model(context, torch.randn(2, 9, 12), (8, 8))
    assert torch.equal(informed, context)
    assert feature.shape == (2, 6, 8, 8) and not feature.any()


def test_heads_learn_from_the_first_step(model):
    informed, feature = model(torch.randn(2, 5, 10), torch.randn(2, 9, 12), (8, 8))
    (informed.sum() + feature.sum()).backward()
    assert model.context_out.weight.grad.any() and model.feature_out.weight.grad.any()


@torch.no_grad()
def test_each_side_hears_the_other(model):
    _with_heads(model)
    context, image = torch.randn(1, 5, 10), torch.randn(1, 9, 12)
    informed, feature = model(context, image, (6, 6))
    assert not torch.allclose(model(context, image * 2, (6, 6))[0], informed)
    assert not torch.allclose(model(context * 2, image, (6, 6))[1], feature)


@torch.no_grad()
def test_grids_that_are_not_square(model):
    _with_heads(model)
    context, image = torch.randn(1, 5, 10), torch.randn(1, 12, 12)
    _, wide = model(context, image, (3, 4), grid=(3, 4))
    _, tall = model(context, image, (4, 3), grid=(4, 3))
    assert wide.shape == (1, 6, 3, 4) and tall.shape == (1, 6, 4, 3)
    assert not torch.allclose(wide.flatten(), tall.flatten())  # positions differ, so the grid matters
    assert torch.equal(model(context, image[:, :9], (6, 6))[1], model(context, image[:, :9], (6, 6), grid=(3, 3))[1])


@pytest.mark.parametrize("grid", [None, (2, 4)])
def test_a_grid_that_does_not_fit_is_refused(model, grid):
    with pytest.raises(ModelError, match="does not hold 10 patches"):
        model(torch.randn(1, 5, 10), torch.randn(1, 10, 12), (8, 8), grid=grid)


@torch.no_grad()
def test_feature_is_interpolated_before_its_head(model):
    _with_heads(model)
    context, image = torch.randn(1, 5, 10), torch.randn(1, 4, 12)
    code = model.context_in(context)
    _, keys = model.interact(code, model.image_in(image), model.position_code(2, 2))
    grown = torch.nn.functional.interpolate(keys.transpose(1, 2).unflatten(2, (2, 2)), size=(5, 7), mode="bilinear")
    torch.testing.assert_close(model(context, image, (5, 7))[1], model.feature_out(grown))


def test_equal_widths_need_no_extra_weights():
    assert not list(BIM(**{**CONFIG, "image_width": 16}).image_in.parameters())
    assert BIM(**CONFIG).image_in.weight.shape == (16, 12)


def test_folder_round_trip_keeps_the_position_matrix(model, tmp_path):
    _with_heads(model).save_pretrained(tmp_path)
    loaded = BIM.from_pretrained(tmp_path)
    assert torch.equal(loaded.position_matrix, model.position_matrix)
    inputs = torch.randn(1, 5, 10), torch.randn(1, 9, 12), (4, 4)
    assert torch.equal(loaded(*inputs)[1], model(*inputs)[1])
