"""What stands before the application: who may come in, how much they may bring, and what leaves when something breaks."""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
import traceback
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartedit.serve.answers import ApiError
from smartedit.serve.limits import Limits
from smartedit.serve.metrics import Metrics

#: Paths that need no key: whoever runs the server asks them whether it lives.
OPEN = ("/healthz", "/readyz")

#: Names by which a machine calls itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass
class Guard:
    """Checks key, origin and body size of every request before `app` sees it, names and counts every answer.

    Without a `key` only requests that call the server by a loopback name are let in, which keeps out web pages that
    point a name of their own at this machine. `names` are those loopback names.
    """

    app: ASGIApp
    limits: Limits
    metrics: Metrics
    key: str | None = None
    names: tuple[str, ...] = LOOPBACK

    def __post_init__(self) -> None:
        self._held = 0  # bytes of bodies in all requests that are under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP goes to the application as it is."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = _Body(self, receive)
        answer = _Answer(body, send, self.metrics)
        try:
            self._check(scope["path"], Headers(scope=scope))
            await self.app(scope, body.receive, answer.send)
        except ApiError as refusal:
            await JSONResponse(refusal.body, refusal.status_code, refusal.headers)(scope, receive, answer.send)
        except Exception:  # the application has answered it; no traceback ever leaves
            traceback.print_exc(file=sys.stderr)
        finally:
            self._held -= body.length

    def _check(self, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if self.key is None and _split(f"//{host}")[1] not in self.names:
            raise ApiError(403, "without an API key this server answers only to localhost; start it with --api-key", "unknown_host")
        origin = headers.get("origin")
        if origin is not None and _split(origin)[0] != host:
            raise ApiError(403, "pages of other sites may not use this server from a browser", "foreign_origin")
        if self.key is not None and path not in OPEN:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode()):
                said = "the API key is wrong" if given else "an API key is needed; send it as Authorization: Bearer KEY"
                raise ApiError(401, said, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.limits.body:
            raise self.too_long()

    def hold(self, length: int) -> None:
        """Count bytes of bodies under way; ApiError when all together have too many."""
        self._held += length
        if self._held > self.limits.bodies:
            raise ApiError(429, "too many uploads at once; try again", "uploads_full", kind="rate_limit_error", headers={"Retry-After": "2"})

    def too_long(self) -> ApiError:
        """The refusal of a body that is too long."""
        return ApiError(413, f"the request is too long; send at most {self.limits.body // 2**20} MiB", "request_too_large")


class _Body:
    """A request's body, counted and timed while it comes in."""

    def __init__(self, guard: Guard, receive: Receive) -> None:
        self.guard, self._receive = guard, receive
        self.length, self._whole = 0, False
        self._until = time.monotonic() + guard.limits.upload

    async def receive(self) -> Message:
        if self._whole:  # what comes now is the client's leaving, for which there is no hurry
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, self._until - time.monotonic()))
        except asyncio.TimeoutError:
            seconds = self.guard.limits.upload
            raise ApiError(408, f"the request did not arrive within {seconds:g} s", "upload_too_slow", headers={"Connection": "close"}) from None
        self._whole = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return message

    def _count(self, length: int) -> None:
        self.length += length
        self.guard.hold(length)
        if self.length > self.guard.limits.body:
            raise self.guard.too_long()

    async def swallow(self) -> None:
        """Read what is left of a refused body, within reason: a client that still sends would not hear the answer."""
        left, until = 4 * self.guard.limits.body, min(self._until, time.monotonic() + 5)
        while not self._whole and left > 0 and (seconds := until - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self._receive(), seconds)
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))
            self._whole = not message.get("more_body", False)


class _Answer:
    """An answer on its way out: gets a name, says how long it took, is counted, and waits until the client listens."""

    def __init__(self, body: _Body, send: Send, metrics: Metrics) -> None:
        self._body, self._send, self._metrics = body, send, metrics
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._body.swallow()
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
            headers["openai-processing-ms"] = str(round(1000 * (time.perf_counter() - self._began)))
            headers["cache-control"] = "no-store"
            self._metrics.answers.labels(str(message["status"])).inc()
        await self._send(message)


def _split(url: str) -> tuple[str, str | None]:
    """Host with port, and host alone, of a URL; empty for one that cannot be read."""
    try:
        parts = urlsplit(url)
        return parts.netloc, parts.hostname
    except ValueError:
        return "", None
