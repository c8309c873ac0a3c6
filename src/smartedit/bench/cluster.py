"""The same work on the machines of a Ray cluster: every shard of the tasks is a Ray task that gives its results as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from smartedit.bench.workers import Job, each, shards
from smartedit.cluster import LOCAL, join
from smartedit.errors import SmartEditError


def each_on_ray(
    job: Job, tasks: Sequence, parts: int, deadline: float | None = None, address: str = LOCAL, gpus: float = 0.0
) -> Iterator[tuple[int, Any]]:
    """As `workers.each`, by `parts` Ray tasks, each with one core and `gpus` GPUs, each with a worker process of its own.

    `address` is as for `cluster.join`. Raises MissingExtra without Ray, and SmartEditError when the cluster cannot be reached
    or a shard is lost with its machine; the same command goes on.
    """
    join(address)
    import ray

    part = ray.remote(num_cpus=1, num_gpus=gpus)(_part)
    running = [part.remote(job, [(number, tasks[number]) for number in shard], deadline) for shard in shards(len(tasks), parts)]
    while running:
        (ready, *_), _ = ray.wait(running, num_returns=1)
        try:
            yield ray.get(next(ready))
        except StopIteration:
            running.remove(ready)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, SmartEditError):
                raise cause from error
            raise SmartEditError(f"a shard was lost ({str(error).splitlines()[0]}); run the same command again") from error


def _part(job: Job, numbered: list[tuple[int, Any]], deadline: float | None) -> Iterator[tuple[int, Any]]:
    for place, result in each(job, [task for _, task in numbered], processes=1, deadline=deadline):
        yield numbered[place][0], result
