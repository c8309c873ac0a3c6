"""When has an edit succeeded? One exact rule, applied to pictures whose right answer is known.

For one right answer (a truth) of a source picture:

* the **changed region** is where the truth differs from the source (`smartedit.world.edits.changed_region`);
* **inside** it, the result's mean absolute error to the truth, divided by the source's own error there, is the
  `inside_ratio`: 1 for a result that did nothing, 0 for the truth itself;
* **outside** that region grown by 6 pixels, the result's mean absolute change against the source, on a scale where
  white is 1, is the `outside_change`.

The edit succeeds when `inside_ratio <= 0.4` and `outside_change <= 2/255`. Growing is by a Euclidean disc: a pixel lies
outside when it is more than 6 pixels away from the region. Where several answers are right, the nearest one counts: the
one whose worse bound is used up least. Means run over pixels and the three channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from smartedit.world.edits import changed_region

INSIDE_BOUND = 0.4
OUTSIDE_BOUND = 2 / 255
MARGIN = 6


@dataclass(frozen=True)
class Verdict:
    """What the judge found, against the nearest truth.

    `inside_ratio` >= 0 (1 = as wrong as the source), `outside_change` in [0, 1], `region_iou` in [0, 1] compares where
    the result changed the source with where the truth did, `truth` is the index of the nearest right answer.
    """

    inside_ratio: float
    outside_change: float
    region_iou: float
    truth: int = 0

    @property
    def excess(self) -> float:
        """How much of the stricter bound is used: at most 1 means success; orders cases from good to bad."""
        return max(self.inside_ratio / INSIDE_BOUND, self.outside_change / OUTSIDE_BOUND)

    @property
    def success(self) -> bool:
        """Both bounds hold."""
        return self.inside_ratio <= INSIDE_BOUND and self.outside_change <= OUTSIDE_BOUND


def judge(source: np.ndarray, result: np.ndarray, truths: Sequence[np.ndarray]) -> Verdict:
    """The verdict on `result` as an edit of `source` when any of `truths` is right.

    All pictures are uint8 (H, W, 3). Raises ValueError when there is no truth, when
    sizes differ, or when a truth does not differ from the source (nothing could be judged there).
    """
    if not len(truths):
        raise ValueError("a case needs at least one right answer")
    for name, picture in [("result", result), *((f"truth {i}", truth) for i, truth in enumerate(truths))]:
        if picture.shape != source.shape:
            raise ValueError(f"{name} has shape {picture.shape}, the source has {source.shape}")
    verdicts = [_against(source, result, truth, index) for index, truth in enumerate(truths)]
    return min(verdicts, key=lambda verdict: verdict.excess)


def _against(source: np.ndarray, result: np.ndarray, truth: np.ndarray, index: int) -> Verdict:
    region = changed_region(source, truth)
    if not region.any():
        raise ValueError(f"truth {index} does not differ from the source")
    error, wanted, change = (_distance(*pair) for pair in ((result, truth), (source, truth), (result, source)))
    outside = ~grow(region, MARGIN)
    return Verdict(
        inside_ratio=float(error[region].mean() / wanted[region].mean()),
        outside_change=float(change[outside].mean() / 255) if outside.any() else 0.0,
        region_iou=iou(region, changed_region(source, result)),
        truth=index,
    )


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each pixel, (H, W), in the pictures' own units."""
    return np.abs(one.astype(np.float64) - other.astype(np.float64)).mean(axis=2)


def grow(region: np.ndarray, radius: int) -> np.ndarray:
    """The bool (H, W) region and every pixel at most `radius` pixels (Euclidean) away from it."""
    height, width = region.shape
    padded = np.pad(region, radius)
    grown = np.zeros_like(region)
    for dy in range(-radius, radius + 1):
        reach = isqrt(radius * radius - dy * dy)
        rows = padded[radius + dy : radius + dy + height]
        for dx in range(-reach, reach + 1):
            grown |= rows[:, radius + dx : radius + dx + width]
    return grown


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool (H, W) regions; 1 when both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0
