"""`smartedit train`: from shards of the world to a pipeline folder, stage by stage."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from pathlib import Path

import torch

from smartedit.errors import TrainingError
from smartedit.images import first_line
from smartedit.training.stages import STAGES, load_so_far, prepare, run_stage, stage_named
from smartedit.training.workshop import Workshop

#: Most processes that draw lessons for a GPU.
MOST_WORKERS = 14


def train(
    size: str,
    data: Path,
    out: Path,
    stage: str | None = None,
    share: float = 1.0,
    minutes: float = math.inf,
    seed: int = 0,
    start: Path | None = None,
    frozen: Collection[str] = (),
    scenes: int = 0,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Train all stages of `size` in order, or one; the same call again goes on where the last one stopped.

    `data` holds `train/` and `validation/` shards (`smartedit world build`); `share` scales every stage's samples (1 is
    the full recipe); `minutes` bounds this call. A new run takes over what the pipeline folder `start` holds; parts named in
    `frozen` stay as they are; `scenes` more are drawn for the language side. `device` is where the parts learn (None: the first GPU,
    else the processor); beside a GPU the other cores draw what its next steps need. Raises TrainingError when data are missing or
    a run collapses.
    """
    if size != "tiny":
        raise TrainingError(
            f"only tiny is trained from nothing here, not {size!r}; the published sizes start from their weights"
        )
    if not 0 < share <= 10:
        raise TrainingError(f"--share {share} makes no sense; give a number above 0, 1 for the full recipe")
    chosen = [stage_named(stage)] if stage else list(STAGES)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    workers = 0
    if device != "cpu":
        torch.set_float32_matmul_precision("high")
        workers = min(MOST_WORKERS, max(1, len(os.sched_getaffinity(0)) - 1))
    shop = _fresh(size, seed, device)
    if unknown := set(frozen) - set(shop.parts):
        raise TrainingError(f"there is no part {min(unknown)!r} to freeze; the parts are {', '.join(sorted(shop.parts))}")
    prepare(shop, data, out, say, start, scenes)
    for row in chosen:
        say(f"stage {row.name}")
        for report in run_stage(shop, row, data, out, share=share, minutes=minutes, seed=seed, frozen=frozen, workers=workers):
            say(f"{row.name}  {report}")
    load_so_far(shop, out)


def _fresh(size: str, seed: int, device: str) -> Workshop:
    try:
        return Workshop.fresh(size, seed, device)
    except (RuntimeError, AssertionError) as error:  # torch says in many ways that a device is not there
        raise TrainingError(f"no parts can be put on {device!r} ({first_line(error)}); try cpu") from error
