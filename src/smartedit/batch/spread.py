"""The same jobs spread over a Ray cluster with Ray Data: as many editors as asked for, each loading the model once.

The pictures, the output folder and the model lie on a disk that every machine sees at the same path. A picture is written whole
or not at all and notes what made it, so an editor that takes over from another does again what that one was at, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from smartedit.batch.jobs import Job
from smartedit.batch.run import Editor, Outcome, Task, edit, settled
from smartedit.cluster import LOCAL, join
from smartedit.errors import SmartEditError

if TYPE_CHECKING:
    import ray

def over_ray(jobs: list[Job], task: Task, load: Callable[[], Editor], workers: int, address: str = LOCAL) -> Iterator[Outcome]:
    """Edit jobs with `workers` editors of the cluster at `address`, outcomes in the order they come.

    `address` is as for `cluster.join`, which raises MissingExtra without Ray, and SmartEditError when the cluster cannot be
    reached.
    """
    if workers < 1:
        raise SmartEditError(f"workers is {workers}; give a number from 1 on")
    join(address, cores=workers + 1)
    import ray

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
