"""Hearing: which words the states of edit tokens stand for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

#: How sure a word is where its fit is right, as a logit.
SHARP = 5.0
#: Part of the variance of what is told that counts as noise when words are fitted to it.
RIDGE = 0.003
#: Least distance between the levels of a word that is there and that is not, and least deviation of one.
FAINT = 0.02
#: How many of the vectors are read beside the mean of all.
VECTORS = 4


class Hearing(nn.Module):
    """A least-squares fit of words (0 or 1) to what is told, vectors (B, n, width): their mean and the few of them that say most.

    What is told are the states of the edit tokens, or a text encoder's of an instruction. Every edit token says something else, and
    which says what is the language model's own choice, so a fit also chooses whom to listen to. It finds at once what gradients
    take very long to find. New, it hears nothing.
    """

    weight: Tensor
    bias: Tensor
    chosen: Tensor

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(words, (1 + VECTORS) * width))
        self.register_buffer("bias", torch.full((words,), -SHARP))
        self.register_buffer("chosen", torch.full((VECTORS,), -1))

    @torch.no_grad()
    def fit(self, told: Tensor, wanted: Tensor) -> None:
        """Learn what `told` (N, n, width) stands for: `wanted` (N, words)."""
        wanted = wanted.double()
        off = wanted - wanted.mean(0)
        for number in range(VECTORS):
            read = torch.cat([told.mean(1), *told[:, self.chosen[:number]].unbind(1)], dim=1)
            left = (off - _fitted(read, off)[0]) / wanted.std(0).clamp(min=FAINT)
            self.chosen[number] = torch.stack([(_fitted(one, left)[0] * left).sum() for one in told.unbind(1)]).argmax()
        found, weight, shift = _fitted(self._read(told), off)
        middle, gain = _levels(found, wanted)
        self.weight.copy_(gain[:, None] * weight)
        self.bias.copy_(-gain * (middle + weight @ shift))

    def forward(self, told: Tensor) -> Tensor:
        """How surely `told` stands for every word, (B, words) in 0 ... 1."""
        return linear(self._read(told.float()), self.weight.float(), self.bias.float()).sigmoid()

    def _read(self, told: Tensor) -> Tensor:
        """What is read of vectors (B, n, width): their mean and those chosen, (B, (1 + `VECTORS`) * width)."""
        return torch.cat([told.mean(1), told[:, self.chosen].flatten(1)], dim=1)


def _fitted(read: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least squares from what is `read` (N, m) to what is `wanted` (N, words), whose means are 0: what is found (N, words), and the
    weights (words, m) that find it from `read` less its mean (m,)."""
    read = read.double()
    mean, scale = read.mean(0), read.std(0) + 0.01
    known = (read - mean) / scale
    gram = known.T @ known + RIDGE * len(known) * torch.eye(len(mean)).to(known)
    weight = torch.linalg.solve(gram, known.T @ wanted).T
    return known @ weight.T, weight / scale, mean


def _levels(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """How high least squares come for words (N, words) that are not there and that are: the middle between both, and what makes
    logits of -`SHARP` and `SHARP` of them; a fit to rare words stays low. A word that never is there is never heard."""
    there, gone = (((found * which).sum(0) / which.sum(0).clamp(min=1)) for which in (wanted, 1 - wanted))
    known = wanted.amax(0) > 0
    gain = 2 * SHARP / (there - gone).clamp(min=FAINT)
    return torch.where(known, (there + gone) / 2, SHARP / gain), gain
