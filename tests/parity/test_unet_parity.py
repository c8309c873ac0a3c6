"""The stock UNet with our hook against the published fork."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from golden import load

from smartedit.models.unet import denoise, with_feature


@pytest.fixture(scope="module")
def small():
    case = load("unet_caseA")
    model = UNet2DConditionModel(**case.settings["config"])
    model.load_state_dict(case.under("state."))
    return case, model.eval()


@pytest.mark.parametrize("t", [500.5, 0.0, 999.0])
@torch.no_grad()
def test_prediction_with_feature(small, t):
    case, model = small
    sample, context, feature = case["in.sample"], case["in.encoder_hidden_states"], case["in.image_residual"]
    case.assert_close(denoise(model, sample, t, context, feature), f"out.sample_t{t}")
    case.assert_close(denoise(model, sample, t, context), f"out.sample_zero_residual_t{t}")


@torch.no_grad()
def test_sum_after_the_first_convolution(small):
    case, model = small
    case.assert_close(model.conv_in(case["in.sample"]), "out.conv_in")
    with with_feature(model, case["in.image_residual"]):
        case.assert_close(model.conv_in(case["in.sample"]), "out.after_add")
