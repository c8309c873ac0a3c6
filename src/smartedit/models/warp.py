"""The warp: where the pixels of a thing come from that grows or shrinks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import zeroed
from .similarity import MEASURES, extent, resampled, similarity


class Warp(nn.Module):
    """One similarity of places for all that an edit means, as a spatial transformer makes one (Jaderberg et al., 2015).

    A thing that grows or shrinks is there already, with all its detail: where its pixels come from is much easier to say than to
    paint it anew, cell by cell. This part finds what the thing stands on, which stays where it is, and how much of the larger or
    smaller one is filled in where anything changes or pasted where the thing itself lands. A new warp changes nothing.

    Args: how many `kinds` there are; the `factors` by which things become bigger and smaller; the width of its layers, `hidden`.
    """

    def __init__(self, kinds: int, factors: tuple[float, float], hidden: int) -> None:
        super().__init__()
        self.factors = factors
        self.stand = nn.Sequential(nn.Linear(kinds + MEASURES, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.stand_map_out = zeroed(nn.Linear(hidden, 2))
        self.shares = nn.Parameter(torch.zeros(2))

    def forward(
        self, kind: Tensor, wanted: Tensor, measures: Tensor, seen: Tensor, change: Tensor, mask: Tensor, meant: Tensor
    ) -> Tensor:
        """Of which `kind` the thing is (B, kinds); how sure it is that it is `wanted` bigger, and smaller, (B, 2); `measured` of what is
        meant; colours of the source and how they were changed (B, 3, H, W); which pixels change, and which show what is `meant`, two
        (B, 1, H, W) in 0 ... 1 -> the change, (B, 3, H, W)."""
        with torch.no_grad():  # as where sprites stand, this is learned from true places
            stands = self.stood(kind, measures)
        shrink = 1 / torch.tensor(self.factors).to(stands)[wanted.argmax(1)][:, None]
        brought = resampled(torch.cat([seen, meant], dim=1), similarity(shrink, stands - shrink * stands).to(seen))
        colours, where = brought.split([3, 1], dim=1)
        filled, pasted = (wanted.amax(1, keepdim=True) * self.shares).to(seen)[:, :, None, None, None].unbind(1)
        change = mask * (change + filled * (colours - seen - change))
        return change + pasted * where * (colours - seen - change)

    def stood(self, kind: Tensor, measures: Tensor) -> Tensor:
        """Where the thing stands on the table, (x, y) in -1 ... 1, by its kind and what is seen of it: (B, 2)."""
        middle, half = extent(measures)
        return middle + half * self.stand_map_out(self.stand(torch.cat([kind, measures], dim=1)))
