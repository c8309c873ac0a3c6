"""From noise to edited latents, one step at a time, for any number of edits under way.

    started = Denoising.start(branches, scheduler, steps, generators)
    while not started.done:
        advance(model.denoise, [started, ...])

Edits that advance together are one batch of the UNet, whatever their pictures, guidance, number of steps or place in
it: each has its own scheduler and noise, so what becomes of one does not depend on the others, and one more may join
before any step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from smartedit.guidance import Branches
from smartedit.models.smartedit import Condition

#: (noisy, source, t, condition) -> prediction, all (rows, c, h, w), times (rows,).
Denoise = Callable[[Tensor, Tensor, Tensor, Condition], Tensor]


@dataclass
class Denoising:
    """B pictures on their way from noise to result.

    `latents` (B, c, h, w) as they are now; `expected` what they are expected to become, None before the first step and
    where the scheduler does not say; `step` counts the steps taken.
    """

    branches: Branches
    scheduler: SchedulerMixin
    generators: list[torch.Generator]
    latents: Tensor
    expected: Tensor | None = None
    step: int = 0

    @classmethod
    def start(cls, branches: Branches, scheduler: SchedulerMixin, steps: int, generators: list[torch.Generator]) -> Denoising:
        """Noise from one generator a picture. The scheduler keeps the place, so it must be this denoising's own."""
        source = branches.source[: len(generators)]
        scheduler.set_timesteps(steps, device=source.device)
        noise = randn_tensor(source.shape, generators, source.device, source.dtype)
        return cls(branches, scheduler, generators, noise * scheduler.init_noise_sigma)

    @property
    def done(self) -> bool:
        """Whether no step is left."""
        return self.step == len(self.scheduler.timesteps)

    @property
    def t(self) -> Tensor:
        """The time of the next step, a tensor of one number."""
        return self.scheduler.timesteps[self.step]

    def asked(self) -> tuple[Tensor, Tensor, Tensor, Condition]:
        """What the UNet is asked for the next step: the arguments of `Denoise`."""
        noisy = self.branches.spread(self.scheduler.scale_model_input(self.latents, self.t))
        return noisy, self.branches.source, self.t.expand(len(noisy)), self.branches.condition

    def answered(self, answers: Tensor) -> None:
        """Take the step that the UNet's answers tell."""
        random = {"generator": self.generators} if "generator" in inspect.signature(self.scheduler.step).parameters else {}
        stepped = self.scheduler.step(self.branches.combined(answers), self.t, self.latents, **random)
        self.latents, self.expected = stepped.prev_sample, stepped.get("pred_original_sample")
        self.step += 1


def advance(denoise: Denoise, together: Sequence[Denoising]) -> None:
    """One step for every denoising, in one batch; their latents, contexts and features must be of one shape."""
    noisy, sources, times, conditions = zip(*(each.asked() for each in together), strict=True)
    answers = denoise(torch.cat(noisy), torch.cat(sources), torch.cat(times), Condition.joined(conditions))
    for each, own in zip(together, answers.split([len(rows) for rows in noisy]), strict=True):
        each.answered(own)
