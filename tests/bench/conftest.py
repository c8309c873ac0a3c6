"""A suite that needs no rendering: gray pictures on which a square changes colour."""

from __future__ import annotations

import numpy as np
import pytest
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


@pytest.fixture(name="square_case")
def square_case_maker():
    """The function that makes one case."""
    return square_case


@pytest.fixture
def squares() -> list[Case]:
    """Eight cases of four groups; every second one has two right answers."""
    return [square_case(number) for number in range(8)]
