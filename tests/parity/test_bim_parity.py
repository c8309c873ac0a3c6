"""Our BIM against the published one: position code, both blocks, both heads."""

from __future__ import annotations

import pytest
import torch
from golden import drawn, load, recipe_weights

from smartedit.models.bim import BIM
from smartedit.models.keys import bim_key, renamed


@pytest.fixture(scope="module")
def small():
    case = load("bim_caseA")
    model = BIM(context_width=48, width=64, mlp=96, heads=8, depth=2, feature_channels=20)
    model.load_state_dict(renamed(case.under("state."), bim_key))
    return case, model.eval()


@torch.no_grad()
def test_position_code(small):
    case, model = small
    as_map = model.position_code(4, 4).T.unflatten(1, (4, 4))
    case.assert_close(as_map, "out.position_encoding")
    case.assert_close(model.position_code(3, 5).T.unflatten(1, (3, 5)), "out.pe_nonsquare_3x5")


@torch.no_grad()
def test_streams_block_by_block(small):
    case, model = small
    code, image = model.context_in(case["in.query_output"]), case["in.clip_image_feature"]
    case.assert_close(code, "out.point_embedding")
    position, tokens = model.position_code(4, 4), code
    for i, block in enumerate(model.blocks):
        tokens, image = block(tokens, image, code, position)
        case.assert_close(tokens, f"out.block{i}.queries")
        case.assert_close(image, f"out.block{i}.keys")
    tokens, image = model.interact(code, case["in.clip_image_feature"], position)
    case.assert_close(tokens, "out.tokens")
    case.assert_close(image, "out.keys")


@pytest.mark.parametrize("size", [(8, 8), (12, 12), (6, 10)])
@torch.no_grad()
def test_context_and_feature(small, size):
    case, model = small
    context, feature = model(case["in.query_output"], case["in.clip_image_feature"], size)
    case.assert_close(context, "out.prompt_embeds")
    case.assert_close(feature, f"out.image_residual_{size[0]}x{size[1]}")


@torch.no_grad()
def test_published_size():
    case = load("bim_real_recipeA")
    seed = case.settings["seed"]
    state = recipe_weights(case.settings["keys_shapes"], seed)
    for name, probe in case.under("probe.").items():
        assert torch.equal(state[name].flatten()[:16], probe), name
    with torch.device("meta"):
        model = BIM()
    model.load_state_dict(renamed(state, bim_key), assign=True)
    image, context = drawn(seed + 1, (1, 256, 1024)), drawn(seed + 2, (1, 77, 768))
    informed, feature = model(context, image, (32, 32))
    case.assert_close((informed - context) / 0.5, "out.text_residual")
    case.assert_close(feature, "out.image_residual_32")
    case.assert_close(model(context, image, (48, 48))[1][:, ::8], "out.image_residual_48")
