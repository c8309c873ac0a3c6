"""Places in pictures, -1 ... 1 from left to right and from top to bottom: where masks are, and pictures seen through similarities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, pad

#: Shares of a mask that lie left of, or above, the places that are told of it.
SHARES = (0.02, 0.1, 0.5, 0.9, 0.98)
#: Numbers of a mask: these places in both directions, and how large it is.
MEASURES = 2 * len(SHARES) + 1
#: What is added to half of a side, so that there is always some.
FAINT = 0.02
#: Side of the squares of pixels in which a mask is measured.
COARSE = 4


def similarity(scale: Tensor, shift: Tensor) -> Tensor:
    """Maps (B, 2, 3) of places in -1 ... 1: times `scale` (B, 1), then by `shift` (B, 2)."""
    return torch.cat([torch.eye(2).to(scale) * scale[:, :, None], shift[:, :, None]], dim=2)


def resampled(picture: Tensor, where: Tensor, size: int | None = None, outside: str = "border") -> Tensor:
    """A picture (B, C, H, W) of which every pixel comes from the place to which a map (B, 2, 3) leads."""
    shape = [*picture.shape[:2], *((size, size) if size else picture.shape[2:])]
    return grid_sample(picture, affine_grid(where, shape, align_corners=False), padding_mode=outside, align_corners=False)


def extent(measures: Tensor) -> tuple[Tensor, Tensor]:
    """Of the box around what was `measured`: its middle (B, 2), and half of its longer side (B, 1)."""
    across, down = measures[:, :-1].chunk(2, dim=1)
    middle = torch.stack([(a[:, 0] + a[:, -1]) / 2 for a in (across, down)], dim=1)
    return middle, torch.maximum(across[:, -1:] - across[:, :1], down[:, -1:] - down[:, :1]) / 2 + FAINT


@torch.no_grad()
def measured(mask: Tensor) -> Tensor:
    """Where masks (B, 1, H, W) are, in -1 ... 1, across then down, and how large they are: (B, `MEASURES`)."""
    coarse = avg_pool2d(mask, COARSE)[:, 0].square()
    places = [_passed(coarse.sum(direction)) for direction in (1, 2)]
    return torch.cat([*places, coarse.mean((1, 2))[:, None].sqrt()], dim=1)


def _passed(weights: Tensor) -> Tensor:
    """Where a row of weights (B, n) over -1 ... 1 has passed every one of `SHARES`: (B, shares)."""
    weights = weights + 1e-6
    passed = pad(weights.cumsum(1) / weights.sum(1, keepdim=True), (1, 0))
    shares = torch.tensor(SHARES).to(weights)
    before = (passed[:, 1:, None] < shares).sum(1).clamp(max=weights.shape[1] - 1)
    low, high = passed.gather(1, before), passed.gather(1, before + 1)
    return 2 * (before + ((shares - low) / (high - low)).clamp(0, 1)) / weights.shape[1] - 1
