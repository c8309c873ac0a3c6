"""What the process in front of a Ray cluster does with a request: follows it, and asks again when a replica is lost.

No cluster runs here: the handle is a stand-in that says what Ray would say.
"""

from __future__ import annotations

import asyncio

import pytest
from PIL import Image

from smartedit.errors import InstructionError
from smartedit.serve.limits import Limits
from smartedit.serve.tickets import Asked, Busy, Closing, Finished, Partial, TooLate

pytestmark = pytest.mark.slow  # importing Ray takes long

ray = pytest.importorskip("ray")

PICTURE = Image.new("RGB", (2, 2))
END = Finished([], {"text": 0, "image": 0, "output": 0})
PARTIALS = [Partial(0, PICTURE), Partial(1, PICTURE)]


class Handle:
    """A deployment handle: every call plays the next of `scripts`, a list of events, seconds to wait and exceptions."""

    def __init__(self, *scripts: list) -> None:
        self.scripts, self.asked, self.cancelled = list(scripts), [], 0
        self.edit = self

    def options(self, stream: bool) -> Handle:
        assert stream
        return self

    def remote(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return Answer(self, self.scripts.pop(0))


class Answer:
    def __init__(self, handle: Handle, script: list) -> None:
        self.handle, self.script = handle, list(script)

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self):
        step = self.script.pop(0)
        if isinstance(step, float):
            await asyncio.sleep(step)
            return await self.__anext__()
        if isinstance(step, Exception):
            raise step
        return step

    def cancel(self) -> None:
        self.handle.cancelled += 1


def told(error: Exception) -> Exception:
    """An exception of a replica as Ray brings it."""
    return ray.exceptions.RayTaskError("edit", "", error)


def follow(*scripts: list, listen=None, **limits):
    """Submit one request to a cluster that plays the scripts; gives the handle, and what was heard."""
    from smartedit.serve.scale import Cluster

    handle = Handle(*scripts)

    async def run() -> list:
        cluster = Cluster(handle, Limits(**limits))
        ticket = cluster.submit(Asked("remove it", [PICTURE], [7]))
        heard = await (listen or hear)(ticket)
        while cluster._following:
            await asyncio.sleep(0.01)
        return heard

    return handle, asyncio.run(run())


async def hear(ticket) -> list:
    heard = []
    try:
        async for event in ticket.listen():
            heard.append(event)
    except Exception as error:
        heard.append(error)
    return heard


def test_events_come_through():
    handle, heard = follow([*PARTIALS, END])
    assert heard == [*PARTIALS, END] and len(handle.asked) == 1


@pytest.mark.parametrize("lost", [ray.exceptions.ActorDiedError(), ray.exceptions.ActorUnavailableError("away", None)])
def test_a_lost_request_is_sent_again_with_its_seed_and_nothing_is_told_twice(lost):
    handle, heard = follow([PARTIALS[0], lost], [lost], [*PARTIALS, END])
    assert heard == [*PARTIALS, END]
    assert len(handle.asked) == 3 and all(asked is handle.asked[0] and asked.seeds == [7] for asked in handle.asked)


def test_errors_of_an_edit_are_its_own_and_not_tried_again():
    handle, heard = follow([told(InstructionError("no known word"))])
    assert len(handle.asked) == 1 and isinstance(heard[0], InstructionError) and str(heard[0]) == "no known word"


def test_deadlines_hold_over_lost_replicas():
    _, heard = follow([5.0, END], deadline=0.3)
    assert isinstance(heard[-1], TooLate)


def test_who_leaves_is_let_go():
    async def leave(ticket) -> list:
        events = ticket.listen()
        first = await anext(events)
        await events.aclose()
        return [first]

    handle, heard = follow([PARTIALS[0], 5.0, END], listen=leave)
    assert heard == [PARTIALS[0]] and handle.cancelled == 1


def test_too_many_are_refused_and_none_after_the_end(monkeypatch):
    from smartedit.serve import scale

    monkeypatch.setattr(scale.serve, "delete", lambda name: None)

    async def run() -> None:
        cluster = scale.Cluster(Handle([0.1, END], [0.1, END]), Limits(queue=2))
        tickets = [cluster.submit(Asked("remove it", [PICTURE], [0])) for _ in range(2)]
        with pytest.raises(Busy):
            cluster.submit(Asked("remove it", [PICTURE], [0]))
        assert [await ticket.finished() for ticket in tickets] == [END, END]
        cluster.close()
        with pytest.raises(Closing):
            cluster.submit(Asked("remove it", [PICTURE], [0]))

    asyncio.run(run())
