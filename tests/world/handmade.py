"""Descriptions of scenes made by hand, for tests of language that need no renderer."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

KINDS = ("cat", "dog", "knife", "mug", "apple", "scissors", "bread", "ball")
COLOURS = ("red", "blue", "gray", "silver")


def thing(id: str, colour: str = "red", x: float = 0.0, z: float = 0.0, size: float = 1.0, **extra) -> dict:
    """A described object; its kind is the id without the number, its box follows from place and size."""
    middle, floor = 0.5 + x / 3, 0.55 + z / 5
    box = [middle - 0.07 * size, floor - 0.2 * size, middle + 0.07 * size, floor]
    data = {"id": id, "kind": id.split("-")[0], "colour": colour, "x": x, "z": z, "size": size}
    return data | {"visible": 500, "box": box, "mirror_visible": 0, "mirror_box": None} | extra


def mirrored(data: dict) -> dict:
    """The same object, also seen in the mirror."""
    left, _, right, _ = data["box"]
    return data | {"mirror_visible": 200, "mirror_box": [left, 0.1, right, 0.25]}


def described(*things: dict, mirror: bool = False) -> dict:
    """A description of a scene with these objects."""
    wall = {"x": 0.0, "y": 0.8, "width": 2.0, "height": 1.0} if mirror else None
    setting = {"table": "white marble", "wall": "cream", "light": "day"}
    return {"objects": list(things), **setting, "mirror": wall, "reflected": None}


@st.composite
def scenes(draw, least: int = 1) -> dict:
    """Random descriptions: few kinds and colours, so that twins and families are common."""
    count = draw(st.integers(least, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mirror = bool(rng.random() < 0.5)
    things = []
    for number in range(count):
        x, z = float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.6, 0.8))
        id = f"{rng.choice(KINDS[: rng.integers(1, len(KINDS) + 1)])}-{number}"
        made = thing(id, str(rng.choice(COLOURS)), x, z, float(rng.choice([0.7, 1.0, 1.5])))
        made["visible"] = int(rng.choice([500, 500, 500, 30, 0]))
        things.append(mirrored(made) if mirror and rng.random() < 0.7 else made)
    return described(*things, mirror=mirror)
