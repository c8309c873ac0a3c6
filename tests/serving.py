"""Servers on real sockets: one with a quick stand-in for the model, one with the random pipeline."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field

import openai
import uvicorn
from PIL import Image, ImageOps

from smartedit.errors import InstructionError
from smartedit.serve.app import make_app
from smartedit.serve.limits import Limits
from smartedit.serve.metrics import Metrics
from smartedit.serve.server import config, listen
from smartedit.serve.tickets import Asked, Busy, Edited, Finished, Partial, Ticket

KEY = "sk-test-0123456789"


@dataclass
class Quick:
    """An editor that turns pictures negative at once, or when it is let: `hold` it, `full` it, `fail` it."""

    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    alive: bool = True
    full: bool = False
    fail: Exception | None = None
    go: threading.Event = field(default_factory=threading.Event)
    tickets: list[Ticket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go.set()

    def submit(self, asked: Asked, kept: bool = False) -> Ticket:
        if self.full:
            raise Busy(7)
        if "zyzzyva" in asked.prompt:
            raise InstructionError("no known word in it; say it in English")
        ticket = Ticket(asked, self.limits.deadline, kept)
        self.tickets.append(ticket)
        threading.Thread(target=self._work, args=(ticket,), daemon=True).start()
        return ticket

    def _work(self, ticket: Ticket) -> None:
        asked = ticket.asked
        for number in range(asked.partials):
            ticket.tell(Partial(number, asked.pictures[0]))
        self.go.wait(20)
        if self.fail:
            ticket.tell(self.fail)
            return
        done = [Edited(ImageOps.invert(picture), Image.new("L", picture.size, 255), "Done.", [], seed)
                for picture, seed in zip(asked.pictures, asked.seeds, strict=True)]  # fmt: skip
        ticket.tell(Finished(done, {"text": 3, "image": 4, "output": 32}))


@contextlib.contextmanager
def served(editor, key: str | None = None):
    """The address of a server in a thread of this process."""
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(config(make_app(editor, "tiny", key), editor.limits))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)
        sock.close()


def client(address: str, key: str = "unused", **options) -> openai.OpenAI:
    """The official client, as anybody would make it."""
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, **{"max_retries": 0, "timeout": 120, **options})


def eventually(true, seconds: float = 20.0) -> bool:
    """Whether something comes true in time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
