"""Cases small enough to know their answers by thought."""

from __future__ import annotations

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case

GROUPS = ("plain", "colour", "mirror", "reasoning")


def square_case(number: int, group: str | None = None) -> Case:
    before = np.full((48, 48, 3), 90, np.uint8)
    truths = []
    for shift in range(1 + number % 2):
        after = before.copy()
        after[14 + shift : 26 + shift, 14:26] = (200, 40, 40 + number)
        truths.append(Image.fromarray(after))
    mask = np.asarray(truths[0]).max(axis=2) != 90
    group = group or GROUPS[number % len(GROUPS)]
    op = ("remove", "add")[number % 2]
    return Case(f"case-{number}", group, Image.fromarray(before), f"make square {number}", mask, tuple(truths), op)
