"""What passes between a request and the editor that works on it: what is asked, what happens, and who listens.

A `Ticket` is told what happens from the editor's thread and tells it to any number of listeners in event loops; one
that comes late hears everything from the start, so that a repeated request joins the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from PIL import Image

from smartedit.errors import SmartEditError


class Busy(SmartEditError):
    """The queue is full; `wait` is how many seconds it may take to empty."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"the server has as many edits waiting as it takes; try again in {wait} s")
        self.wait = wait


class Closing(SmartEditError):
    """The server takes no new edits because it is shutting down."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down; try again on another one, or later")


class TooLate(SmartEditError):
    """An edit did not get done within its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the edit was not done within {seconds:g} s; try again when the server is less busy")


class Unsound(SmartEditError):
    """An edit came out as something other than numbers."""

    def __init__(self) -> None:
        super().__init__("the model's numbers ran out of range; try another seed or a smaller guidance scale")


@dataclass(frozen=True)
class Asked:
    """A checked request: the same words about every picture, each with a seed of its own.

    `mask` bounds all edits (`region.bound`); None in a setting takes the model's own; `partials` is how many pictures on
    the way are wanted of the first edit.
    """

    prompt: str
    pictures: list[Image.Image]
    seeds: list[int]
    mask: Image.Image | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    partials: int = 0


@dataclass(frozen=True)
class Partial:
    """The first edit as it is expected to become."""

    number: int
    picture: Image.Image


@dataclass(frozen=True)
class Edited:
    """One finished edit: picture, changed region, the model's reply and remarks, the seed that makes it again."""

    picture: Image.Image
    region: Image.Image
    reply: str
    notes: list[str]
    seed: int


@dataclass(frozen=True)
class Finished:
    """All edits of a request, and how many tokens went in and out."""

    edits: list[Edited]
    tokens: dict[str, int]


#: What a listener hears: partial pictures, then the end.
Event = Partial | Finished


@dataclass
class Ticket:
    """An accepted request. `kept` ones are finished though nobody listens; others are dropped then."""

    asked: Asked
    deadline: float
    kept: bool = False
    started: float = field(default_factory=time.monotonic)
    events: list[Event | Exception] = field(default_factory=list)
    over: bool = False
    _left: bool = False
    _listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def wanted(self) -> bool:
        """Whether there is still somebody to work for."""
        return not self.over and (self.kept or not self._left)

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() - self.started > self.deadline

    def tell(self, event: Event | Exception) -> bool:
        """Tell every listener; a `Finished` or an exception is the last that they hear, and what comes after is lost.

        Gives whether it was told. Callable from any thread.
        """
        with self._lock:
            if self.over:
                return False
            self.events.append(event)
            self.over = not isinstance(event, Partial)
            for loop, queue in self._listeners:
                with contextlib.suppress(RuntimeError):  # a loop that was closed: whoever listened in it has gone
                    loop.call_soon_threadsafe(queue.put_nowait, event)
            return True

    async def listen(self) -> AsyncIterator[Event]:
        """Everything that happened and will happen; raises what went wrong. Leaving early gives the request up."""
        queue: asyncio.Queue[Event | Exception] = asyncio.Queue()
        listener = (asyncio.get_running_loop(), queue)
        with self._lock:
            for event in self.events:
                queue.put_nowait(event)
            self._listeners.append(listener)
            self._left = False
        try:
            while True:
                event = await queue.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            with self._lock:
                self._listeners.remove(listener)
                self._left = not self._listeners

    async def finished(self) -> Finished:
        """The end; raises what went wrong."""
        events = self.listen()
        try:
            async for event in events:
                if isinstance(event, Finished):
                    return event
        finally:
            await events.aclose()
        raise AssertionError("a listener always hears an end")
