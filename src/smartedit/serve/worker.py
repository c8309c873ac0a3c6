"""Continuous batching: one thread owns the pipeline and takes all edits under way one step further at a time.

    admit those that wait -> one step for all -> decode the finished -> again

An edit joins before any step and leaves after its last, so nobody waits for somebody else's edit to end.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import torch
from PIL import Image

from smartedit import conversation
from smartedit.call import Encoded, finished
from smartedit.denoising import Denoising, advance
from smartedit.guidance import branch_weights
from smartedit.pipeline import EditPipeline
from smartedit.serve.limits import Limits
from smartedit.serve.metrics import Metrics
from smartedit.serve.tickets import Asked, Busy, Closing, Edited, Finished, Partial, Ticket, TooLate, Unsound

#: Encoded pictures that are remembered; each takes about a megabyte.
REMEMBERED = 64


@dataclass(eq=False)
class Edit:
    """One picture of a ticket on its way; `picture` and `denoising` are there once it was admitted.

    `results` is shared with the ticket's other edits: what is done, and how many patches were read for it. It holds no
    edits: those would refer to each other and keep their pictures and tensors until the garbage collector comes by.
    """

    ticket: Ticket
    number: int
    results: list[tuple[Edited, int] | None]
    picture: Encoded | None = None
    denoising: Denoising | None = None
    reply: str = ""


@dataclass
class Worker:
    """Edits what it is given until it is closed. `submit` may be called from any thread; `alive` tells whether it works."""

    pipe: EditPipeline
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self._waiting: deque[Edit] = deque()
        self._under_way: list[Edit] = []
        self._changed = threading.Condition()
        self._closing = False
        self._pace = 1.0  # seconds of work an edit takes when others share it, smoothed
        self._spent = 0.0  # seconds of work since an edit was done
        self._pictures: OrderedDict[bytes, Encoded] = OrderedDict()
        self._composers = ThreadPoolExecutor(2, "smartedit-compose")
        self._thread = threading.Thread(target=self._work, name="smartedit-worker", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether edits are taken and worked on."""
        return self._thread.is_alive() and not self._closing

    def submit(self, asked: Asked, kept: bool = False) -> Ticket:
        """Queue a request; raises Busy when too many wait, Closing after `close`, InstructionError for unknown words."""
        asked = replace(asked, prompt=self.pipe.checked(asked.prompt))
        ticket = Ticket(asked, self.limits.deadline, kept)
        with self._changed:
            if not self.alive:
                raise Closing
            if len(self._waiting) + len(asked.pictures) > self.limits.queue + self._room():
                raise Busy(min(60, max(1, math.ceil(len(self._waiting) * self._pace))))
            results: list[tuple[Edited, int] | None] = [None] * len(asked.pictures)
            self._waiting.extend(Edit(ticket, number, results) for number in range(len(asked.pictures)))
            self.metrics.waiting.set(len(self._waiting))
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Finish what was accepted, take nothing new, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._composers.shutdown()

    def _work(self) -> None:
        while self._wait_for_work():
            started = time.perf_counter()
            try:
                with torch.no_grad():
                    self._drop()
                    self._admit()
                    self._step()
            except Exception as error:  # whatever a model or a device raises: these edits fail, the next ones may not
                self._fail(self._under_way, error)
            self._spent += time.perf_counter() - started

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._under_way or self._closing)
            return bool(self._waiting or self._under_way)

    def _drop(self) -> None:
        """Let go of edits that nobody wants any more, and of those whose time is over."""
        with self._changed:
            for edit in (*self._waiting, *self._under_way):
                if edit.ticket.late:
                    self._end(edit.ticket, "late", TooLate(self.limits.deadline))
                elif not edit.ticket.wanted:
                    self._end(edit.ticket, "left", Closing())
            self._waiting = deque(edit for edit in self._waiting if not edit.ticket.over)
            self._under_way = [edit for edit in self._under_way if not edit.ticket.over]

    def _admit(self) -> None:
        with self._changed:
            joining = [self._waiting.popleft() for _ in range(min(self._room(), len(self._waiting)))]
            self.metrics.waiting.set(len(self._waiting))
        try:
            for edit in joining:
                edit.picture = self._encoded(edit.ticket.asked.pictures[edit.number])
            for alike in _of_one_kind(joining, lambda edit: edit.picture.source.shape):
                self._begin(alike)
            self._under_way += joining
            self.metrics.under_way.set(len(self._under_way))
        except Exception as error:
            self._fail(joining, error)

    def _begin(self, edits: list[Edit]) -> None:
        asked = [edit.ticket.asked for edit in edits]
        scales = [(self._default(one, "guidance_scale"), self._default(one, "image_guidance_scale")) for one in asked]
        started, replies = self.pipe.begin(
            [one.prompt for one in asked],
            [edit.picture for edit in edits],
            [one.steps or self.pipe.config.num_inference_steps for one in asked],
            [branch_weights(*pair) for pair in scales],
            [torch.Generator().manual_seed(one.seeds[edit.number]) for one, edit in zip(asked, edits, strict=True)],
        )
        for edit, denoising, reply in zip(edits, started, replies, strict=True):
            edit.denoising, edit.reply = denoising, reply

    def _step(self) -> None:
        for together in _of_one_kind(self._under_way, _shapes):
            started = time.perf_counter()
            advance(self.pipe.model.denoise, [edit.denoising for edit in together])
            self.metrics.step_seconds.observe(time.perf_counter() - started)
            self.metrics.together.observe(len(together))
        self._show([edit for edit in self._under_way if _is_shown(edit)])
        done = [edit for edit in self._under_way if edit.denoising.done]
        self._under_way = [edit for edit in self._under_way if not edit.denoising.done]
        self.metrics.under_way.set(len(self._under_way))
        self._finish(done)

    def _show(self, edits: list[Edit]) -> None:
        for edit in edits:
            expected = edit.denoising.expected
            square = self.pipe.decode(edit.denoising.latents if expected is None else expected)[0]
            self._composers.submit(self._compose_partial, edit, square, _shown_steps(edit).index(edit.denoising.step))

    def _finish(self, edits: list[Edit]) -> None:
        for edit in edits:
            if not edit.denoising.latents.isfinite().all():
                self._end(edit.ticket, "failed", Unsound())
        sound = [edit for edit in edits if not edit.ticket.over]
        for alike in _of_one_kind(sound, lambda edit: edit.denoising.latents.shape):
            squares = self.pipe.decode(torch.cat([edit.denoising.latents for edit in alike]))
            for edit, square in zip(alike, squares, strict=True):
                self._composers.submit(self._compose, edit, square)
        if edits:
            self._pace += 0.2 * (self._spent / len(edits) - self._pace)
            self._spent = 0.0

    def _compose_partial(self, edit: Edit, square: Image.Image, number: int) -> None:
        picture, _ = finished(edit.picture, square, edit.ticket.asked.mask)
        edit.ticket.tell(Partial(number, picture))

    def _compose(self, edit: Edit, square: Image.Image) -> None:
        try:
            ticket = edit.ticket
            picture, changed = finished(edit.picture, square, ticket.asked.mask)
            notes = self.pipe.notes(ticket.asked.prompt, edit.picture)
            patches = 0 if edit.picture.features is None else edit.picture.features.shape[1]
            edit.results[edit.number] = (Edited(picture, changed, edit.reply, notes, ticket.asked.seeds[edit.number]), patches)
            if all(edit.results):
                done, read = zip(*edit.results, strict=True)
                self._end(ticket, "done", Finished(list(done), self._tokens(ticket.asked.prompt, sum(read), len(done))))
        except Exception as error:
            self._fail([edit], error)

    def _fail(self, edits: Iterable[Edit], error: Exception) -> None:
        """End edits with an error nobody foresaw: the log has all of it."""
        traceback.print_exception(error, file=sys.stderr)
        for edit in edits:
            self._end(edit.ticket, "failed", error)

    def _end(self, ticket: Ticket, end: str, event: Finished | Exception) -> None:
        if ticket.tell(event):
            self.metrics.edits.labels(end).inc(len(ticket.asked.pictures))
            self.metrics.edit_seconds.observe(time.monotonic() - ticket.started)

    def _encoded(self, picture: Image.Image) -> Encoded:
        """The picture encoded, or remembered from an earlier edit; the original itself is not kept."""
        key = hashlib.blake2b(picture.tobytes() + repr(picture.size).encode()).digest()
        known = self._pictures.pop(key, None)
        self.metrics.pictures.labels("yes" if known else "no").inc()
        encoded = self.pipe.encode(picture) if known is None else replace(known, fitted=replace(known.fitted, original=picture))
        self._pictures[key] = replace(encoded, fitted=replace(encoded.fitted, original=None))
        if len(self._pictures) > REMEMBERED:
            self._pictures.popitem(last=False)
        return encoded

    def _room(self) -> int:
        return self.limits.batch - len(self._under_way)

    def _default(self, asked: Asked, name: str) -> float:
        value = getattr(asked, name)
        return self.pipe.config[name] if value is None else value

    def _tokens(self, prompt: str, patches: int, count: int) -> dict[str, int]:
        """What went in and out, in tokens: words, patches of all pictures, edit tokens."""
        words = len(conversation.encode(self.pipe.tokenizer, prompt))
        return {"text": words, "image": patches, "output": len(conversation.EDIT_TOKENS) * count}


def _shapes(edit: Edit) -> tuple:
    branches = edit.denoising.branches
    return branches.source.shape[1:], branches.condition.context.shape[1:]


def _of_one_kind(edits: list[Edit], kind: Callable[[Edit], tuple]) -> list[list[Edit]]:
    """The edits in groups that can be one batch."""
    ordered = sorted(edits, key=lambda edit: tuple(map(str, kind(edit))))
    return [list(group) for _, group in itertools.groupby(ordered, key=kind)]


def _shown_steps(edit: Edit) -> list[int]:
    """After which steps the first edit of a ticket is shown: evenly spread, the last step left to the result itself."""
    steps, wanted = len(edit.denoising.scheduler.timesteps), edit.ticket.asked.partials
    return sorted({max(1, round(steps * k / (wanted + 1))) for k in range(1, wanted + 1)} - {steps})


def _is_shown(edit: Edit) -> bool:
    return edit.number == 0 and edit.denoising.step in _shown_steps(edit)
