"""The one training loop: draw, step, average, save; the same command again goes on where it stopped.

Step n draws from generators seeded by (seed, n), so a resumed run sees exactly the samples it would have seen.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from smartedit.errors import TrainingError
from smartedit.training.muon import Muon

#: Parts whose hidden matrices and convolutions are trained by Muon, and the names of the layers at their ends, which are not.
BY_MUON = ("vision_tower", "language_model", "qformer", "bim", "text_encoder", "unet", "object_head")
_OUTERMOST = re.compile(r"embed|lm_head|query_tokens|map_out|^\w+_in\.|^\w+_out\.")
WARM_UP_STEPS = 100
CLIP_NORM = 1.0
SAVE_SECONDS = 120.0
#: Lessons that every worker draws ahead.
AHEAD = 4
#: Standard deviation over a batch, of values of about unit size, below which a context counts as constant.
COLLAPSED = 1e-3


@dataclass(frozen=True)
class Plan:
    """What one run of a stage does: `rates` maps the names of the trained parts to their peak learning rates."""

    stage: str
    samples: int
    batch: int
    rates: dict[str, float]
    seed: int = 0
    ema: float = 0.999
    final_rate: float = 0.05

    @property
    def steps(self) -> int:
        return max(1, math.ceil(self.samples / self.batch))


@dataclass
class Report:
    """One line of a run's log: losses are means over the steps since the last line."""

    step: int
    steps: int
    losses: dict[str, float] = field(default_factory=dict)
    samples_per_second: float = 0.0

    def __str__(self) -> str:
        losses = "  ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        return f"step {self.step}/{self.steps}  {losses}  {self.samples_per_second:.1f} samples/s"


#: Makes what a step is given from that step's random source, and its losses from that and a second one.
Lesson = Callable[[np.random.Generator], Any]
Objective = Callable[[Any, torch.Generator], dict[str, Tensor]]


@dataclass
class Lessons(Dataset):
    """What every step of a run is given: depends on seed and step alone, whichever process draws it."""

    lesson: Lesson
    seed: int

    def __getitem__(self, step: int) -> Any:
        return self.lesson(np.random.default_rng([self.seed, step]))


