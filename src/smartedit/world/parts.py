"""Parts that kinds are built of, and their layout as rows of numbers for the renderer.

A kind's `build` returns a list of `Part`, in the object's own frame (standing on y = 0, front towards +z, size 1).
`place` turns them into rows in the world. Angles here are degrees, because people write these tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smartedit.world import shapes
from smartedit.world.scene import COLOURS, Object

# Columns of a row.
SHAPE, BLEND, PX, PY, PZ = range(5)
TURN = 5  # nine numbers: world -> own frame, row by row
A, B, C, D, E, BOUND = range(14, 20)
RED, GREEN, BLUE, RED2, GREEN2, BLUE2, PATTERN, FREQUENCY = range(20, 28)
DIFFUSE, SHINE, POWER, ENVIRONMENT, METAL, GLOW, ALPHA = range(28, 35)
COLUMNS = 35

PLAIN, BANDS, SECTORS, MOTTLE, DOTS, DIAL, PIPS, KEYS, PANELS = range(9)

#: Material -> diffuse, shine, power, environment, metal, glow, alpha.
FINISHES: dict[str, tuple[float, ...]] = {
    "matte": (1.0, 0.05, 10.0, 0.0, 0.0, 0.0, 1.0),
    "glossy": (0.97, 0.50, 70.0, 0.07, 0.0, 0.0, 1.0),
    "metal": (0.42, 0.85, 38.0, 0.62, 1.0, 0.0, 1.0),
    "glass": (0.60, 1.0, 110.0, 0.38, 0.0, 0.0, 0.42),
    "glow": (0.55, 0.0, 10.0, 0.0, 0.0, 0.9, 1.0),
    "lit": (0.85, 0.0, 10.0, 0.0, 0.0, 0.28, 1.0),
}

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Paint:
    """Colour and finish of a part. `colour` None is the object's own colour, `material` None its own material."""

    colour: Vector | None = None
    material: str | None = None
    shade: float = 1.0
    pattern: int = PLAIN
    frequency: float = 0.0
    second: Vector | None = None  # None: whatever stands out from the first colour


BODY = Paint()


def paint(colour: str | Vector, material: str = "matte", shade: float = 1.0) -> Paint:
    """A fixed paint by colour name or linear RGB."""
    return Paint(COLOURS[colour] if isinstance(colour, str) else colour, material, shade)


def body(shade: float = 1.0, pattern: int = PLAIN, frequency: float = 0.0, second: Vector | None = None) -> Paint:
    """The object's own colour, shaded or patterned."""
    return Paint(None, None, shade, pattern, frequency, second)


@dataclass(frozen=True)
class Part:
    """One shape: code, where, five dimensions, bounding radius, turn in degrees (z, then x, then y), paint, blend."""

    shape: int
    at: Vector
    size: tuple[float, float, float, float, float]
    bound: float
    paint: Paint = BODY
    turn: Vector = (0.0, 0.0, 0.0)
    blend: float = 0.0
    axis: Vector | None = None  # the direction of the part's own y axis, instead of `turn`


def ball(at: Vector, size: float | Vector, paint: Paint = BODY, turn: Vector = (0, 0, 0), blend: float = 0.0) -> Part:
    """Ellipsoid with half axes `size`."""
    axes = (size, size, size) if isinstance(size, (int, float)) else size
    return Part(shapes.ELLIPSOID, at, (*axes, 0, 0), max(axes), paint, turn, blend)


def box(
    at: Vector, size: Vector, paint: Paint = BODY, turn: Vector = (0, 0, 0), rounding: float = 0.015, blend: float = 0.0
) -> Part:
    """Box with half sizes `size`."""
    rounding = min(rounding, *size)
    return Part(shapes.BOX, at, (*size, 0, rounding), math.hypot(*size), paint, turn, blend)


def cone(
    at: Vector,
    bottom: float,
    half: float,
    top: float,
    paint: Paint = BODY,
    turn: Vector = (0, 0, 0),
    rounding: float = 0.008,
    blend: float = 0.0,
) -> Part:
    """Upright cylinder or cut cone: radii at bottom and top, half height, rounded edges."""
    size = (max(bottom - rounding, 1e-3), half - rounding, max(top - rounding, 1e-3), 0, rounding)
    return Part(shapes.CONE, at, size, math.hypot(max(bottom, top), half), paint, turn, blend)


def ring(
    at: Vector, radius: float, tube: float, paint: Paint = BODY, turn: Vector = (0, 0, 0), stretch: float = 0.0
) -> Part:
    """Ring lying flat, stretched along x."""
    return Part(shapes.RING, at, (radius, tube, stretch, 0, 0), radius + stretch + tube, paint, turn)


