"""Products in bfloat16 where a machine has them: nearly the same losses, weights and gradients in float32."""

from __future__ import annotations

import pytest
import torch

from smartedit.training import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("slow", [True, False])
def test_only_products_are_taken_in_half_precision_and_only_where_they_are_quick(monkeypatch, slow):
    monkeypatch.setattr(precision, "halves_are_slow", lambda: slow)
    layer, x = torch.nn.Linear(64, 64), torch.randn(8, 64)
    with precision.half_products(CPU):
        y = layer(x)
        loss = (y - x).square().mean()
    loss.backward()
    assert y.dtype == (torch.float32 if slow else torch.bfloat16)
    assert loss.dtype == layer.weight.grad.dtype == torch.float32


def test_short_attention_is_attention():
    q, k, v = torch.randn(3, 2, 4, 64, 8).unbind()
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    with precision.short_attention(CPU):
        assert torch.allclose(torch.nn.functional.scaled_dot_product_attention(q, k, v), wanted, atol=1e-5)
