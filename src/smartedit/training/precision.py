"""In which precision a step is computed: weights, sums and losses in float32, products in bfloat16 where a machine has these."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from smartedit.models.wide import halves_are_slow


def half_products(device: torch.device) -> AbstractContextManager:
    """Within the block matrices are multiplied in bfloat16, unless this machine only imitates that."""
    slow = not torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else halves_are_slow()
    return nullcontext() if slow else torch.autocast(device.type, torch.bfloat16)


def short_attention(device: torch.device) -> AbstractContextManager:
    """For a hundred tokens or fewer: a processor's fused attention, made for long rows, is slow there on the way back."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
