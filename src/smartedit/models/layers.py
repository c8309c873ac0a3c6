"""Small layers that several parts share: the one attention of QFormer and BIM, and layers that start at zero."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Scores scaled by 1/sqrt(head width), all projections with bias.

    `width` is that of the queries and of the result, `source_width` that of keys and values (default `width`),
    `inner` the width in which heads work (default `width`).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        source_width: int | None = None,
        inner: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        source_width, inner = source_width or width, inner or width
        if inner % heads:
            raise ValueError(f"attention width {inner} is not divisible by {heads} heads")
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(source_width, inner)
        self.value = nn.Linear(source_width, inner)
        self.out = nn.Linear(inner, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, n, width), (B, m, source), (B, m, source), bool mask (B, m) or None -> (B, n, width).

        A row whose mask is False everywhere attends uniformly: the published additive mask (the lowest finite
        number everywhere) means just that, while a boolean mask alone would give NaN.
        """
        q = self.query(query)
        if mask is not None:
            alive = mask.any(dim=1)
            # Zero queries make every score equal, hence uniform weights in any precision.
            q = q * alive[:, None, None].to(q.dtype)
            mask = (mask | ~alive[:, None])[:, None, None, :]
        mixed = scaled_dot_product_attention(
            self._split(q),
            self._split(self.key(key)),
            self._split(self.value(value)),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def zeroed(layer: nn.Module) -> nn.Module:
    """The layer with weight and bias set to zero: what it is added to starts out unchanged."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
