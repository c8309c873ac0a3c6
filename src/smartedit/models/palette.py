"""The palette: which map of colours leads from what is there, and what was painted, to what the words ask for."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import linear, max_pool2d

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
#: How sure a word is where its fit is right, as a logit, and how much it counts beside the numbers of colours.
SHARP, LOUD = 5.0, 3.0
#: Part of the variance of contexts that counts as noise when words are fitted to them.
RIDGE = 0.003


class Palette(ModelMixin, ConfigMixin):
    """One affine map of colours for all pixels that an edit means.

    A UNet paints cell by cell; which colour a thing gets, in this light, is one answer for all of its cells. This part knows the
    colours of the thing, of what was painted there, of its surroundings and of the whole picture, and hears which words a context
    stands for, from its mean and from its last vector: in a causal text encoder that one has read them all. Hearing is a
    least-squares fit (`fit_words`), because gradients take far longer to find what colour is meant. A new palette changes nothing.

    Args: `context_width`; `words`, how many it can tell apart; `hidden` width of the two layers in between.
    """

    hearing: Tensor
    silence: Tensor

    @register_to_config
    def __init__(self, context_width: int = 256, words: int = 109, hidden: int = 176) -> None:
        super().__init__()
        self.register_buffer("hearing", torch.zeros(words, 2 * context_width))
        self.register_buffer("silence", torch.full((words,), -SHARP))
        self.layers = nn.Sequential(nn.Linear(words + SEEN, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.map_out = zeroed(nn.Linear(hidden, MAP))

    @torch.no_grad()
    def fit_words(self, context: Tensor, wanted: Tensor) -> None:
        """Learn at once which words contexts (N, n, context_width) stand for, from the right ones, (N, words) of 0 and 1."""
        read, wanted = _read(context).double(), wanted.double()
        mean, scale = read.mean(0), read.std(0) + 0.01
        known = (read - mean) / scale
        gram = known.T @ known + RIDGE * len(known) * torch.eye(len(mean)).to(known)
        found = torch.linalg.solve(gram, known.T @ (wanted - wanted.mean(0))).T / scale
        self.hearing.copy_(2 * SHARP * found)
        self.silence.copy_(2 * SHARP * (wanted.mean(0) - found @ mean - 0.5))

    def hears(self, context: Tensor) -> Tensor:
        """How surely a context (B, n, context_width) stands for every word, (B, words) in 0 ... 1."""
        return linear(_read(context.float()), self.hearing.float(), self.silence.float()).sigmoid()

    def forward(self, seen: Tensor, painted: Tensor, mask: Tensor, context: Tensor) -> Tensor:
        """Colours of the source and those painted, (B, 3, P, h, w) in about [-1, 1] with P pixels a cell, which of them are
        meant, the mask (B, P, h, w) in 0 ... 1, and the context (B, n, context_width) -> what to add to `painted`, of its shape."""
        known = torch.cat([LOUD * self.hears(context), _known(seen.float(), painted.float(), mask.float())], dim=1)
        mixing, lighter = self.map_out(self.layers(known.to(self.dtype))).to(painted).split([MAP - 3, 3], dim=1)
        both = torch.cat([seen, painted], dim=1)
        return torch.einsum("bto,bophw->btphw", mixing.unflatten(1, (3, 6)), both) + lighter[:, :, None, None, None]


def _read(context: Tensor) -> Tensor:
    """What is read of a context (B, n, C): its mean and its last vector, (B, 2 * C)."""
    return torch.cat([context.mean(1), context[:, -1]], dim=1)


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
