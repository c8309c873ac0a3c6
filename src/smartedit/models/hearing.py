"""Hearing: which words the states of edit tokens stand for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

#: How sure a word is where its fit is right, as a logit.
SHARP = 5.0
#: Part of the variance of what is told that counts as noise when words are fitted to it.
RIDGE = 0.003
#: Least distance between the levels of a word that is there and that is not.
FAINT = 0.02


class Hearing(nn.Module):
    """A least-squares fit of words (0 or 1) to the mean and the last vector of what is told, (B, n, width).

    What is told are the states of the edit tokens, or a text encoder's of an instruction; in both the last vector has read all
    others. A fit finds at once what gradients take very long to find. New, it hears nothing.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(words, 2 * width))
        self.register_buffer("bias", torch.full((words,), -SHARP))

    @torch.no_grad()
    def fit(self, told: Tensor, wanted: Tensor) -> None:
        """Learn what `told` (N, n, width) stands for: `wanted` (N, words)."""
        read, wanted = _read(told).double(), wanted.double()
        mean, scale = read.mean(0), read.std(0) + 0.01
        known = (read - mean) / scale
        gram = known.T @ known + RIDGE * len(known) * torch.eye(len(mean)).to(known)
        weight = torch.linalg.solve(gram, known.T @ (wanted - wanted.mean(0))).T
        middle, gain = _levels(known @ weight.T, wanted)
        weight = gain[:, None] * weight / scale
        self.weight.copy_(weight)
        self.bias.copy_(-middle * gain - weight @ mean)

    def forward(self, told: Tensor) -> Tensor:
        """How surely `told` stands for every word, (B, words) in 0 ... 1."""
        return linear(_read(told.float()), self.weight.float(), self.bias.float()).sigmoid()


def _read(told: Tensor) -> Tensor:
    """What is read of vectors (B, n, width): their mean and the last, (B, 2 * width)."""
    return torch.cat([told.mean(1), told[:, -1]], dim=1)


def _levels(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """How high least squares come for words (N, words) that are not there and that are: the middle between both, and what makes
    logits of -`SHARP` and `SHARP` of them; a fit to rare words stays low. A word that never is there is never heard."""
    there, gone = (((found * which).sum(0) / which.sum(0).clamp(min=1)) for which in (wanted, 1 - wanted))
    known = wanted.amax(0) > 0
    gain = 2 * SHARP / (there - gone).clamp(min=FAINT)
    return torch.where(known, (there + gone) / 2, SHARP / gain), gain
