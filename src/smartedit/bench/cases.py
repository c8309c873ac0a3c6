"""What a suite is made of: a picture, words, and whatever is known about the right answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

import numpy as np
from PIL import Image

#: Groups of Reason-Edit that are also reported together.
UNDERSTANDING = ("left-right", "relative-size", "mirror", "colour", "multiple")


@dataclass(frozen=True)
class Case:
    """One question to an editor.

    `picture` and `truths` (every right answer that is known, none for most real photographs) are RGB of equal size;
    `mask` is where the edit belongs, bool (H, W), or None where nobody drew one; `soft_mask` is the same as it came,
    uint8 (H, W), where its gray values matter. `clip_words` say what should be seen there afterwards. `earlier` are the
    instructions, each with the id its seed comes from, that a multi-turn editor carries out first. `op` names the
    operation; `edit` and `scene` are plain data of the rendered world, empty elsewhere.
    """

    id: str
    group: str
    picture: Image.Image
    instruction: str
    mask: np.ndarray | None
    truths: tuple[Image.Image, ...] = ()
    op: str = ""
    edit: Mapping = field(default_factory=dict)
    scene: Mapping = field(default_factory=dict)
    clip_words: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    soft_mask: np.ndarray | None = None

    def render(self) -> Case:
        """Itself, so that rendered and planned cases can be mixed in one list."""
        return self

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of the words and every pixel: equal only for the same question with the same answers."""
        value = crc32(self.instruction.encode())
        for picture in (self.picture, *self.truths):
            value = crc32(picture.tobytes(), value)
        if not self.truths and self.mask is not None:
            value = crc32(self.mask.tobytes(), value)
        return f"{value:08x}"


class Planned(Protocol):
    """What a suite is a list of: something with an id and a group that renders (or reads) its case on demand."""

    @property
    def id(self) -> str: ...

    @property
    def group(self) -> str: ...

    def render(self) -> Case: ...


@dataclass(frozen=True)
class LeftOut:
    """A case that the suite should have and cannot ask, with the reason in words; `id` may name a whole group."""

    id: str
    group: str
    reason: str


@dataclass(frozen=True)
class Suite:
    """A list of cases under a name.

    `exact`: truths are rendered, so the exact rule of `judge.py` decides; elsewhere a truth is only one good answer.
    `version` changes when the same name would mean other cases. `left_out` is reported beside every number.
    """

    name: str
    cases: Sequence[Planned]
    exact: bool = True
    version: int = 1
    left_out: tuple[LeftOut, ...] = ()
