"""From a place in the picture to a colour and an id: `shade`, and the two passes over the picture that call it.

The same functions run on the CPU (`paint_all`) and, called from the kernels in `render`, on a CUDA device.
"""

from __future__ import annotations

import math
from pathlib import Path
from zlib import crc32

from numba import njit

from smartedit.world import march as m
from smartedit.world import parts as p
from smartedit.world import shading as s
from smartedit.world import shapes
from smartedit.world import textures as tx
from smartedit.world.shapes import FAST, JIT

_TABLE, _WALL, _ROOM, _GLASS, _FRAME = range(5)
FLAT = 10000  #: ids from here on (and below its negative) are flat surfaces, told apart only to find edges


@njit(**JIT)
def flat_hit(room, ox, oy, oz, dx, dy, dz):
    """(distance, what) of the first flat surface on a ray; the room behind the camera is 60 units away."""
    t, what = 60.0, _ROOM
    if dy < -1e-6:
        t, what = -oy / dy, _TABLE
    if dz < -1e-6:
        wall = (s.WALL - oz) / dz
        if wall < t:
            t, what = wall, _WALL
            half_x, half_y = room[s.GLASS + 2], room[s.GLASS + 3]
            away_x = abs(ox + dx * t - room[s.GLASS]) - half_x
            away_y = abs(oy + dy * t - room[s.GLASS + 1]) - half_y
            if half_x > 0.0 and max(away_x, away_y) < s.FRAME:
                what = _GLASS if max(away_x, away_y) < 0.0 else _FRAME
    return t, what


@njit(**JIT)
def backdrop(room, dy):
    """The room behind the camera: a soft gradient in the colour of the walls."""
    up = min(max(0.5 + 1.2 * dy, 0.0), 1.0)
    level = 0.28 + 0.5 * up
    return (
        room[s.BACK_MEAN] * level * (room[s.SKY] + 0.3 * room[s.SUN]),
        room[s.BACK_MEAN + 1] * level * (room[s.SKY + 1] + 0.3 * room[s.SUN + 1]),
        room[s.BACK_MEAN + 2] * level * (room[s.SKY + 2] + 0.3 * room[s.SUN + 2]),
    )


@njit(**JIT)
def frame_light(room, x, y):
    """Linear RGB of the mirror's bevelled frame at a place on the wall."""
    away_x = (abs(x - room[s.GLASS]) - room[s.GLASS + 2]) / s.FRAME
    away_y = (abs(y - room[s.GLASS + 1]) - room[s.GLASS + 3]) / s.FRAME
    away = max(away_x, away_y)
    lean = 1.0 if away > 0.35 else -1.0
    nx, ny = 0.0, 0.0
    if away_x > away_y:
        nx = lean * (0.6 if x > room[s.GLASS] else -0.6)
    else:
        ny = lean * (0.6 if y > room[s.GLASS + 1] else -0.6)
    facing = max(nx * room[s.SUN_AT] + ny * room[s.SUN_AT + 1] + 0.8 * room[s.SUN_AT + 2], 0.0)
    edge = 0.55 if away > 0.93 or away < 0.08 else 1.0
    light_r = room[s.SKY] + facing * room[s.SUN]
    light_g = room[s.SKY + 1] + facing * room[s.SUN + 1]
    light_b = room[s.SKY + 2] + facing * room[s.SUN + 2]
    return 0.62 * edge * light_r, 0.42 * edge * light_g, 0.16 * edge * light_b


@njit(**JIT)
def flat_colour(room, parts, things, first, last, what, far, x, y, z, dx, dy, dz):
    """Linear RGB of a flat surface `far` from the eye, table fading into the room in front."""
    if what == _ROOM:
        return backdrop(room, dy)
    if what == _FRAME:
        return frame_light(room, x, y)
    soft = far * room[s.PIXEL]
    if what == _WALL:
        return s.flat_light(room, parts, things, first, last, s.BACK, y, soft, x, y, z, 0.0, 1.0, dx, dy, dz)
    fade = tx.step(s.FRONT + 0.8, 0.8, z)
    br, bg, bb = backdrop(room, dy)
    if fade >= 1.0:
        return br, bg, bb
    r, g, b = s.flat_light(room, parts, things, first, last, s.TABLE, z, soft, x, y, z, 1.0, 0.0, dx, dy, dz)
    return r + (br - r) * fade, g + (bg - g) * fade, b + (bb - b) * fade


@njit(**JIT)
def trace(parts, things, room, ox, oy, oz, dx, dy, dz):
    """(r, g, b, id) that a ray brings back, through glass and off the mirror."""
    first, last, sign, gone = int(room[s.DIRECT]), int(room[s.DIRECT + 1]), 1, 0.0
    skip = first - 1
    r, g, b, weight, number = 0.0, 0.0, 0.0, 1.0, 0
    for _ in range(6):
        flat, what = flat_hit(room, ox, oy, oz, dx, dy, dz)
        t, k = m.nearest_thing(parts, things, first, last, skip, flat, ox, oy, oz, dx, dy, dz)
        x, y, z = ox + dx * t, oy + dy * t, oz + dz * t
        if k < 0 and what == _GLASS:
            gone += t
            first, last = int(room[s.MIRRORED]), int(room[s.MIRRORED + 1])
            ox, oy, oz, dz, skip, sign = x, y, s.WALL, -dz, first - 1, -1
            r, g, b, weight = r + 0.012 * weight, g + 0.014 * weight, b + 0.015 * weight, weight * 0.9
            continue
        if k < 0:
            cr, cg, cb = flat_colour(room, parts, things, first, last, what, gone + t, x, y, z, dx, dy, dz)
            number = number if number != 0 else sign * (FLAT + what)
            return r + weight * cr, g + weight * cg, b + weight * cb, number
        cr, cg, cb, alpha = s.thing_light(room, parts, things, first, last, k, x, y, z, dx, dy, dz)
        if number == 0:
            number = sign * int(things[k, m.NUMBER])
        r, g, b = r + weight * alpha * cr, g + weight * alpha * cg, b + weight * alpha * cb
        weight *= 1.0 - alpha
        if weight < 0.01:
            break
        ox, oy, oz, skip, gone = x, y, z, k, gone + t
    return r, g, b, number


