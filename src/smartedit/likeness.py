"""Does a picture look like the rendered world? A few plain statistics, no model (numpy).

A rendered scene has a level line where the table meets the wall, a wall and a table that look alike on the left and on
the right, and surfaces without grain. The bounds hold for all of 1,008 pictures of the training split; of 137 photographs,
scans, textures and drawings, whole and cropped, one in twelve keeps them all.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

#: Side of the picture on which the statistics are taken.
SIZE = 256

#: Rows between which the table's far edge lies; rows of wall alone, and of table alone.
EDGE, WALL, TABLE = slice(58, 138), slice(0, 56), slice(140, None)

#: Bounds in 0 ... 255: the least step across the edge and the share of columns that take it; the largest difference of
#: left and right on wall and table; the largest grain of the middling surface.
LEAST_STEP, LEAST_SHARE, MOST_UNEVEN, MOST_GRAIN = 11.0, 0.26, (42.0, 68.0), 4.2


def looks_rendered(square: Image.Image) -> bool:
    """Whether a square RGB picture could be one of the world's."""
    values = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BOX), np.float32)
    step, share = level_step(values)
    uneven = (unevenness(values[WALL]), unevenness(values[TABLE]))
    even = all(found <= most for found, most in zip(uneven, MOST_UNEVEN, strict=True))
    return step >= LEAST_STEP and share >= LEAST_SHARE and even and grain(values) <= MOST_GRAIN


def level_step(values: np.ndarray) -> tuple[float, float]:
    """The largest mean step of a channel from a row to the fourth below it, within `EDGE`, and the share of columns with it.

    `values` is float (SIZE, SIZE, 3), as in the functions below.
    """
    steps = (values[4:] - values[:-4])[EDGE]
    means = steps.mean(axis=1)
    row, channel = np.unravel_index(np.abs(means).argmax(), means.shape)
    mean = means[row, channel]
    return float(abs(mean)), float((steps[row, :, channel] * np.sign(mean) > 2).mean())


def unevenness(rows: np.ndarray) -> float:
    """How far the middling colours of the left and the right third are apart, in the worst channel."""
    third = rows.shape[1] // 3
    left, right = (np.median(part.reshape(-1, 3), axis=0) for part in (rows[:, :third], rows[:, -third:]))
    return float(np.abs(left - right).max())


def grain(values: np.ndarray) -> float:
    """The middling 16 x 16 block's mean response to a mask that ignores slopes and straight edges (after Immerkaer)."""
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    response = np.abs(across[:-2] - 2 * across[1:-1] + across[2:]).mean(axis=2)[:240, :240]
    return float(np.median(response.reshape(15, 16, 15, 16).mean(axis=(1, 3))))
