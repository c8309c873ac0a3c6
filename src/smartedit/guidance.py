"""Guidance in two scales: how far words and picture pull, and which passes of the UNet that takes.

    null + text_scale * (text - image) + image_scale * (image - null)

as published, where `text` sees words and picture, `image` the picture alone and `null` neither; BIM's feature is in all
three. Collected by branch, the weights are `text_scale`, `image_scale - text_scale` and `1 - image_scale`: a branch of
weight 0 is never computed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smartedit.models.smartedit import Condition

#: (noisy, source, t, condition) -> prediction, all (B, c, h, w).
Denoise = Callable[[Tensor, Tensor, Tensor, Condition], Tensor]


def branch_weights(text_scale: float, image_scale: float) -> dict[str, float]:
    """The branches that count, in the published order, and their weights, which add up to 1."""
    weights = {"text": text_scale, "image": image_scale - text_scale, "null": 1 - image_scale}
    return {branch: weight for branch, weight in weights.items() if weight != 0}


def guided(
    denoise: Denoise, source: Tensor, condition: Condition, wordless: Condition, weights: dict[str, float]
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function (noisy, t) -> guided prediction, that asks all branches of `weights` in one batch.

    `source` (B, c, h, w); `wordless` is `condition` with the context of the empty instruction.
    """
    sources = torch.cat([torch.zeros_like(source) if branch == "null" else source for branch in weights])
    contexts = torch.cat([(condition if branch == "text" else wordless).context for branch in weights])
    feature = None if condition.feature is None else condition.feature.repeat(len(weights), 1, 1, 1)
    everything = Condition(contexts, feature)

    def predict(noisy: Tensor, t: Tensor) -> Tensor:
        answers = denoise(noisy.repeat(len(weights), 1, 1, 1), sources, t, everything).chunk(len(weights))
        return sum(weight * answer for weight, answer in zip(weights.values(), answers, strict=True))

    return predict
