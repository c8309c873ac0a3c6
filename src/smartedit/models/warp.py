"""The warp: where the pixels of a thing come from that grows or shrinks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, pad

from .layers import zeroed

#: Shares of a mask that lie left of, or above, the places that are told of it; the one in the middle, and the last.
SHARES = (0.02, 0.1, 0.5, 0.9, 0.98)
MIDDLE, LOWEST = 2, -1
#: Numbers of a mask: these places in both directions, and how large it is.
MEASURES = 2 * len(SHARES) + 1
#: Side of the squares of pixels in which a mask is measured.
COARSE = 4
#: Most, as a logarithm, that things grow or shrink.
MOST = 1.4


class Warp(nn.Module):
    """One similarity of places for all that an edit means, as a spatial transformer makes one (Jaderberg et al., 2015).

    A thing that grows or shrinks is there already, with all its detail: where its pixels come from is much easier to say than to
    paint it anew, cell by cell. Knowing `known` numbers, this part says what the thing stands on, how large it becomes, and how much
    of that is filled into the mask or pasted where the mask itself lands. A new warp changes nothing.
    """

    def __init__(self, known: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(known + MEASURES, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.map_out = zeroed(nn.Linear(hidden, 5))

    def forward(
        self, known: Tensor, wanted: Tensor, growth: Tensor, measures: Tensor, seen: Tensor, change: Tensor, mask: Tensor
    ) -> Tensor:
        """`known` (B, known); how sure it is that something is `wanted` here (B, 1); the logarithm of the factor by which things
        grow (B, 1); `measured` of the mask; colours of the source and how they were changed (B, 3, H, W), the mask (B, 1, H, W)
        in 0 ... 1 -> the change where the mask is, (B, 3, H, W)."""
        off, larger, shares = self.map_out(self.layers(torch.cat([known, measures], dim=1))).split([2, 1, 2], dim=1)
        across, down = measures[:, :-1].chunk(2, dim=1)
        foot = torch.stack([across[:, MIDDLE], down[:, LOWEST]], dim=1) + off
        shrink = torch.exp(-(growth + larger).clamp(-MOST, MOST))
        brought = resampled(torch.cat([seen, mask], dim=1), similarity(shrink, foot - shrink * foot).to(seen))
        colours, where = brought.split([3, 1], dim=1)
        filled, pasted = (wanted * shares).to(seen)[:, :, None, None, None].unbind(1)
        change = mask * (change + filled * (colours - seen - change))
        return change + pasted * where * (colours - seen - change)


def similarity(scale: Tensor, shift: Tensor) -> Tensor:
    """Maps (B, 2, 3) of places in -1 ... 1: times `scale` (B, 1), then by `shift` (B, 2)."""
    return torch.cat([torch.eye(2).to(scale) * scale[:, :, None], shift[:, :, None]], dim=2)


def resampled(picture: Tensor, where: Tensor, size: int | None = None, outside: str = "border") -> Tensor:
    """A picture (B, C, H, W) of which every pixel comes from the place to which a map (B, 2, 3) leads."""
    shape = [*picture.shape[:2], *((size, size) if size else picture.shape[2:])]
    return grid_sample(picture, affine_grid(where, shape, align_corners=False), padding_mode=outside, align_corners=False)


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
