"""The warp: where the pixels of a thing come from that grows, shrinks, or stands elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import zeroed
from .similarity import MEASURES, extent, resampled, similarity


class Warp(nn.Module):
    """One similarity of places for all that an edit means, as a spatial transformer makes one (Jaderberg et al., 2015).

    A thing that grows or shrinks, or is moved, is there already, with all its detail: where its pixels come from is much easier to
    say than to paint it anew, cell by cell. This part finds what the thing stands on, and how much of the new one is filled in where
    anything changes, if it stays where it is, and pasted where the thing itself is then, there or elsewhere. A new warp changes nothing.

    Args: how many `kinds` there are; the width of its layers, `hidden`.
    """

    def __init__(self, kinds: int, hidden: int) -> None:
        super().__init__()
        self.stand = nn.Sequential(nn.Linear(kinds + MEASURES, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.stand_map_out = zeroed(nn.Linear(hidden, 2))
        self.shares = nn.Parameter(torch.zeros(3))

    def forward(
        self, wanted: Tensor, stands: Tensor, lands: Tensor, seen: Tensor, change: Tensor, mask: Tensor, meant: Tensor
    ) -> Tensor:
        """How sure it is that the thing is `wanted` in another size where it is, and elsewhere, (B, 2); where it `stands` (B, 2), where
        it `lands` and how many times as large it is there (B, 3); colours of the source and how they were changed (B, 3, H, W); which
        pixels change, and which show what is `meant`, two (B, 1, H, W) in 0 ... 1 -> the change, (B, 3, H, W)."""
        shrink = 1 / lands[:, 2:]
        back = similarity(shrink, stands - shrink * lands[:, :2]).to(seen)
        colours, where = resampled(seen, back), resampled(meant, back, outside="zeros")
        filled, *pasted = (wanted[:, [0, 0, 1]] * self.shares).to(seen)[:, :, None, None, None].unbind(1)
        change = mask * (change + filled * (colours - seen - change))
        return change + torch.maximum(*pasted) * where * (colours - seen - change)

    def stood(self, kind: Tensor, measures: Tensor) -> Tensor:
        """Where the thing stands on the table, (x, y) in -1 ... 1, by its kind and what is seen of it: (B, 2)."""
        middle, half = extent(measures)
        return middle + half * self.stand_map_out(self.stand(torch.cat([kind, measures], dim=1)))