class Run:
    """A resumable run of one stage in its own folder (`config.json`, `log.jsonl`, `state.pt`)."""

    def __init__(self, plan: Plan, parts: dict[str, nn.Module], folder: Path) -> None:
        self.plan, self.folder = plan, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.trained = {name: parts[name] for name in plan.rates}
        self._set_gradients(parts)
        self.optimizers = _optimizers(self.trained, plan.rates)
        self.average = {
            name: {k: v.detach().clone() for k, v in part.state_dict().items()} for name, part in self.trained.items()
        }
        self.step = 0
        self._write_config()
        self._resume()

    def _set_gradients(self, parts: dict[str, nn.Module]) -> None:
        for name, part in parts.items():
            part.train(name in self.trained)
            part.requires_grad_(name in self.trained)

    def _write_config(self) -> None:
        path = self.folder / "config.json"
        wanted = {**asdict(self.plan), "torch": torch.__version__, "threads": torch.get_num_threads()}
        if path.exists():
            stored = Plan(**{k: v for k, v in json.loads(path.read_text()).items() if k not in ("torch", "threads")})
            # A finished run may be prolonged; anything else would no longer be the run that the folder's name promises.
            if replace(stored, samples=self.plan.samples) != self.plan:
                raise TrainingError(
                    f"{self.folder} holds a run with another plan; give the same options or another --out"
                )
        path.write_text(json.dumps(wanted, indent=2) + "\n")

    @property
    def finished(self) -> bool:
        return self.step >= self.plan.steps

    def train(
        self, lesson: Lesson, objective: Objective, seconds: float = math.inf, every: int = 50, workers: int = 0
    ) -> Iterator[Report]:
        """Step until the plan is done or the time is up; yields a report every `every` steps and saves as it goes.

        `workers` processes draw lessons ahead; 0: this one draws them as they are needed.
        """
        started = saved = reported = time.monotonic()
        last = self.step
        upcoming = iter(self._lessons(lesson, workers))
        recent: deque[dict[str, Tensor]] = deque(maxlen=every)
        while not self.finished and time.monotonic() - started < seconds:
            recent.append(self._one(objective, next(upcoming)))
            if self.step % every == 0 or self.finished:
                now = time.monotonic()
                yield self._report(recent, (self.step - last) * self.plan.batch / max(now - reported, 1e-9))
                reported, last = now, self.step
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    def _lessons(self, lesson: Lesson, workers: int) -> DataLoader:
        ahead = {"multiprocessing_context": "fork", "prefetch_factor": AHEAD} if workers else {}
        steps = range(self.step, self.plan.steps)
        return DataLoader(Lessons(lesson, self.plan.seed), batch_size=None, sampler=steps, num_workers=workers, **ahead)

    def _one(self, objective: Objective, lesson: Any) -> dict[str, float]:
        rate = self._rate()
        for group in self._groups():
            group["lr"] = group["peak"] * rate
        losses = objective(lesson, torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step))
        total = sum(value for name, value in losses.items() if not name.startswith("~"))
        if not torch.isfinite(total):
            raise TrainingError(
                f"stage {self.plan.stage}: the loss became {total.item()} at step {self.step}; lower the rate"
            )
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        total.backward()
        for group in self._groups():
            nn.utils.clip_grad_norm_(group["params"], CLIP_NORM)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self._follow()
        return {name.lstrip("~"): value.detach() for name, value in losses.items()}

    def _groups(self) -> list[dict]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _rate(self) -> float:
        """Linear warm-up, then a cosine down to `final_rate`."""
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        done = self.step / self.plan.steps
        low = self.plan.final_rate
        return warm * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))

    @torch.no_grad()
    def _follow(self) -> None:
        """Exponential moving average, quick at first."""
        keep = min(self.plan.ema, (1 + self.step) / (10 + self.step))
        for name, part in self.trained.items():
            now = part.state_dict()
            floats = [k for k, v in now.items() if v.is_floating_point()]
            torch._foreach_lerp_([self.average[name][k] for k in floats], [now[k] for k in floats], 1 - keep)

    def _report(self, recent: deque, speed: float) -> Report:
        names = dict.fromkeys(name for r in recent for name in r)
        losses = {name: torch.stack([r[name].float().cpu() for r in recent if name in r]).nanmean().item() for name in names}
        self._watch(losses)
        report = Report(self.step, self.plan.steps, losses, speed)
        with open(self.folder / "log.jsonl", "a") as log:
            log.write(json.dumps({"step": self.step, **losses, "samples_per_second": round(speed, 2)}) + "\n")
        return report

    def _watch(self, losses: dict[str, float]) -> None:
        """Alarm when the context has become the same for every sample: a known way for a QFormer to fail silently."""
        spread = losses.get("spread", math.inf)
        if self.step >= WARM_UP_STEPS and spread < COLLAPSED:
            raise TrainingError(
                f"stage {self.plan.stage}: the context no longer tells samples apart (spread {spread:.1e}); lower the rate"
            )

    def save(self) -> None:
        """Write everything that resuming needs, whole or not at all."""
        state = {
            "step": self.step,
            "parts": {name: part.state_dict() for name, part in self.trained.items()},
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        temporary = self.folder / ".state.pt"
        torch.save(state, temporary)
        os.replace(temporary, self.folder / "state.pt")

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            return
        device = next(iter(next(iter(self.average.values())).values())).device
        state = torch.load(path, weights_only=True, map_location=device)
        self.step = state["step"]
        self.average = state["average"]
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        for name, part in self.trained.items():
            part.load_state_dict(state["parts"][name])

    def averaged(self) -> dict[str, dict[str, Tensor]]:
        """The averaged weights of the trained parts: what the next stage starts from."""
        return self.average


def _optimizers(parts: dict[str, nn.Module], rates: dict[str, float]) -> list[torch.optim.Optimizer]:
    """Muon for hidden matrices and convolutions, AdamW for everything else (embeddings, first and last layers, norms)."""
    matrices, others = [], []
    for name, part in parts.items():
        inside = {
            id(p) for key, p in part.named_parameters() if name in BY_MUON and p.ndim >= 2 and not _OUTERMOST.search(key)
        }
        for groups, kind in ((matrices, True), (others, False)):
            found = [p for p in part.parameters() if (id(p) in inside) == kind]
            groups += [{"params": found, "peak": rates[name]}] if found else []
    adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    return [adam, Muon(matrices, lr=0.0)] if matrices else [adam]
