"""Adding LoRA's update to the weight it adapts."""

from __future__ import annotations

import torch
from torch import Tensor


def merged(weight: Tensor, down: Tensor | None, up: Tensor | None, scale: float) -> Tensor:
    """`weight` (out, in) + scale * up (out, r) @ down (r, in), computed and returned in float32; the weight itself without LoRA."""
    if down is None or up is None:
        return weight
    return torch.addmm(weight.float(), up.float(), down.float(), alpha=scale)
