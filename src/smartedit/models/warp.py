"""The warp: where the pixels of a thing come from that grows or shrinks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import zeroed
from .similarity import LOWEST, MEASURES, MIDDLE, resampled, similarity

#: Most, as a logarithm, that things grow or shrink.
MOST = 1.4


class Warp(nn.Module):
    """One similarity of places for all that an edit means, as a spatial transformer makes one (Jaderberg et al., 2015).

    A thing that grows or shrinks is there already, with all its detail: where its pixels come from is much easier to say than to
    paint it anew, cell by cell. Knowing `known` numbers, this part says what the thing stands on, how large it becomes, and how much
    of that is filled in where anything changes or pasted where the thing itself lands. A new warp changes nothing.
    """

    def __init__(self, known: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(known + MEASURES, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.map_out = zeroed(nn.Linear(hidden, 5))

    def forward(
        self, known: Tensor, wanted: Tensor, growth: Tensor, measures: Tensor, seen: Tensor, change: Tensor, mask: Tensor, meant: Tensor
    ) -> Tensor:
        """`known` (B, known); how sure it is that something is `wanted` here (B, 1); the logarithm of the factor by which things
        grow (B, 1); `measured` of what is meant; colours of the source and how they were changed (B, 3, H, W); which pixels change, and
        which show what is `meant`, two (B, 1, H, W) in 0 ... 1 -> the change, (B, 3, H, W)."""
        off, larger, shares = self.map_out(self.layers(torch.cat([known, measures], dim=1))).split([2, 1, 2], dim=1)
        across, down = measures[:, :-1].chunk(2, dim=1)
        foot = torch.stack([across[:, MIDDLE], down[:, LOWEST]], dim=1) + off
        shrink = torch.exp(-(growth + larger).clamp(-MOST, MOST))
        brought = resampled(torch.cat([seen, meant], dim=1), similarity(shrink, foot - shrink * foot).to(seen))
        colours, where = brought.split([3, 1], dim=1)
        filled, pasted = (wanted * shares).to(seen)[:, :, None, None, None].unbind(1)
        change = mask * (change + filled * (colours - seen - change))
        return change + pasted * where * (colours - seen - change)
