"""The published sizes' diffusion loss: predict the noise, plain mean over the batch (official-code.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from diffusers import DDPMScheduler, SchedulerMixin
from torch import Tensor

from smartedit.models.smartedit import Condition, SmartEdit


@dataclass
class NoiseStep:
    """One step's draw: latents (B, c, h, w), `target` scaled and `source` not; times (B,); what is dropped, bool (B,)."""

    source: Tensor
    target: Tensor
    noise: Tensor
    t: Tensor
    no_text: Tensor
    no_picture: Tensor

    def shown_source(self) -> Tensor:
        """The source latents, zero where the picture is dropped."""
        return self.source * ~self.no_picture[:, None, None, None]

    def noisy(self, scheduler: SchedulerMixin) -> Tensor:
        """The target with its noise, as in DDPM, whichever scheduler samples later."""
        return DDPMScheduler.from_config(scheduler.config).add_noise(self.target, self.noise, self.t)

    def shown_context(self, condition: Condition, null: Tensor) -> Tensor:
        """The context, that of the empty instruction where the text is dropped; BIM's feature is never dropped."""
        return condition.context.where(~self.no_text[:, None, None], null)


def noise_loss(
    model: SmartEdit, scheduler: SchedulerMixin, condition: Condition, null: Tensor, step: NoiseStep, is_edit: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean squared error of the predicted noise, and the prediction (B, c, h, w).

    Rows where `is_edit` (B,) is 0, conversations without an edit, count as zeros: they stay in the denominator.
    """
    shown = replace(condition, context=step.shown_context(condition, null))
    predicted = model.denoise(step.noisy(scheduler), step.shown_source(), step.t, shown)
    counts = is_edit.reshape(-1, 1, 1, 1).to(predicted)
    return F.mse_loss(predicted * counts, step.noise * counts), predicted
