"""The stock diffusers UNet with one addition from outside: BIM's feature joins right after the first convolution.

Nothing is forked. A forward hook on `conv_in` adds the feature that is current in this thread; the sum also becomes the
first skip connection, as published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

# Per thread (and async task), so that two editors may share one UNet.
_CURRENT: ContextVar[tuple[nn.Module, Tensor] | None] = ContextVar("smartedit_feature", default=None)


def _add_feature(conv: nn.Module, _inputs: tuple, output: Tensor) -> Tensor | None:
    current = _CURRENT.get()
    if current is None or current[0] is not conv:
        return None
    return output + current[1].to(output.dtype)


def position_channels(sample: Tensor, channels: int) -> Tensor:
    """Where each cell is: (B, channels, h, w), sines and cosines of x and y at octaves from half a wave on."""
    h, w = sample.shape[-2:]
    waves = torch.arange(-(-channels // 4), device=sample.device, dtype=torch.float32).exp2() * math.pi
    y, x = ((torch.arange(n, device=sample.device) + 0.5) / n for n in (h, w))
    angles = torch.cat([waves[:, None, None] * grid for grid in (x.expand(h, w), y[:, None].expand(h, w))])
    maps = torch.cat([angles.sin(), angles.cos()])[:channels].to(sample.dtype)
    return maps.expand(len(sample), -1, -1, -1)


@contextmanager
def with_feature(unet: UNet2DConditionModel, feature: Tensor | None) -> Iterator[None]:
    """Within the block, calls of `unet` add `feature` (B, first width, h, w) after `conv_in`; None adds nothing."""
    if feature is None:
        yield
        return
    if _add_feature not in unet.conv_in._forward_hooks.values():
        unet.conv_in.register_forward_hook(_add_feature)
    token = _CURRENT.set((unet.conv_in, feature))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def denoise(
    unet: UNet2DConditionModel,
    sample: Tensor,
    t: Tensor | float,
    context: Tensor,
    feature: Tensor | None = None,
    anchor: Tensor | None = None,
    brush: Callable[[Tensor, Tensor, Tensor | None], Tensor] | None = None,
    told: Tensor | None = None,
) -> Tensor:
    """One call: sample (B, noisy + source channels, h, w), times (B,) or one number, context (B, n, C) -> prediction.

    With `anchor` (B, c, h, w), the source latents, the network only says what changes, so it need not learn to copy. That is
    how models whose scheduler predicts the clean sample are trained. Its output is added to the anchor, or a `brush` makes the
    prediction of output, anchor and what it is `told`.

    A UNet with more input channels than `sample` has gets the rest as `position_channels`: words such as "on the left"
    and boxes in a reply then have something to point at from the first layer on.
    """
    spare = unet.config.in_channels - sample.shape[1]
    if spare > 0:
        sample = torch.cat([sample, position_channels(sample, spare)], dim=1)
    with with_feature(unet, feature):
        output = unet(sample, t, encoder_hidden_states=context).sample
    if anchor is None:
        return output
    return anchor + output if brush is None else brush(output, anchor, told)
