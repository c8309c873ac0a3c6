"""Our QFormer against the published one."""

from __future__ import annotations

import pytest
import torch
from golden import drawn, load, recipe_weights

from smartedit.models.keys import qformer_key, renamed
from smartedit.models.qformer import QFormer


def _loaded(model: QFormer, state: dict, queries: torch.Tensor) -> QFormer:
    ours = renamed({**state, "sd_query_tokens": queries}, qformer_key)
    missing, unexpected = model.load_state_dict(ours, strict=False, assign=True)
    assert missing == ["null_context"] and not unexpected
    return model.eval()


@pytest.fixture(scope="module")
def small():
    case = load("qformer_caseA")
    model = QFormer(hidden=64, heads=4, mlp=128, layers=6, cross_every=2, encoder_width=96, queries=11)
    return case, _loaded(model, case.under("state."), case["in.query_tokens"])


@torch.no_grad()
def test_every_hidden_state_without_mask(small):
    case, model = small
    context, hidden = model(case["in.encoder_hidden_states"], return_hidden=True)
    case.assert_close(hidden[0][:1], "out.embeddings")
    assert len(hidden) == 7
    for i, state in enumerate(hidden):
        case.assert_close(state, f"out.no_mask.hidden_states.{i}")
    case.assert_close(context, "out.no_mask.last_hidden_state")


@torch.no_grad()
def test_masked_states_and_a_fully_masked_row(small):
    case, model = small
    mask = case["in.encoder_attention_mask"]
    assert mask[0].any() and not mask[1].any()
    case.assert_close(model(case["in.encoder_hidden_states"], mask), "out.masked.last_hidden_state")


@torch.no_grad()
def test_published_size():
    case = load("qformer_real7b_recipeA")
    shapes, seed = case.settings["keys_shapes"], case.settings["seed"]
    state = recipe_weights(shapes, seed)
    for name, probe in case.under("probe.").items():
        assert torch.equal(state[name].flatten()[:16], probe), name
    with torch.device("meta"):
        model = QFormer()
    _loaded(model, state, drawn(seed + 1, (1, 77, 768), 0.5))
    states = drawn(seed + 2, (2, 32, 4096))
    case.assert_close(model(states), "out.no_mask.last_hidden_state")
    case.assert_close(model(states, case["in.encoder_attention_mask"]), "out.masked.last_hidden_state")
