"""A pipeline's call as a generator: the picture so far after its steps, the result at the end, stopped by closing it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

#: How many times a call is shown on its way; each costs about a step of `tiny`.
LOOKS = 4


@dataclass(frozen=True)
class Step:
    """A call on its way: steps done, steps in all, and now and then the picture so far on the model's square."""

    done: int
    total: int
    picture: Image.Image | None = None


class _Stopped(Exception):
    """Raised inside the call when nobody listens any more."""


def stepping(pipe, prompt, image, num_inference_steps: int, **settings) -> Iterator[Step | Any]:
    """Call the pipeline on a thread of its own: yields a `Step` after each step, last the pipeline's output.

    Closing the generator stops the call at its next step. What the call raises is raised here.
    """
    news: queue.Queue = queue.Queue()
    closed = threading.Event()

    def after_step(pipe, number, t, tensors):
        if closed.is_set():
            raise _Stopped
        news.put(_step(pipe, number + 1, num_inference_steps, tensors["clean"]))
        return {}

    def call():
        try:
            news.put(pipe(prompt, image, num_inference_steps=num_inference_steps, callback_on_step_end=after_step,
                          callback_on_step_end_tensor_inputs=("clean",), **settings))  # fmt: skip
        except Exception as error:
            news.put(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    try:
        while isinstance(one := news.get(), Step):
            yield one
        if isinstance(one, Exception):
            raise one
        yield one
    finally:
        closed.set()
        thread.join()


def _step(pipe, done: int, total: int, latents) -> Step:
    look = done < total and done % max(1, total // (LOOKS + 1)) == 0
    return Step(done, total, pipe.decode(latents[:1])[0] if look else None)
