"""Landings: where things come to stand that an edit adds or moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import zeroed
from .similarity import MEASURES


class Landing(nn.Module):
    """A place in the picture, and a size there, by words for a place and by what is seen of things.

    "Behind the mug" is a place that depends on where the mug is, how large it and what comes are, and on how the camera looks at the
    table, which is nearly the same in all pictures. A new landing is in the middle of the picture.

    Args: how many `kinds` there are and words for `relations`; how many things are `seen`; the width of its layers, `hidden`.
    """

    def __init__(self, kinds: int, relations: int, seen: int, hidden: int) -> None:
        super().__init__()
        told = kinds + relations + seen * MEASURES
        self.land = nn.Sequential(nn.Linear(told, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.land_map_out = zeroed(nn.Linear(hidden, 3))

    def forward(self, kind: Tensor, relation: Tensor, *seen: Tensor) -> Tensor:
        """The kind of what lands (B, kinds), what it is told about where (B, relations), and `measured` of what is seen, each
        (B, `MEASURES`) -> the place, (x, y) in -1 ... 1, and the size, (B, 3)."""
        found = self.land_map_out(self.land(torch.cat([kind, relation, *seen], dim=1)))
        return torch.cat([found[:, :2], found[:, 2:].clamp(-3, 3).exp()], dim=1)
