from __future__ import annotations

import pytest
import small
import torch

from smartedit.models.smartedit import Condition, Understanding


@pytest.fixture(scope="module")
def model():
    model = small.smartedit()
    for head in (model.bim.context_out, model.bim.feature_out):
        torch.nn.init.normal_(head.weight, std=0.3)
    return model


@pytest.fixture(scope="module")
def understanding(model):
    torch.manual_seed(3)
    return model.understand(small.prompt(9, 10), view=torch.randn(1, 3, 16, 16), max_tokens=5)


@torch.no_grad()
def test_the_walk(model, understanding):
    assert understanding.edit_states.shape == (1, 32, 32) and len(understanding.reply) == 1
    condition = model.condition(understanding, (8, 8))
    assert condition.context.shape == (1, 5, 16) and condition.feature.shape == (1, 8, 8, 8)
    noisy, source = torch.randn(2, 1, 4, 8, 8)
    assert model.denoise(noisy, source, 5, condition).shape == (1, 4, 8, 8)


def test_a_picture_is_encoded_once_and_asked_often(model, monkeypatch):
    view = torch.randn(1, 3, 16, 16)
    first = model.understand(small.prompt(9), view=view, max_tokens=3)
    monkeypatch.setattr(model.mllm, "encode_view", lambda _: pytest.fail("encoded again"))
    again = model.understand(small.prompt(9), image_features=first.image_features, max_tokens=3)
    torch.testing.assert_close(again.edit_states, first.edit_states)
    prompts = torch.cat([small.prompt(9), small.prompt(12)])
    many = model.understand(prompts, image_features=first.image_features, max_tokens=3)
    torch.testing.assert_close(many.edit_states[:1], first.edit_states, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(many.edit_states[1], many.edit_states[0], atol=1e-2)


def test_a_given_reply_is_read_not_worded(model, understanding, monkeypatch):
    monkeypatch.setattr(model.mllm, "generate_reply", lambda *_, **__: pytest.fail("worded a reply"))
    again = model.understand(
        small.prompt(9, 10), image_features=understanding.image_features, reply=understanding.reply
    )
    torch.testing.assert_close(again.edit_states, understanding.edit_states)
    other = model.understand(
        small.prompt(9, 10), image_features=understanding.image_features, reply=[torch.tensor([33, 34])]
    )
    assert not torch.allclose(other.edit_states, understanding.edit_states, atol=1e-2)


@torch.no_grad()
def test_without_words_keeps_the_feature(model, understanding):
    model.qformer.set_null_context(torch.full((5, 16), 0.5))
    condition = model.condition(understanding, (8, 8))
    wordless = model.without_words(condition)
    assert wordless.feature is condition.feature
    assert torch.equal(wordless.context, torch.full((1, 5, 16), 0.5))
    assert torch.equal(model.null_context, wordless.context)


@torch.no_grad()
def test_without_bim_the_context_goes_straight_to_the_unet(understanding):
    model = small.smartedit(with_bim=False)
    condition = model.condition(understanding, (8, 8))
    assert condition.feature is None
    assert torch.equal(condition.context, model.qformer(understanding.edit_states))


@torch.no_grad()
def test_anchored_predictions_start_at_the_source():
    model = small.smartedit(anchored=True)
    torch.nn.init.zeros_(model.unet.conv_out.weight)
    torch.nn.init.zeros_(model.unet.conv_out.bias)
    noisy, source = torch.randn(2, 1, 4, 8, 8)
    condition = Condition(torch.randn(1, 5, 16))
    assert torch.equal(model.denoise(noisy, source, 5, condition), source)
    model.anchored = False
    assert not model.denoise(noisy, source, 5, condition).any()


def test_gradient_flows_from_prediction_to_the_language_model():
    model = small.smartedit()
    torch.nn.init.normal_(model.bim.feature_out.weight)
    ids = torch.cat([small.prompt(9), torch.tensor([small.EDIT])], dim=1)
    features = model.mllm.encode_view(torch.randn(1, 3, 16, 16))
    states, mask = model.mllm(ids, features).edit_states()
    condition = model.condition(Understanding(states, features, []), (8, 8), mask)
    noisy, source = torch.randn(2, 1, 4, 8, 8)
    model.denoise(noisy, source, 5, condition).square().sum().backward()
    for part in ("language_model.model.layers.0.self_attn.q_proj.weight", "projector.linear.weight"):
        assert model.mllm.get_parameter(part).grad.any(), part
    assert model.qformer.query_tokens.grad.any() and model.bim.context_in.weight.grad.any()
