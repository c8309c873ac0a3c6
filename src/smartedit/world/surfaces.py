"""What tables and walls are made of, and the lights they stand in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from smartedit.world import textures as t

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """A flat surface: pattern code of `textures`, two linear RGB colours, repeats per world unit, shine (0 ... 1)."""

    pattern: int
    first: Vector
    second: Vector
    scale: float = 1.0
    shine: float = 0.0

    @property
    def mean(self) -> Vector:
        """Rough mean colour, used for the light that the surface throws back."""
        return tuple(0.7 * a + 0.3 * b for a, b in zip(self.first, self.second, strict=True))


@dataclass(frozen=True)
class Light:
    """One far light with soft shadows under a sky.

    `towards` points to the light; `sun` and `sky` are linear RGB strengths; `sharpness` of shadows (larger is harder);
    `pool` is the radius in world units of the lit circle on the table, 0 for light everywhere.
    """

    towards: Vector
    sun: Vector
    sky: Vector
    sharpness: float = 9.0
    pool: float = 0.0

    @property
    def direction(self) -> Vector:
        """`towards` with length 1."""
        length = math.hypot(*self.towards)
        return tuple(v / length for v in self.towards)


#: Table name, as a person says it -> surface.
TABLES: dict[str, Surface] = {
    "oak wood": Surface(t.WOOD, (0.50, 0.31, 0.15), (0.36, 0.20, 0.085), 1.0, 0.12),
    "walnut wood": Surface(t.WOOD, (0.20, 0.105, 0.055), (0.115, 0.055, 0.028), 1.0, 0.16),
    "white marble": Surface(t.MARBLE, (0.72, 0.72, 0.70), (0.42, 0.43, 0.45), 1.0, 0.35),
    "black marble": Surface(t.MARBLE, (0.035, 0.037, 0.042), (0.22, 0.22, 0.23), 1.0, 0.40),
    "checked cloth": Surface(t.CHECK, (0.74, 0.72, 0.68), (0.50, 0.13, 0.12), 3.0),
    "gray slate": Surface(t.SLATE, (0.20, 0.215, 0.23), (0.115, 0.125, 0.14), 1.0, 0.08),
    "green felt": Surface(t.SPECKLE, (0.045, 0.20, 0.10), (0.035, 0.155, 0.075), 1.0),
    "terracotta tiles": Surface(t.TILES, (0.50, 0.20, 0.11), (0.58, 0.44, 0.34), 1.9, 0.12),
    "blue linen": Surface(t.WEAVE, (0.15, 0.25, 0.42), (0.24, 0.35, 0.52), 1.0),
    "sand": Surface(t.SPECKLE, (0.66, 0.52, 0.33), (0.54, 0.41, 0.25), 1.0),
    "white tiles": Surface(t.TILES, (0.70, 0.71, 0.70), (0.46, 0.48, 0.49), 2.4, 0.35),
    "pink linen": Surface(t.WEAVE, (0.60, 0.33, 0.34), (0.70, 0.44, 0.44), 1.0),
}

#: Wall name, without the word "wall" -> surface.
WALLS: dict[str, Surface] = {
    "white": Surface(t.PLASTER, (0.74, 0.74, 0.72), (0.66, 0.66, 0.65), 1.2),
    "cream": Surface(t.PLASTER, (0.74, 0.64, 0.46), (0.66, 0.56, 0.40), 1.2),
    "sky blue": Surface(t.PLASTER, (0.30, 0.48, 0.66), (0.26, 0.43, 0.60), 1.2),
    "sage green": Surface(t.PLASTER, (0.30, 0.38, 0.26), (0.26, 0.335, 0.225), 1.2),
    "brick": Surface(t.BRICK, (0.33, 0.125, 0.08), (0.47, 0.38, 0.33), 7.0),
    "wood panel": Surface(t.PANEL, (0.33, 0.20, 0.105), (0.19, 0.105, 0.05), 2.6),
    "striped paper": Surface(t.STRIPE, (0.60, 0.58, 0.52), (0.44, 0.50, 0.50), 3.4),
    "charcoal": Surface(t.PLASTER, (0.075, 0.08, 0.09), (0.058, 0.062, 0.07), 1.2),
    "rose": Surface(t.PLASTER, (0.58, 0.30, 0.30), (0.52, 0.26, 0.265), 1.2),
    "mustard": Surface(t.PLASTER, (0.58, 0.38, 0.09), (0.51, 0.33, 0.075), 1.2),
    "dotted paper": Surface(t.DOTTED, (0.42, 0.50, 0.55), (0.66, 0.68, 0.66), 4.5),
}

#: Light name -> light.
LIGHTS: dict[str, Light] = {
    "day": Light((-0.55, 1.25, 0.75), (1.45, 1.38, 1.25), (0.50, 0.54, 0.60), 10.0),
    "warm evening": Light((0.95, 0.85, 0.65), (1.65, 1.12, 0.66), (0.44, 0.38, 0.40), 9.0),
    "night lamp": Light((0.25, 1.3, 0.45), (1.75, 1.30, 0.82), (0.17, 0.19, 0.28), 7.0, 1.5),
    "overcast": Light((-0.2, 1.4, 0.6), (0.62, 0.66, 0.72), (0.78, 0.81, 0.85), 3.5),
    "morning": Light((-1.05, 0.85, 0.55), (1.45, 1.22, 1.02), (0.46, 0.50, 0.60), 9.0),
}
