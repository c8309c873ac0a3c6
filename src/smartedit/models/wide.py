"""Weights that rest in half precision and compute in float32, for processors without half-precision arithmetic.

There a product of bfloat16 matrices takes six times as long as one of float32, and a convolution a thousand times. Each
layer widens its own weights for the moment of its call, so memory stays that of half precision plus one layer.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _w(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.float()


_CALLS = {
    nn.Linear: lambda m, x: F.linear(x.float(), _w(m.weight), _w(m.bias)),
    nn.Conv2d: lambda m, x: m._conv_forward(x.float(), _w(m.weight), _w(m.bias)),
    nn.GroupNorm: lambda m, x: F.group_norm(x.float(), m.num_groups, _w(m.weight), _w(m.bias), m.eps),
    nn.LayerNorm: lambda m, x: F.layer_norm(x.float(), m.normalized_shape, _w(m.weight), _w(m.bias), m.eps),
    nn.Embedding: lambda m, ids: F.embedding(ids, m.weight, m.padding_idx).float(),
}


def compute_wide(part: nn.Module) -> nn.Module:
    """Let every layer of a part with half-precision weights compute, and answer, in float32; gives the part.

    Only for inference: such layers are called with one tensor.
    """
    for module in part.modules():
        call = _CALLS.get(type(module))
        if call is not None and module.weight is not None and module.weight.dtype in (torch.bfloat16, torch.float16):
            module.forward = functools.partial(call, module)
    return part


def halves_are_slow() -> bool:
    """Whether this processor lacks arithmetic in bfloat16."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return not any(check() for check in checks if check is not None)