def limb(
    start: Vector, end: Vector, thick: float, thin: float | None = None, paint: Paint = BODY, blend: float = 0.0
) -> Part:
    """Rounded stick from `start` (radius `thick`) to `end` (radius `thin`)."""
    thin = thick if thin is None else thin
    axis = tuple(e - s for s, e in zip(start, end, strict=True))
    half = math.hypot(*axis) / 2
    at = tuple((s + e) / 2 for s, e in zip(start, end, strict=True))
    return Part(shapes.LIMB, at, (half, thick, thin, 0, 0), half + max(thick, thin), paint, blend=blend, axis=axis)


def cup(
    at: Vector,
    bottom: float,
    half: float,
    top: float,
    wall: float = 0.02,
    paint: Paint = BODY,
    turn: Vector = (0, 0, 0),
) -> Part:
    """Open cup round `at`: radii at bottom and rim, half height."""
    return Part(shapes.CUP, at, (bottom, half, top, wall, 0), math.hypot(max(bottom, top), half) + wall, paint, turn)


def arc(
    at: Vector,
    radius: float,
    tube: float,
    half_angle: float,
    paint: Paint = BODY,
    turn: Vector = (0, 0, 0),
    taper: float = 0.0,
    blend: float = 0.0,
) -> Part:
    """Bow in the xy plane round +y, `half_angle` degrees to each side of the top."""
    size = (radius, tube, math.radians(min(half_angle, 179.9)), taper, 0)
    return Part(shapes.ARC, at, size, radius + tube, paint, turn, blend)


def wedge(
    at: Vector,
    bottom: float,
    half: float,
    top: float,
    depth: float,
    paint: Paint = BODY,
    turn: Vector = (0, 0, 0),
    rounding: float = 0.01,
    blend: float = 0.0,
) -> Part:
    """Upright trapezoid plate: half widths at bottom and top, half height, half depth along z."""
    rounding = min(rounding, 0.9 * depth, 0.9 * half)
    size = (max(bottom - rounding, 1e-3), half - rounding, max(top - rounding, 1e-3), depth - rounding, rounding)
    return Part(shapes.WEDGE, at, size, math.hypot(max(bottom, top), half, depth), paint, turn, blend)


def dome(at: Vector, size: Vector, paint: Paint = BODY, turn: Vector = (0, 0, 0), blend: float = 0.0) -> Part:
    """Upper half of an ellipsoid."""
    return Part(shapes.DOME, at, (*size, 0, 0), max(size), paint, turn, blend)


def bowl(at: Vector, size: Vector, wall: float = 0.015, paint: Paint = BODY, turn: Vector = (0, 0, 0)) -> Part:
    """Shell of the lower half of an ellipsoid, open at the top."""
    return Part(shapes.BOWL, at, (*size, wall, 0), max(size) + wall, paint, turn)


def blended(amount: float, *parts: Part) -> list[Part]:
    """The parts melting softly into what was built before them, over about `amount` units."""
    return [replace(part, blend=amount) for part in parts]


def mirrored(part: Part) -> list[Part]:
    """The part and its twin on the other side of x = 0."""
    x, y, z = part.at
    tx, ty, tz = part.turn
    axis = None if part.axis is None else (-part.axis[0], part.axis[1], part.axis[2])
    return [part, replace(part, at=(-x, y, z), turn=(tx, -ty, -tz), axis=axis)]


def across(part: Part) -> list[Part]:
    """The part and its twin on the other side of z = 0."""
    x, y, z = part.at
    tx, ty, tz = part.turn
    axis = None if part.axis is None else (part.axis[0], part.axis[1], -part.axis[2])
    return [part, replace(part, at=(x, y, -z), turn=(-tx, -ty, tz), axis=axis)]


def around(part: Part, count: int, start: float = 0.0) -> list[Part]:
    """`count` copies of the part turned about the vertical axis."""
    copies = []
    for k in range(count):
        angle = start + 360.0 * k / count
        at = tuple(float(v) for v in _about_y(angle) @ np.array(part.at))
        axis = None if part.axis is None else tuple(float(v) for v in _about_y(angle) @ np.array(part.axis))
        copies.append(replace(part, at=at, axis=axis, turn=(part.turn[0], part.turn[1] + angle, part.turn[2])))
    return copies


@dataclass(frozen=True)
class Kind:
    """A kind of thing.

    `colours` are its natural ones, most usual first; `repaint` says whether it may have any of COLOURS; `height` and
    `radius` (footprint about the vertical axis) bound it at size 1 for every `proportions`, in world units; within
    `turn` radians of yaw to either side it is easy to recognise. `build(proportions)` gives its parts.
    """

    name: str
    plural: str
    category: str
    colours: tuple[str, ...]
    repaint: bool
    materials: tuple[str, ...]
    height: float
    radius: float
    turn: float
    build: Callable[[Vector], Sequence[Part]]


