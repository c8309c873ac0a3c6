"""What the server says, in the shapes of the OpenAI Images API: pictures, events of a stream, errors."""

from __future__ import annotations

import base64
import io
import json
import time
from dataclasses import dataclass, field

from PIL import Image
from starlette.exceptions import HTTPException

from smartedit import region
from smartedit.errors import InstructionError, PictureError, SmartEditError
from smartedit.serve.tickets import Busy, Closing, Edited, Finished, Partial, TooLate, Unsound

#: Formats of answers, and Pillow's options for a compression level of 0 to 100.
FORMATS = {
    "png": lambda level: {"compress_level": 1},
    "jpeg": lambda level: {"quality": level, "subsampling": 0},
    "webp": lambda level: {"quality": level, "lossless": level == 100, "method": 2},
}

#: Status, `type` and `code` of the errors that are raised on purpose; the first class that fits counts.
KINDS: tuple[tuple[type[SmartEditError], int, str, str], ...] = (
    (Busy, 429, "rate_limit_error", "queue_full"),
    (Closing, 503, "server_error", "shutting_down"),
    (TooLate, 504, "server_error", "deadline_exceeded"),
    (Unsound, 500, "server_error", "out_of_range"),
    (InstructionError, 400, "invalid_request_error", "invalid_prompt"),
    (PictureError, 400, "invalid_request_error", "invalid_image"),
    (SmartEditError, 400, "invalid_request_error", "invalid_value"),
)


class ApiError(HTTPException):
    """An error as clients read it: `{"error": {"message", "type", "param", "code"}}` with a status."""

    def __init__(
        self, status: int, message: str, code: str, param: str | None = None,
        kind: str = "invalid_request_error", headers: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(status, message, headers)
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    @classmethod
    def of(cls, error: Exception, param: str | None = None) -> ApiError:
        """What clients are told of an exception; of one that nobody foresaw, nothing."""
        if isinstance(error, cls):
            return error
        for kind, status, name, code in KINDS:
            if isinstance(error, kind):
                fields = {InstructionError: "prompt", PictureError: "image"}
                headers = {"Retry-After": str(getattr(error, "wait", 1))} if status in (429, 503) else None
                return cls(status, str(error), code, param or fields.get(kind), name, headers)
        return cls(500, "something went wrong in the server; its log says what", "internal_error", kind="server_error")


@dataclass(frozen=True)
class Style:
    """How pictures are sent: `format` of `FORMATS`, compression `level` 0 to 100, as base64 or as a data URL."""

    format: str = "png"
    level: int = 100
    as_url: bool = False
    created: int = field(default_factory=lambda: int(time.time()))

    def encoded(self, picture: Image.Image) -> dict[str, str]:
        """A picture under the key that the client asked for."""
        file = io.BytesIO()
        picture.save(file, format=self.format.upper(), icc_profile=picture.info.get("icc_profile"), **FORMATS[self.format](self.level))
        text = base64.b64encode(file.getvalue()).decode()
        return {"url": f"data:image/{self.format};base64,{text}"} if self.as_url else {"b64_json": text}

    def about(self, picture: Image.Image) -> dict[str, object]:
        """What is said beside a picture."""
        size = f"{picture.width}x{picture.height}"
        return {"background": "opaque", "output_format": self.format, "quality": "high", "size": size}


def answer(finished: Finished, style: Style) -> dict:
    """The body of an answer that is not streamed."""
    first = finished.edits[0].picture
    data = [{**style.encoded(edit.picture), **_told(edit)} for edit in finished.edits]
    return {"created": style.created, "data": data, **style.about(first), "usage": _usage(finished.tokens)}


def events(event: Partial | Finished, style: Style) -> list[str]:
    """What happened, as server-sent events."""
    if isinstance(event, Partial):
        beside = {"partial_image_index": event.number, "created_at": style.created}
        return [sent("image_edit.partial_image", {**style.encoded(event.picture), **style.about(event.picture), **beside})]
    return [
        sent("image_edit.completed", {
            **style.encoded(edit.picture), **style.about(edit.picture), **_told(edit),
            "created_at": style.created, "usage": _usage(event.tokens),
        }) for edit in event.edits
    ]  # fmt: skip


def sent(kind: str, body: dict) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **body})}\n\n"


def _told(edit: Edited) -> dict[str, object]:
    """What only this server says of an edit; `revised_prompt` is the API's own place for a model's words."""
    return {"revised_prompt": edit.reply or None, "seed": edit.seed, "region": region.box(edit.region), "notes": edit.notes}


def _usage(tokens: dict[str, int]) -> dict[str, object]:
    into = tokens["text"] + tokens["image"]
    return {
        "input_tokens": into, "output_tokens": tokens["output"], "total_tokens": into + tokens["output"],
        "input_tokens_details": {"text_tokens": tokens["text"], "image_tokens": tokens["image"]},
    }  # fmt: skip
