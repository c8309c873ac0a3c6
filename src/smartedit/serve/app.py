"""The server's application: the OpenAI Images API over an editor that takes tickets.

The editor is a `Worker` in this process, or something that hands tickets on to other machines.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

import smartedit
from smartedit.errors import SmartEditError
from smartedit.serve import answers
from smartedit.serve.answers import ApiError, Style
from smartedit.serve.forms import EditForm
from smartedit.serve.guard import Guard
from smartedit.serve.limits import Limits
from smartedit.serve.metrics import Metrics
from smartedit.serve.once import Once
from smartedit.serve.tickets import Asked, Ticket

# No postponed annotations here: FastAPI reads those of the routes as they are.

#: Seconds after which a stream says that it still lives.
HEARTBEAT = 10.0

Result = TypeVar("Result")


class Editor(Protocol):
    """Who does the work."""

    limits: Limits
    metrics: Metrics

    @property
    def alive(self) -> bool:
        """Whether it takes requests."""

    def submit(self, asked: Asked, kept: bool = False) -> Ticket:
        """Take a request, or raise Busy, Closing or InstructionError."""


class Error(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """The body of every answer that is an error."""

    error: Error


#: How errors stand in the OpenAPI document; naming them by class also keeps out the framework's own 422.
ERRORS = {"4XX": {"model": ErrorAnswer, "description": "Refused."}, "5XX": {"model": ErrorAnswer, "description": "Failed."}}


def make_app(editor: Editor, model: str, key: str | None = None) -> Guard:
    """The guarded ASGI application that serves `editor` under the name `model`, to whoever has `key` (None: local programs)."""
    about = "Edit pictures by instructions. Speaks the OpenAI Images API."
    app = FastAPI(title="SmartEdit", version=smartedit.__version__, description=about, docs_url=None, redoc_url=None, responses=ERRORS)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in (HTTPException, SmartEditError, Exception):
        app.add_exception_handler(kind, _failed)
    _add_edits(app, editor, model)
    _add_health(app, editor, model)
    return Guard(app, editor.limits, editor.metrics, key)


def _add_edits(app: FastAPI, editor: Editor, model: str) -> None:
    once = Once(editor.limits)
    stream = {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The pictures; events with `stream`."}

    @app.post("/v1/images/edits", responses={200: stream}, response_model=None)
    async def edit(
        request: Request, form: Annotated[EditForm, Depends()], idempotency_key: Annotated[str | None, Header()] = None
    ) -> JSONResponse | StreamingResponse:
        """Edit pictures by an instruction."""
        _check_model(form.model, model)
        asked, digest = await form.read(editor.limits)
        ticket = once.submit(idempotency_key, digest, lambda kept: editor.submit(asked, kept))
        if form.stream:
            return StreamingResponse(_told(ticket, form.style), media_type="text/event-stream")
        finished = await _unless_gone(request, ticket.finished())
        return JSONResponse(await asyncio.to_thread(answers.answer, finished, form.style))


def _add_health(app: FastAPI, editor: Editor, model: str) -> None:
    about = {"id": model, "object": "model", "created": int(time.time()), "owned_by": "smartedit"}

    @app.get("/v1/models")
    async def models() -> dict:
        """The one model that is served."""
        return {"object": "list", "data": [about]}

    @app.get("/v1/models/{name}")
    async def one_model(name: str) -> dict:
        """The model of that name."""
        _check_model(name, model)
        return about

    @app.get("/healthz")
    async def healthz() -> dict:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict:
        """Whether edits are taken."""
        if not editor.alive:
            raise ApiError(503, "no edits are taken at present", "not_ready", kind="server_error", headers={"Retry-After": "1"})
        return {"status": "ready"}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Counters in Prometheus' text format."""
        return PlainTextResponse(editor.metrics.text(), media_type="text/plain; version=0.0.4")


def _check_model(name: str | None, model: str) -> None:
    if name and name != model:
        raise ApiError(404, f"there is no model {name[:60]!r} here; this server serves {model!r}", "model_not_found", "model")


async def _told(ticket: Ticket, style: Style) -> AsyncIterator[str]:
    """A ticket's events as a stream that says so when it has nothing to say, and ends with an error event if it must."""
    heard = ticket.listen()
    upcoming = asyncio.ensure_future(anext(heard))
    try:
        while True:
            if not (await asyncio.wait({upcoming}, timeout=HEARTBEAT))[0]:
                yield ": still at work\n\n"
                continue
            for event in await asyncio.to_thread(answers.events, upcoming.result(), style):
                yield event
            upcoming = asyncio.ensure_future(anext(heard))
    except StopAsyncIteration:
        return
    except Exception as error:
        yield answers.sent("error", ApiError.of(error).body)
    finally:
        upcoming.cancel()
        await asyncio.wait({upcoming})
        await heard.aclose()


async def _unless_gone(request: Request, work: Awaitable[Result]) -> Result:
    """What `work` gives; it is cancelled when the client leaves."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "the client left", "client_left")
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _failed(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, HTTPException) and not isinstance(error, ApiError):
        said = {404: "there is nothing at this path", 405: "this path takes another method"}
        error = ApiError(error.status_code, said.get(error.status_code, str(error.detail)), "invalid_request", headers=error.headers)
    refusal = ApiError.of(error)
    return JSONResponse(refusal.body, refusal.status_code, refusal.headers)


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """The first field that is wrong, without what was sent in it."""
    first = error.errors()[0]
    field = str(first["loc"][-1])
    refusal = ApiError(400, f"{field}: {first['msg'].lower()}", "invalid_value", field)
    return JSONResponse(refusal.body, 400)
