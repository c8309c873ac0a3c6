"""How much a server takes on: numbers that every part of it keeps to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`batch` pictures are denoised together and `queue` more wait; a request has `deadline` seconds for all of it.

    A request may hold `pictures` of at most `pixels` each and be `body` bytes long; its
    headers must come within `headers` and its body within `upload` seconds. All bodies on their way together may hold
    `bodies` bytes. Answers of `answers` requests with an idempotency key are kept for `kept` seconds.
    """

    batch: int = 8
    queue: int = 64
    deadline: float = 120.0
    pictures: int = 16
    pixels: int = 16_777_216
    body: int = 32 * 2**20
    bodies: int = 512 * 2**20
    headers: float = 10.0
    upload: float = 60.0
    answers: int = 64
    kept: float = 600.0
