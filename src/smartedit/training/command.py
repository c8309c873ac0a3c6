"""`smartedit train`: from shards of the world to a pipeline folder, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path

from smartedit.errors import TrainingError
from smartedit.training.stages import STAGES, load_so_far, prepare, run_stage, stage_named
from smartedit.training.workshop import Workshop


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
    say: Callable[[str], None] = print,
) -> None:
    """Train all stages of `size` in order, or one; the same call again goes on where the last one stopped.

    `data` holds `train/` and `validation/` shards (`smartedit world build`); `share` scales every stage's samples (1 is
    the full recipe); `minutes` bounds this call. A new run takes over what the pipeline folder `start` holds; parts named in
    `frozen` stay as they are; `scenes` more are drawn for the language side. Raises TrainingError when data are missing or a run collapses.
    """
    if size != "tiny":
        raise TrainingError(
            f"only tiny is trained from nothing here, not {size!r}; the published sizes start from their weights"
        )
    if not 0 < share <= 10:
        raise TrainingError(f"--share {share} makes no sense; give a number above 0, 1 for the full recipe")
    chosen = [stage_named(stage)] if stage else list(STAGES)
    shop = Workshop.fresh(size, seed)
    if unknown := set(frozen) - set(shop.parts):
        raise TrainingError(f"there is no part {min(unknown)!r} to freeze; the parts are {', '.join(sorted(shop.parts))}")
    prepare(shop, data, out, say, start, scenes)
    for row in chosen:
        say(f"stage {row.name}")
        for report in run_stage(shop, row, data, out, share=share, minutes=minutes, seed=seed, frozen=frozen):
            say(f"{row.name}  {report}")
    load_so_far(shop, out)
