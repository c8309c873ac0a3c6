"""What people may ask of a pipeline, checked before any work: instructions, settings, seeds, pairs of words and pictures."""

from __future__ import annotations

import math
import operator
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smartedit import images
from smartedit.errors import InstructionError, SmartEditError

if TYPE_CHECKING:
    import torch

#: Longest instruction, in characters.
LONGEST = 1000

#: Largest number of denoising steps and largest guidance scale that make sense.
MOST_STEPS, MOST_GUIDANCE = 1000, 100.0

#: Largest working size, in pixels.
LARGEST_SIZE = 1024

#: Largest seed; leaves room to count up.
LARGEST_SEED = 2**63 - 2**20

#: Signs that would be read as edit tokens of the conversation.
_MARKUP = str.maketrans("<>", "  ")


def instruction(text: str) -> str:
    """The user's words on one line, without signs that the conversation uses; InstructionError if empty or too long."""
    if not isinstance(text, str):
        raise InstructionError(f"an instruction is text, not {type(text).__name__}; say what to change")
    if len(text) > LONGEST:
        raise InstructionError(f"the instruction has {len(text)} characters, at most {LONGEST} are read; say it shorter")
    words = " ".join(text.encode("utf-8", "replace").decode().translate(_MARKUP).split())
    if not words:
        raise InstructionError("the instruction is empty; say what to change, such as: remove the red apple")
    return words


def paired(prompts: str | Sequence[str], pictures: Any) -> tuple[list[str], list]:
    """Instructions and pictures as two lists of one length; a single one goes with all of the others."""
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    pictures = list(pictures) if isinstance(pictures, (list, tuple)) else [pictures]
    if not prompts or not pictures:
        raise SmartEditError("there is nothing to edit; give at least one picture and one instruction")
    if len(prompts) != len(pictures) and 1 not in (len(prompts), len(pictures)):
        raise SmartEditError(f"{len(prompts)} instructions do not pair with {len(pictures)} pictures; give one of either, or as many")
    count = max(len(prompts), len(pictures))
    return prompts * (count // len(prompts)), pictures * (count // len(pictures))


def masks(mask: Any, count: int) -> list:
    """A mask, or None, for each of `count` pictures; a single one goes with all."""
    return _as_many(list(mask), count, "masks") if isinstance(mask, (list, tuple)) else [mask] * count


def steps(value: int) -> int:
    """A number of steps, checked."""
    if not isinstance(value, int) or not 1 <= value <= MOST_STEPS:
        raise SmartEditError(f"steps is {value}; give a whole number from 1 to {MOST_STEPS}")
    return value


def scale(value: float, name: str) -> float:
    """A guidance scale, checked: a number, not NaN or infinite, from 0 to `MOST_GUIDANCE`."""
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= MOST_GUIDANCE:
        raise SmartEditError(f"{name} is {value}; give a number from 0 to {MOST_GUIDANCE:g}")
    return float(value)


def picture_size(value: int, cell: int) -> int:
    """A working size in pixels, checked: a multiple of `cell`, the pixels of one cell of the latents, up to `LARGEST_SIZE`."""
    if not isinstance(value, int) or not cell <= value <= LARGEST_SIZE or value % cell:
        raise SmartEditError(f"picture size is {value}; give a multiple of {cell} up to {LARGEST_SIZE}, such as 256, 384 or 512")
    return value


def fit(value: str) -> str:
    """A way to bring a picture to its working size, checked."""
    if value not in images.FITS:
        raise SmartEditError(f"there is no fit {value!r}; choose one of {', '.join(images.FITS)}")
    return value


def seed_number(value: int) -> int:
    """A whole number of any library as an int, checked."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = -1
    if not 0 <= whole <= LARGEST_SEED:
        raise SmartEditError(f"seed is {value}; give a whole number from 0 to {LARGEST_SEED}")
    return whole


def generators(
    count: int, generator: torch.Generator | list[torch.Generator] | None, seed: int | Sequence[int] | None
) -> tuple[list[torch.Generator], list[int]]:
    """One generator a picture and the seeds they started from, so that a batch never changes a picture's noise.

    A single `seed` counts up from picture to picture; None draws one. A single `generator` serves all in turn.
    """
    import torch  # here, so that the command line can check words without waiting for it

    if generator is not None:
        if seed is not None:
            raise SmartEditError("both seed and generator are given; give one of them")
        found = list(generator) if isinstance(generator, (list, tuple)) else [generator] * count
        return _as_many(found, count, "generators"), [g.initial_seed() for g in found]
    if seed is None or not isinstance(seed, (list, tuple)):
        first = secrets.randbelow(2**31) if seed is None else seed_number(seed)
        seeds = [first + number for number in range(count)]
    else:
        seeds = _as_many([seed_number(value) for value in seed], count, "seeds")
    return [torch.Generator("cpu").manual_seed(s) for s in seeds], seeds


def _as_many(values: list, count: int, name: str) -> list:
    if len(values) != count:
        raise SmartEditError(f"there are {len(values)} {name} for {count} pictures; give as many, or one")
    return values
