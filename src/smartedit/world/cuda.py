"""The renderer on a CUDA device: two kernels that call the very functions the CPU runs."""

from __future__ import annotations

import numpy as np
from numba import cuda

from smartedit.errors import SceneError
from smartedit.world import tracing

_BLOCK = 16  #: side of the square of pixels that one block of threads paints


@cuda.jit
def first_pass(size, parts, things, room, colour, ids):
    """One look at every pixel."""
    i, j = cuda.grid(2)
    if i < size and j < size:
        tracing.first_look(i, j, size, parts, things, room, colour, ids)


@cuda.jit
def second_pass(size, samples, parts, things, room, colour, ids, picture):
    """More looks at edges, and the final bytes."""
    i, j = cuda.grid(2)
    if i < size and j < size:
        tracing.second_look(i, j, size, samples, parts, things, room, colour, ids, picture)


def paint(
    size: int, samples: int, arrays: tuple[np.ndarray, ...], colour: np.ndarray, ids: np.ndarray, picture: np.ndarray
) -> None:
    """Both passes over a whole picture, into `ids` and `picture`; SceneError when there is no CUDA device."""
    if not cuda.is_available():
        raise SceneError("no CUDA device to render on; use device='cpu'")
    blocks = -(-size // _BLOCK)
    sent = [cuda.to_device(array) for array in arrays]
    colour_there, ids_there, picture_there = (cuda.to_device(array) for array in (colour, ids, picture))
    first_pass[(blocks, blocks), (_BLOCK, _BLOCK)](size, *sent, colour_there, ids_there)
    second_pass[(blocks, blocks), (_BLOCK, _BLOCK)](size, samples, *sent, colour_there, ids_there, picture_there)
    ids_there.copy_to_host(ids)
    picture_there.copy_to_host(picture)
