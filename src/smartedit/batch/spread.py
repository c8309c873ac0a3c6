"""The same jobs spread over a Ray cluster with Ray Data: as many editors as asked for, each loading the model once.

The pictures, the output folder and the model lie on a disk that every machine sees at the same path. A picture is written whole
or not at all and notes what made it, so an editor that takes over from another does again what that one was at, nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING

from smartedit.batch.jobs import Job
from smartedit.batch.run import Editor, Outcome, Task, edit, settled
from smartedit.errors import MissingExtra, SmartEditError
from smartedit.images import first_line

if TYPE_CHECKING:
    import ray

#: The address that stands for a cluster of this machine alone, started for the run.
LOCAL = "local"


def over_ray(jobs: list[Job], task: Task, load: Callable[[], Editor], workers: int, address: str = LOCAL) -> Iterator[Outcome]:
    """Edit jobs with `workers` editors of the cluster at `address`, outcomes in the order they come.

    `address` is `LOCAL`, `"auto"` (the cluster this machine belongs to) or Ray's `host:port`. Raises MissingExtra without
    Ray, and SmartEditError when the cluster cannot be reached or has no room for one editor.
    """
    if find_spec("ray") is None:
        raise MissingExtra("ray", "ray")
    if workers < 1:
        raise SmartEditError(f"workers is {workers}; give a number from 1 on")
    import ray

    _join(address, workers)
    try:
        for row in _rows(jobs, task, load, workers).iter_rows():
            yield Outcome(**row)
    finally:
        ray.shutdown()


class _Worker:
    """An editor in a process of its own, somewhere in the cluster."""

    def __init__(self, task: Task, load: Callable[[], Editor]) -> None:
        self.task, self.editor = task, load()

    def __call__(self, row: dict) -> dict:
        job = Job(**row)
        # A worker that takes over from one that died finds done what that one had finished.
        return asdict(settled(job, self.task) or edit(job, self.task, self.editor))


def _rows(jobs: list[Job], task: Task, load: Callable[[], Editor], workers: int) -> ray.data.Dataset:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # the run has a bar of its own
    asked = ray.data.from_items([asdict(job) for job in jobs], override_num_blocks=len(jobs))
    editors = ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers)
    return asked.map(_Worker, fn_constructor_args=(task, load), compute=editors, num_cpus=1)


def _join(address: str, workers: int) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where = {"num_cpus": max(workers, 1) + 1} if address == LOCAL else {"address": address}
    try:
        ray.init(log_to_driver=False, include_dashboard=False, **where)
    except Exception as error:  # a Ray that does not come up raises whatever comes to hand
        raise SmartEditError(f"no Ray cluster at {address} ({first_line(error)}); see whether it runs with: ray status") from error
