"""The process around the application: the socket, connections that say nothing, and an orderly end."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from smartedit.errors import SmartEditError
from smartedit.serve.guard import LOOPBACK
from smartedit.serve.limits import Limits


def check_key(host: str, key: str | None) -> None:
    """Whoever lets other machines in must ask for a key; raises SmartEditError."""
    if key is not None and (len(key) < 8 or not key.isascii() or not key.isprintable() or " " in key):
        raise SmartEditError("the API key must have at least 8 characters, printable ASCII without spaces; choose another --api-key")
    if key is None and host not in LOOPBACK:
        raise SmartEditError(f"{host} can be reached from other machines; protect it with --api-key KEY or SMARTEDIT_API_KEY")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SmartEditError when it cannot be had."""
    if not 0 <= port <= 65535:
        raise SmartEditError(f"there is no port {port}; give one from 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SmartEditError(f"cannot listen on {host} port {port} ({error.strerror or error}); choose another --port or --host") from error


def serve(app: ASGIApp, sock: socket.socket, limits: Limits, stop: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then take no new connections, answer what was accepted, and call `stop`."""
    _raise_file_limit()
    # The collector comes by when a quarter of what it watches is new. Libraries and model are a million objects that stay:
    # left out, what errors leave behind (frames with pictures that refer to each other) goes at once instead of piling up.
    gc.collect()
    gc.freeze()
    # uvicorn raises the signal that ended it once more when it is done; an orderly end is no failure.
    previous = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config(app, limits)).run(sockets=[sock])
    finally:
        stop()
        for number, handler in previous.items():
            signal.signal(number, handler)


def config(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app, http=patient(limits.headers), ws="none", lifespan="off", log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=int(limits.deadline) + 5,
    )  # fmt: skip


def patient(seconds: float) -> type[H11Protocol]:
    """A connection that must have sent the headers of its first request within `seconds`."""

    class Patient(H11Protocol):
        def connection_made(self, transport) -> None:
            super().connection_made(transport)
            self._hurry = self.loop.call_later(seconds, self._give_up)

        def connection_lost(self, error: Exception | None) -> None:
            self._hurry.cancel()
            super().connection_lost(error)

        def _give_up(self) -> None:
            if self.cycle is None:
                self.transport.close()

    return Patient


def _raise_file_limit() -> None:
    """Every connection is an open file: allow as many as the system does."""
    try:
        import resource
    except ImportError:  # no such limit on Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
