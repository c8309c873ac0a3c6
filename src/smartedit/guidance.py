"""Guidance in two scales: how far words and picture pull, and which passes of the UNet that takes.

    null + text_scale * (text - image) + image_scale * (image - null)

as published, where `text` sees words and picture, `image` the picture alone and `null` neither; BIM's feature is in all
three. Collected by branch, the weights are `text_scale`, `image_scale - text_scale` and `1 - image_scale`: a branch of
weight 0 is never computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smartedit.models.smartedit import Condition


@dataclass(frozen=True)
class Branches:
    """What the UNet is given for every branch that counts of B pictures, branch after branch: K * B rows.

    `weights` has K entries; `source` (K * B, c, h, w).
    """

    weights: dict[str, float]
    source: Tensor
    condition: Condition

    def spread(self, noisy: Tensor) -> Tensor:
        """Noisy latents (B, c, h, w), once for every branch: (K * B, c, h, w)."""
        return noisy.repeat(len(self.weights), 1, 1, 1)

    def combined(self, answers: Tensor) -> Tensor:
        """The guided prediction (B, c, h, w) of the branches' answers (K * B, c, h, w)."""
        return sum(weight * answer for weight, answer in zip(self.weights.values(), answers.chunk(len(self.weights)), strict=True))


def branch_weights(text_scale: float, image_scale: float) -> dict[str, float]:
    """The branches that count, in the published order, and their weights, which add up to 1."""
    weights = {"text": text_scale, "image": image_scale - text_scale, "null": 1 - image_scale}
    return {branch: weight for branch, weight in weights.items() if weight != 0}


def branches(source: Tensor, condition: Condition, wordless: Condition, weights: dict[str, float]) -> Branches:
    """The branches of `weights` for pictures `source` (B, c, h, w); `wordless` is `condition` with the context of the empty instruction."""
    sources = torch.cat([torch.zeros_like(source) if branch == "null" else source for branch in weights])
    conditions = [condition if branch == "text" else replace(condition, context=wordless.context) for branch in weights]
    return Branches(weights, sources, Condition.joined(conditions))
