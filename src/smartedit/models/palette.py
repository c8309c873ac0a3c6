"""The palette: which map of colours leads from what is there, and what was painted, to what the words ask for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from .layers import zeroed

#: Numbers of an affine map from six colours, those of the source and those painted, to three.
MAP = 3 * (6 + 1)
#: Mean, spread and logarithm of the mean of three colours in four places, and how much of the picture is meant.
SEEN = 4 * 3 * 3 + 1
#: Cells around what is meant that count as its surroundings.
AROUND = 2
#: What is added to squares, so that their roots have gradients where there is nothing.
FAINT = 1e-4
#: The darkest colour, of 1 for white, that logarithms tell from darker ones.
DARKEST = 0.003
#: How much words count beside the numbers of colours.
LOUD = 3.0


class Palette(nn.Module):
    """One affine map of colours for all pixels that an edit means.

    Which colour a thing gets, in this light, is one answer for all of its cells. This part knows the colours of the thing, of what
    was painted there, of its surroundings and of the whole picture, and which words were heard. A new palette changes nothing.
    """

    def __init__(self, words: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(words + SEEN, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.map_out = zeroed(nn.Linear(hidden, MAP))

    def forward(self, words: Tensor, seen: Tensor, painted: Tensor, mask: Tensor) -> Tensor:
        """Words heard (B, words), colours of the source and those painted, (B, 3, P, h, w) in about [-1, 1] with P pixels a cell,
        which of them are meant, the mask (B, P, h, w) in 0 ... 1 -> what to add to `painted`, of its shape."""
        known = torch.cat([LOUD * words, _known(seen.float(), painted.float(), mask.float()).to(words)], dim=1)
        mixing, lighter = self.map_out(self.layers(known)).to(painted).split([MAP - 3, 3], dim=1)
        both = torch.cat([seen, painted], dim=1)
        return torch.einsum("bto,bophw->btphw", mixing.unflatten(1, (3, 6)), both) + lighter[:, :, None, None, None]


def _known(seen: Tensor, painted: Tensor, mask: Tensor) -> Tensor:
    """What there is to know of the colours where the mask is, of what was painted there, around it and everywhere; (B, `SEEN`)."""
    near = max_pool2d(mask.mean(1, keepdim=True), 2 * AROUND + 1, stride=1, padding=AROUND)
    around = (near - mask).clamp(min=0) * (1 - mask)
    places = [(seen, mask), (painted, mask), (seen, around), (seen, torch.ones_like(mask))]
    size = (mask.mean((1, 2, 3))[:, None] + FAINT).sqrt()
    return torch.cat([*(numbers for colours, where in places for numbers in _spread(colours, where)), size], dim=1)


def _spread(colours: Tensor, where: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted mean, standard deviation and logarithm of the mean of colours (B, 3, P, h, w), three (B, 3)."""
    share = where[:, None] / (where.sum((1, 2, 3))[:, None, None, None, None] + 1e-5 * where[0].numel())
    mean = (colours * share).sum((2, 3, 4))
    off = colours - mean[:, :, None, None, None]
    return mean, ((off.square() * share).sum((2, 3, 4)) + FAINT).sqrt(), ((mean + 1) / 2).clamp(DARKEST, 1.0).log()