def place(parts: Sequence[Part], thing: Object) -> np.ndarray:
    """Rows (n, COLUMNS) float64 of an object's parts where it stands."""
    return np.array([_row(part, thing) for part in parts], dtype=np.float64)


def _row(part: Part, thing: Object) -> np.ndarray:
    row = np.zeros(COLUMNS)
    stand = _about_y(math.degrees(thing.yaw))
    own = _along(part.axis) if part.axis is not None else _turned(*part.turn)
    row[[SHAPE, BLEND]] = part.shape, part.blend * thing.size
    row[PX : PZ + 1] = stand @ np.array(part.at) * thing.size + (thing.x, 0.0, thing.z)
    row[TURN : TURN + 9] = (stand @ own).T.ravel()
    row[A : E + 1] = np.array(part.size) * thing.size
    if part.shape == shapes.ARC:  # an angle and a ratio do not grow
        row[[C, D]] = part.size[2], part.size[3]
    row[BOUND] = part.bound * thing.size + 1e-3
    _paint_row(row, part.paint, thing)
    return row


def extent(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner (3,) of a box round placed parts."""
    own = np.array([_HALF[int(row[SHAPE])](*row[A : E + 1]) for row in rows])
    half = np.einsum("nij,ni->nj", np.abs(rows[:, TURN : TURN + 9].reshape(-1, 3, 3)), own)
    half += 0.25 * rows[:, BLEND].max() + 1e-3  # where parts melt together the surface swells by up to this much
    at = rows[:, PX : PZ + 1]
    return (at - half).min(0), (at + half).max(0)


#: Shape -> half the size of its own box, from its five dimensions.
_HALF: dict[int, Callable[..., Vector]] = {
    shapes.ELLIPSOID: lambda a, b, c, d, e: (a, b, c),
    shapes.BOX: lambda a, b, c, d, e: (a, b, c),
    shapes.CONE: lambda a, b, c, d, e: (max(a, c) + e, b + e, max(a, c) + e),
    shapes.RING: lambda a, b, c, d, e: (a + b + c, b, a + b),
    shapes.LIMB: lambda a, b, c, d, e: (max(b, c), a + max(b, c), max(b, c)),
    shapes.CUP: lambda a, b, c, d, e: (max(a, c) + d, b + d, max(a, c) + d),
    shapes.ARC: lambda a, b, c, d, e: (a + b, a + b, b),
    shapes.WEDGE: lambda a, b, c, d, e: (max(a, c) + e, b + e, d + e),
    shapes.DOME: lambda a, b, c, d, e: (a, b, c),
    shapes.BOWL: lambda a, b, c, d, e: (a + d, b + d, c + d),
}


def _paint_row(row: np.ndarray, paint: Paint, thing: Object) -> None:
    colour = np.array(COLOURS[thing.colour] if paint.colour is None else paint.colour)
    first = np.clip(colour * paint.shade, 0.0, 1.2)
    row[RED : BLUE + 1] = first
    row[RED2 : BLUE2 + 1] = _standing_out(first, paint.pattern) if paint.second is None else paint.second
    row[PATTERN], row[FREQUENCY] = paint.pattern, paint.frequency
    if paint.pattern in (DIAL, PIPS):  # these are lengths, the others count repeats
        row[FREQUENCY] *= thing.size
    elif paint.pattern not in (SECTORS, PANELS):
        row[FREQUENCY] /= thing.size
    row[DIFFUSE : ALPHA + 1] = FINISHES[paint.material or thing.material]


def _standing_out(first: np.ndarray, pattern: int) -> np.ndarray:
    """White dots and panels on strong colours, dark ones on pale colours; for other patterns a shade of the same."""
    pale = first.min() > 0.5 or (pattern == PIPS and first.mean() > 0.5)
    if pattern in (PIPS, PANELS):
        return np.array((0.045, 0.045, 0.05) if pale else (0.85, 0.85, 0.82))
    return first * 0.5 if first.max() > 0.12 else first * 0.5 + 0.09


def _about_y(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _turned(x: float, y: float, z: float) -> np.ndarray:
    c, s = math.cos(math.radians(x)), math.sin(math.radians(x))
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    c, s = math.cos(math.radians(z)), math.sin(math.radians(z))
    about_z = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return _about_y(y) @ about_x @ about_z


def _along(axis: Vector) -> np.ndarray:
    up = np.array(axis, dtype=float)
    up /= np.linalg.norm(up)
    side = np.cross(up, (0.0, 0.0, 1.0) if abs(up[2]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    return np.stack([side, up, np.cross(side, up)], axis=1)


def stretch(proportions: Vector, width: float = 0.1, height: float = 0.12, extra: float = 0.2) -> Vector:
    """Factors round 1 for a kind's width, height and third trait."""
    return tuple(1.0 + by * max(-1.0, min(1.0, p)) for by, p in zip((width, height, extra), proportions, strict=True))
