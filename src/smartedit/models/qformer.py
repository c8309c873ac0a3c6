"""QFormer: learned queries read the states of the edit tokens and become the context of the UNet."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from .layers import Attention


class QFormerLayer(nn.Module):
    """Self-attention, in every `cross_every`-th layer cross-attention, MLP; each with dropout, residual, post-norm."""

    def __init__(self, hidden: int, heads: int, mlp: int, encoder_width: int | None, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(hidden, heads, dropout=dropout)
        self.self_norm = nn.LayerNorm(hidden, eps=1e-12)
        if encoder_width is not None:
            self.cross_attention = Attention(hidden, heads, source_width=encoder_width, dropout=dropout)
            self.cross_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.crosses = encoder_width is not None
        self.mlp = nn.Sequential(nn.Linear(hidden, mlp), nn.GELU(), nn.Linear(mlp, hidden))
        self.mlp_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, states: Tensor, mask: Tensor | None) -> Tensor:
        x = self.self_norm(x + self.dropout(self.self_attention(x, x, x)))
        if self.crosses:
            x = self.cross_norm(x + self.dropout(self.cross_attention(x, states, states, mask)))
        return self.mlp_norm(x + self.dropout(self.mlp(x)))


class QFormer(ModelMixin, ConfigMixin):
    """BERT-style, post-norm, without positions: the queries are told apart by what they learned.

    Args: `hidden` width of queries and result, `heads`, `mlp`, `layers`, `cross_every` (layers 0, n, 2n ... look at
    the states), `encoder_width` width of the language model's states, `queries` their number, `dropout`.

    `null_context` (1, queries, hidden) is the context that stands for "no instruction" in guidance; zeros until set.
    """

    _no_split_modules = ["QFormerLayer"]

    @register_to_config
    def __init__(
        self,
        hidden: int = 768,
        heads: int = 12,
        mlp: int = 3072,
        layers: int = 6,
        cross_every: int = 2,
        encoder_width: int = 4096,
        queries: int = 77,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.randn(1, queries, hidden) * 0.02)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.drop = nn.Dropout(dropout)
        widths = [encoder_width if i % cross_every == 0 else None for i in range(layers)]
        self.blocks = nn.ModuleList(QFormerLayer(hidden, heads, mlp, width, dropout) for width in widths)
        self.register_buffer("null_context", torch.zeros(1, queries, hidden))
        self.apply(_init_bert)

    def forward(self, states: Tensor, mask: Tensor | None = None, return_hidden: bool = False):
        """(B, T, encoder_width), bool (B, T), True where a state counts -> context (B, queries, hidden).

        Rows without any True see the mean of all their states. With `return_hidden` the result is
        (context, [queries after the norm, output of every layer]).
        """
        hidden = [self.drop(self.norm(self.query_tokens).expand(len(states), -1, -1))]
        for layer in self.blocks:
            hidden.append(layer(hidden[-1], states, mask))
        return (hidden[-1], hidden) if return_hidden else hidden[-1]

    def set_null_context(self, context: Tensor) -> None:
        """Store the context of the empty instruction, (1, queries, hidden)."""
        self.null_context.copy_(context.detach().reshape(self.null_context.shape))


def _init_bert(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
