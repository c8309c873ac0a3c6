"""understand -> condition -> denoise: the method in three steps that can be taken, and reused, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .bim import BIM
from .brush import Brush
from .mllm import MLLM
from .qformer import QFormer
from .unet import denoise


@dataclass
class Understanding:
    """What the language model made of picture and instruction.

    `edit_states` (B, 32, hidden); `image_features` (B, P, image_width), reusable for other instructions;
    `reply` the ids of the words before the edit tokens, one 1-D tensor a row.
    """

    edit_states: Tensor
    image_features: Tensor
    reply: list[Tensor]


@dataclass
class Condition:
    """What the UNet is given: `context` (B, n, C) for cross-attention, `feature` (B, first width, h, w) or None; and what an
    object head is told, `told` (B, m, W): the states of the edit tokens, or those of a text encoder."""

    context: Tensor
    feature: Tensor | None = None
    told: Tensor | None = None

    def row(self, number: int) -> Condition:
        """The condition of one row, B = 1."""
        rows = slice(number, number + 1)
        return Condition(*(None if part is None else part[rows] for part in (self.context, self.feature, self.told)))

    @classmethod
    def joined(cls, conditions: Sequence[Condition]) -> Condition:
        """All rows of several conditions that have the same parts."""
        parts = zip(*((each.context, each.feature, each.told) for each in conditions), strict=True)
        return cls(*(None if part[0] is None else torch.cat(part) for part in parts))


class SmartEdit(nn.Module):
    """Holds the parts; makes none of them, so any size (or a small one in a test) is handed in.

    `bim` may be None (stage `joint`): the UNet then gets the context alone. `anchored`: the UNet's output is added to
    the source latents, which is how models that predict the clean sample are trained, or handed to a `brush` with these.
    """

    def __init__(
        self,
        mllm: MLLM,
        qformer: QFormer,
        bim: BIM | None,
        unet: nn.Module,
        anchored: bool = False,
        brush: Brush | None = None,
    ) -> None:
        super().__init__()
        self.mllm, self.qformer, self.bim, self.unet = mllm, qformer, bim, unet
        self.anchored, self.brush = anchored, brush

    @property
    def null_context(self) -> Tensor:
        """The context of "no instruction", (1, n, C)."""
        return self.qformer.null_context

    @torch.no_grad()
    def understand(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        view: Tensor | None = None,
        image_features: Tensor | None = None,
        reply: list[Tensor] | None = None,
        max_tokens: int = 64,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Understanding:
        """Prompts (B, T), padded on the right, about a `view` (B or 1, 3, S, S) or its features from an earlier call.

        Words a reply (or takes the given one), then reads all edit tokens in one teacher-forced pass after it.
        """
        features = self.mllm.encode_view(view) if image_features is None else image_features
        features = features.expand(len(input_ids), -1, -1)
        if reply is None:
            sampling = {"max_tokens": max_tokens, "temperature": temperature, "generator": generator}
            reply = self.mllm.generate_reply(input_ids, features, attention_mask, **sampling)
        ids, mask = self.mllm.with_edit_tokens(input_ids, attention_mask, reply)
        states, _ = self.mllm(ids, features, mask).edit_states()
        return Understanding(states, features, reply)

    def condition(self, understanding: Understanding, size: tuple[int, int], mask: Tensor | None = None) -> Condition:
        """Condition for latents of `size` (h, w); `mask` (B, 32) is False in training rows without an edit."""
        context = self.qformer(understanding.edit_states.to(self.qformer.dtype), mask)
        told = understanding.edit_states
        if self.bim is None:
            return Condition(context, told=told)
        return Condition(*self.bim(context.to(self.bim.dtype), understanding.image_features.to(self.bim.dtype), size), told)

    def without_words(self, condition: Condition) -> Condition:
        """The same condition with the empty instruction's context; the feature stays, as published, and what the head is told."""
        return replace(condition, context=self.null_context.to(condition.context).expand_as(condition.context))

    def denoise(self, noisy: Tensor, source: Tensor, t: Tensor | float, condition: Condition) -> Tensor:
        """Noisy and source latents (B, c, h, w) at time t -> prediction (B, c, h, w): noise, or the clean target if
        `anchored`."""
        if not self.anchored and self.unet.config.out_channels != noisy.shape[1]:
            raise ModelError('this UNet predicts the clean picture; use a scheduler with prediction_type="sample"')
        sample = torch.cat([noisy, source], dim=1)
        anchor = source if self.anchored else None
        context = condition.context.to(sample.dtype)
        return denoise(self.unet, sample, t, context, condition.feature, anchor, self.brush, condition.told)
