"""The same server over many machines: Ray Serve keeps replicas of the editor, this process speaks HTTP for them.

An accepted request lives here until it is answered. When the replica that works on it dies, it is sent to another with
the same seed, so nothing is lost and nothing comes out differently.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ray import serve
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from smartedit.cluster import LOCAL, join
from smartedit.pipeline import EditPipeline
from smartedit.serve.limits import Limits
from smartedit.serve.metrics import Metrics
from smartedit.serve.tickets import Asked, Busy, Closing, Event, Finished, Partial, Ticket, TooLate
from smartedit.serve.worker import Worker

#: The application's name in the cluster.
NAME = "smartedit"

#: Seconds between two looks at whether a request is still wanted, and before a lost one is sent again.
GLANCE = 0.2


class Replica:
    """One editor in the cluster: a worker with its own pipeline, which `load` gives."""

    def __init__(self, load: Callable[[], EditPipeline], limits: Limits) -> None:
        self._worker = Worker(load(), limits)

    async def edit(self, asked: Asked) -> AsyncIterator[Event]:
        """What happens to a request."""
        async for event in self._worker.submit(asked).listen():
            yield event

    def check_health(self) -> None:
        """Raises when the worker has ended; Ray then replaces the replica."""
        if not self._worker.alive:
            raise RuntimeError("the worker has ended")


@dataclass
class Cluster:
    """An editor whose work the replicas behind `handle` do. `submit` must be called in an event loop."""

    handle: DeploymentHandle
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    alive: bool = True
    _following: dict[asyncio.Task, int] = field(default_factory=dict)

    def submit(self, asked: Asked, kept: bool = False) -> Ticket:
        """Send a request to a replica; raises Busy when more edits are under way than replicas and queue hold."""
        if not self.alive:
            raise Closing
        under_way = sum(self._following.values())
        if under_way + len(asked.pictures) > self.limits.queue:
            raise Busy(max(1, math.ceil(under_way / self.limits.batch)))
        ticket = Ticket(asked, self.limits.deadline, kept)
        task = asyncio.get_running_loop().create_task(self._follow(ticket))
        self._following[task] = len(asked.pictures)
        task.add_done_callback(self._following.pop)
        self.metrics.waiting.set(under_way + len(asked.pictures))
        return ticket

    def close(self) -> None:
        """Take no more; the replicas end with the application."""
        self.alive = False
        serve.delete(NAME)

    async def _follow(self, ticket: Ticket) -> None:
        """Tell a ticket what a replica says, and ask another when that one is lost."""
        while ticket.wanted and not ticket.late:
            try:
                await self._ask(ticket)
            except RayTaskError as error:
                return self._end(ticket, "failed", error.cause if isinstance(error.cause, Exception) else error)
            except (RayActorError, RayServeException):
                await asyncio.sleep(GLANCE)
            except Exception as error:
                return self._end(ticket, "failed", error)
        self._end(ticket, "late" if ticket.late else "left", TooLate(self.limits.deadline))

    async def _ask(self, ticket: Ticket) -> None:
        events = self.handle.options(stream=True).edit.remote(ticket.asked)
        upcoming = asyncio.ensure_future(anext(events))
        try:
            while ticket.wanted and not ticket.late:
                if not (await asyncio.wait({upcoming}, timeout=GLANCE))[0]:
                    continue
                event = upcoming.result()
                if isinstance(event, Finished):
                    return self._end(ticket, "done", event)
                if event.number >= sum(isinstance(told, Partial) for told in ticket.events):
                    ticket.tell(event)
                upcoming = asyncio.ensure_future(anext(events))
            events.cancel()
        finally:
            upcoming.cancel()

    def _end(self, ticket: Ticket, end: str, event: Finished | Exception) -> None:
        if ticket.tell(event):
            self.metrics.edits.labels(end).inc(len(ticket.asked.pictures))


def start(load: Callable[[], EditPipeline], limits: Limits, least: int = 1, most: int = 4, cores: float = 1) -> Cluster:
    """Replicas in the cluster that RAY_ADDRESS names (or a new one on this machine), `least` to `most` as the load asks.

    `load` makes a replica's pipeline and runs there; `cores` is what a replica is given.
    """
    join(os.environ.get("RAY_ADDRESS", LOCAL))
    deployment = serve.deployment(
        Replica,
        name="editor",
        max_ongoing_requests=4 * limits.batch,
        autoscaling_config={"min_replicas": least, "max_replicas": most, "target_ongoing_requests": limits.batch},
        health_check_period_s=2,
        health_check_timeout_s=30,
        ray_actor_options={"num_cpus": cores},
    )
    handle = serve.run(deployment.bind(load, limits), name=NAME, route_prefix=None)
    return Cluster(handle, limits)
