from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartedit.models.keys import qformer_key
from smartedit.models.layers import Attention
from smartedit.models.qformer import QFormer

CONFIG = {"hidden": 16, "heads": 4, "mlp": 24, "layers": 3, "encoder_width": 12, "queries": 5}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return QFormer(**CONFIG).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_fully_masked_row_attends_uniformly(dtype):
    torch.manual_seed(1)
    attention = Attention(16, 4, source_width=12).to(dtype)
    query, source = torch.randn(2, 3, 16, dtype=dtype) * 30, torch.randn(2, 7, 12, dtype=dtype)
    mask = torch.tensor([[True] * 7, [False] * 7])
    result = attention(query, source, source, mask)
    mean = attention.out(attention.value(source).float().mean(1, keepdim=True).to(dtype))
    atol = 1e-6 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(result[1:], mean[1:].expand(-1, 3, -1), atol=atol, rtol=1e-2)
    torch.testing.assert_close(result[:1], attention(query[:1], source[:1], source[:1]), atol=1e-2, rtol=1e-2)


def test_a_fully_masked_row_equals_the_published_additive_mask():
    torch.manual_seed(2)
    attention = Attention(16, 4, source_width=12)
    query, source = torch.randn(1, 3, 16), torch.randn(1, 7, 12)
    projected = attention.query(query), attention.key(source), attention.value(source)
    q, k, v = (x.unflatten(2, (4, 4)).transpose(1, 2) for x in projected)
    scores = q @ k.transpose(2, 3) / 2 + torch.finfo(torch.float32).min
    published = attention.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(query, source, source, torch.zeros(1, 7, dtype=torch.bool)), published)


@torch.no_grad()
@given(
    rows=st.lists(st.lists(st.booleans(), min_size=6, max_size=6).filter(any), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_masked_states_do_not_matter(model, rows, seed):
    mask = torch.tensor(rows)
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(len(rows), 6, 12, generator=generator)
    other = torch.where(mask[..., None], states, torch.randn(states.shape, generator=generator) * 100)
    torch.testing.assert_close(model(states, mask), model(other, mask))
    alone = model(states[:1, mask[0]])
    torch.testing.assert_close(model(states, mask)[:1], alone, atol=1e-5, rtol=1e-4)


def test_gradients_are_finite_with_fully_masked_rows(model):
    states = torch.randn(2, 6, 12, requires_grad=True)
    model(states, torch.tensor([[True] * 6, [False] * 6])).square().sum().backward()
    assert states.grad.isfinite().all() and states.grad[0].abs().sum() > 0


def test_dropout_differs_between_rows_in_training(model):
    trained = QFormer(**CONFIG).train()
    context = trained(torch.zeros(2, 3, 12))
    assert not torch.equal(context[0], context[1])


def test_folder_round_trip_keeps_the_null_context(model, tmp_path):
    saved = QFormer(**CONFIG).eval()
    saved.set_null_context(torch.randn(5, 16))
    saved.save_pretrained(tmp_path)
    loaded = QFormer.from_pretrained(tmp_path)
    states = torch.randn(1, 4, 12)
    assert torch.equal(loaded.null_context, saved.null_context)
    assert torch.equal(loaded(states), saved(states))


def test_cross_attention_only_in_every_second_layer(model):
    assert [layer.crosses for layer in model.blocks] == [True, False, True]


def test_keys_with_and_without_prefix():
    official = "sd_qformer.encoder.layer.2.crossattention.self.key.weight"
    assert qformer_key(official) == "blocks.2.cross_attention.key.weight"
    assert qformer_key("qformer.encoder.layer.0.attention.output.LayerNorm.bias") == "blocks.0.self_norm.bias"
    assert qformer_key("sd_query_tokens") == qformer_key("query_tokens") == "query_tokens"
    assert qformer_key("sd_qformer.embeddings.position_ids") is None


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="16 is not divisible by 3"):
        Attention(16, 3)