@njit(**JIT)
def tone(light):
    """Display value in [0, 1] of a linear light: a soft shoulder, then the display's gamma."""
    light = max(light, 0.0)
    level = min(1.12 * light * (1.0 + 0.10 * light) / (1.0 + 0.42 * light + 0.08 * light * light), 1.0)
    half = math.sqrt(level)  # the sum below is within 0.002 of level ** (1 / 2.2), and much faster
    return min(1.00490 * half + 0.07133 * math.sqrt(half) - 0.07803 * level, 1.0)


@njit(**JIT)
def shade(u, v, parts, things, room):
    """(r, g, b, id) at a place of the picture: u, v in [-1, 1] from the left and from the bottom; colours 0 ... 1."""
    u *= room[s.SPREAD]
    v *= room[s.SPREAD]
    dx = room[s.FORWARD] + u * room[s.RIGHT] + v * room[s.UP]
    dy = room[s.FORWARD + 1] + u * room[s.RIGHT + 1] + v * room[s.UP + 1]
    dz = room[s.FORWARD + 2] + u * room[s.RIGHT + 2] + v * room[s.UP + 2]
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    r, g, b, number = trace(
        parts, things, room, room[s.EYE], room[s.EYE + 1], room[s.EYE + 2], dx / length, dy / length, dz / length
    )
    return tone(r), tone(g), tone(b), number


@njit(**JIT)
def first_look(i, j, size, parts, things, room, colour, ids):
    """One sample in the middle of pixel (row j, column i)."""
    r, g, b, number = shade((i + 0.5) / size * 2.0 - 1.0, 1.0 - (j + 0.5) / size * 2.0, parts, things, room)
    colour[j, i, 0], colour[j, i, 1], colour[j, i, 2] = r, g, b
    ids[j, i] = number


@njit(**JIT)
def is_edge(i, j, size, colour, ids):
    """Whether a pixel needs more rays: another thing beside it, or a visible change of colour.

    Within a flat surface one look is enough: its lines come filtered and its shadows are soft.
    """
    limit = 0.075 if -FLAT < ids[j, i] < FLAT else 0.3
    for n in range(4):
        ni = i + (1 if n == 0 else -1 if n == 1 else 0)
        nj = j + (1 if n == 2 else -1 if n == 3 else 0)
        if 0 <= ni < size and 0 <= nj < size:
            if ids[j, i] != ids[nj, ni]:
                return True
            change = abs(colour[j, i, 0] - colour[nj, ni, 0])
            change = max(change, abs(colour[j, i, 1] - colour[nj, ni, 1]))
            if max(change, abs(colour[j, i, 2] - colour[nj, ni, 2])) > limit:
                return True
    return False


@njit(**JIT)
def second_look(i, j, size, samples, parts, things, room, colour, ids, picture):
    """Final bytes of a pixel: `samples` squared rays where the first look found an edge."""
    r, g, b = colour[j, i, 0], colour[j, i, 1], colour[j, i, 2]
    if samples > 1 and is_edge(i, j, size, colour, ids):
        total = samples * samples
        for n in range(1, total):  # a spiral round the middle, where the first look was
            out = 0.42 * math.sqrt(n / (total - 1.0))
            u = (i + 0.5 + out * math.cos(2.39996 * n)) / size
            v = (j + 0.5 + out * math.sin(2.39996 * n)) / size
            sr, sg, sb, _ = shade(u * 2.0 - 1.0, 1.0 - v * 2.0, parts, things, room)
            r, g, b = r + sr, g + sg, b + sb
        r, g, b = r / total, g / total, b / total
    picture[j, i, 0] = int(r * 255.0 + 0.5)
    picture[j, i, 1] = int(g * 255.0 + 0.5)
    picture[j, i, 2] = int(b * 255.0 + 0.5)


def _sources() -> int:
    """Digest of everything that `paint_all` is compiled from: numba's cache on disk watches this file only."""
    modules = (shapes, p, m, tx, s)
    return crc32(b"".join(Path(module.__file__).read_bytes() for module in modules))


def _painter(digest: int):
    @njit(cache=True, **FAST)
    def paint_all(size, samples, parts, things, room, near, where, colour, ids, picture):
        """Both passes over a picture on one core, the first over the pixels `near`, the second over those of `where`; returns
        the digest of the sources it was compiled from."""
        for j in range(size):
            for i in range(size):
                if near[j, i]:
                    first_look(i, j, size, parts, things, room, colour, ids)
        for j in range(size):
            for i in range(size):
                if where[j, i]:
                    second_look(i, j, size, samples, parts, things, room, colour, ids, picture)
        return digest

    return paint_all


paint_all = _painter(_sources())
