"""The light that one ray brings back: `shade` is the renderer's per-pixel function, for CPU and CUDA alike."""

from __future__ import annotations

import math

from numba import njit

from smartedit.world import march as m
from smartedit.world import parts as p
from smartedit.world import textures as tx
from smartedit.world.shapes import JIT

WALL = -1.9  #: z of the wall
FRONT = 2.6  #: z where the table starts to fade into the room behind the camera, seen in mirrors only

# The flat array that tells everything but objects.
EYE, FORWARD, RIGHT, UP, SPREAD, DIRECT, MIRRORED = 0, 3, 6, 9, 12, 13, 15
SUN_AT, SUN, SKY, SHARP, POOL, TABLE, BACK, GLASS = 17, 20, 23, 26, 27, 28, 38, 48
FIRST_COLOUR, SECOND_COLOUR, PATTERN, SCALE, GLOSS, MEAN = 0, 3, 6, 7, 8, 9
TABLE_MEAN, BACK_MEAN, PIXEL = 52, 55, 58
ROOM_SIZE = 59
FRAME = 0.07  #: width of the mirror's frame

_RED, _RED2, _PATTERN, _FREQUENCY = p.RED, p.RED2, p.PATTERN, p.FREQUENCY
_DIFFUSE, _SHINE, _POWER, _ENVIRONMENT, _METAL, _GLOW, _ALPHA = (
    p.DIFFUSE,
    p.SHINE,
    p.POWER,
    p.ENVIRONMENT,
    p.METAL,
    p.GLOW,
    p.ALPHA,
)
_BANDS, _SECTORS, _MOTTLE, _DOTS, _DIAL, _PIPS, _KEYS, _PANELS = (
    p.BANDS,
    p.SECTORS,
    p.MOTTLE,
    p.DOTS,
    p.DIAL,
    p.PIPS,
    p.KEYS,
    p.PANELS,
)
_A = p.A


@njit(**JIT)
def _mix(a, b, t):
    return a + (b - a) * t


@njit(**JIT)
def dial(radius, x, y):
    """Twelve ticks of a clock face of this radius in the xy plane."""
    out = math.sqrt(x * x + y * y) / radius
    if out < 0.74 or out > 0.92:
        return 0.0
    turn = math.atan2(y, x) * 12.0 / 6.283185307
    away = abs(turn - math.floor(turn + 0.5)) * out
    quarter = abs(turn / 3.0 - math.floor(turn / 3.0 + 0.5)) < 0.1
    return 1.0 - tx.step(0.17 if quarter else 0.09, 0.02, away)


@njit(**JIT)
def pips(half, x, y, z):
    """Dots 1 ... 6 on the faces of a die, opposite faces adding to seven."""
    ax, ay, az = abs(x), abs(y), abs(z)
    if ay >= ax and ay >= az:
        count, u, v = (5 if y > 0.0 else 2), x, z
    elif az >= ax:
        count, u, v = (3 if z > 0.0 else 4), x, y
    else:
        count, u, v = (6 if x > 0.0 else 1), z, y
    u, v = u / half, v / half
    near = 9.0
    if count % 2 == 1:
        near = u * u + v * v
    if count >= 2:
        near = min(near, min((u - 0.5) ** 2 + (v - 0.5) ** 2, (u + 0.5) ** 2 + (v + 0.5) ** 2))
    if count >= 4:
        near = min(near, min((u - 0.5) ** 2 + (v + 0.5) ** 2, (u + 0.5) ** 2 + (v - 0.5) ** 2))
    if count == 6:
        near = min(near, min((u - 0.5) ** 2 + v * v, (u + 0.5) ** 2 + v * v))
    return 1.0 - tx.step(0.19, 0.025, math.sqrt(near))


@njit(**JIT)
def keys(x):
    """Piano-like bars along x."""
    away = x - math.floor(x)
    return 1.0 if 0.3 < away < 0.7 else 0.0


@njit(**JIT)
def painted(pattern, frequency, x, y, z):
    """How much of a part's second colour shows at a point of its own frame."""
    if pattern == _BANDS:
        return tx.step(0.0, 0.12, math.sin(frequency * y))
    if pattern == _SECTORS or pattern == _PANELS:  # noqa: SIM109 (kept plain for numba's CUDA target)
        return tx.step(0.0, 0.06, math.sin(frequency * math.atan2(z, x) + 0.4))
    if pattern == _MOTTLE:
        return tx.layered(frequency * (x + 0.6 * z) + 9.0, frequency * (y + 0.5 * z) + 4.0)
    if pattern == _DOTS:
        return tx.dotted(frequency * (x + 0.35 * z), frequency * (y + 0.5 * z), 0.03)
    if pattern == _DIAL:
        return dial(frequency, x, y)
    if pattern == _PIPS:
        return pips(frequency, x, y, z)
    if pattern == _KEYS:
        return keys(frequency * x)
    return 0.0


@njit(**JIT)
def part_colour(parts, i, x, y, z):
    """Linear RGB of part i's paint at a world point."""
    r, g, b = parts[i, _RED], parts[i, _RED + 1], parts[i, _RED + 2]
    pattern = int(parts[i, _PATTERN])
    if pattern == 0:
        return r, g, b
    qx, qy, qz = m.own_frame(parts, i, x, y, z)
    t = painted(pattern, parts[i, _FREQUENCY], qx, qy, qz)
    return _mix(r, parts[i, _RED2], t), _mix(g, parts[i, _RED2 + 1], t), _mix(b, parts[i, _RED2 + 2], t)


@njit(**JIT)
def surroundings(room, dx, dy, dz):
    """What shiny things reflect: table below, wall half way up, sky light above, a bright patch at the light."""
    up = tx.step(0.0, 0.12, dy)
    high = tx.step(0.55, 0.4, dy)
    sun = max(dx * room[SUN_AT] + dy * room[SUN_AT + 1] + dz * room[SUN_AT + 2], 0.0)
    sun = sun * sun
    sun = 1.3 * sun * sun * sun
    r = _mix(_mix(0.45 * room[TABLE_MEAN], 0.5 * room[BACK_MEAN] + 0.15, up), 1.25, high)
    g = _mix(_mix(0.45 * room[TABLE_MEAN + 1], 0.5 * room[BACK_MEAN + 1] + 0.15, up), 1.25, high)
    b = _mix(_mix(0.45 * room[TABLE_MEAN + 2], 0.5 * room[BACK_MEAN + 2] + 0.15, up), 1.25, high)
    return (
        r * (0.25 + room[SKY]) + sun * room[SUN],
        g * (0.25 + room[SKY + 1]) + sun * room[SUN + 1],
        b * (0.25 + room[SKY + 2]) + sun * room[SUN + 2],
    )


@njit(**JIT)
def sun_at(room, parts, things, first, last, x, y, z, nx, ny, nz):
    """(cosine times visible share of the far light, visible share) at a surface point."""
    lx, ly, lz = room[SUN_AT], room[SUN_AT + 1], room[SUN_AT + 2]
    facing = nx * lx + ny * ly + nz * lz
    if facing <= 0.0:
        return 0.0, 0.0
    pool = room[POOL]
    share = 1.0
    if pool > 0.0:
        share = math.exp(-0.5 * (x * x + (z + 0.1) * (z + 0.1)) / (pool * pool))
    seen = m.sunlight(
        parts, things, first, last, room[SHARP], x + nx * 0.006, y + ny * 0.006, z + nz * 0.006, lx, ly, lz
    )
    return facing * seen * share, seen * share


@njit(**JIT)
def ambient(room, opening, x, y, z, nx, ny):
    """Sky light and the light the table throws back, as linear RGB."""
    up = 0.5 + 0.5 * ny
    bounce = 0.55 * (1.0 - up)
    dim = opening * (0.45 + 0.55 * up)
    return (
        opening * bounce * room[TABLE_MEAN] * room[SUN] * 0.6 + dim * room[SKY],
        opening * bounce * room[TABLE_MEAN + 1] * room[SUN + 1] * 0.6 + dim * room[SKY + 1],
        opening * bounce * room[TABLE_MEAN + 2] * room[SUN + 2] * 0.6 + dim * room[SKY + 2],
    )


@njit(**JIT)
def highlight(room, power, dx, dy, dz, nx, ny, nz):
    """Blinn-Phong highlight of the far light."""
    hx, hy, hz = room[SUN_AT] - dx, room[SUN_AT + 1] - dy, room[SUN_AT + 2] - dz
    length = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    towards = (nx * hx + ny * hy + nz * hz) / length
    return towards**power if towards > 0.6 else 0.0


@njit(**JIT)
def thing_light(room, parts, things, first, last, k, x, y, z, dx, dy, dz):
    """Linear RGB and opacity of object k seen at its surface point (x, y, z) along (dx, dy, dz)."""
    start, end = int(things[k, m.FIRST]), int(things[k, m.LAST])
    nx, ny, nz = m.normal(parts, start, end, x, y, z)
    i = m.nearest_part(parts, start, end, x, y, z)
    cr, cg, cb = part_colour(parts, i, x, y, z)
    direct, seen = sun_at(room, parts, things, first, last, x, y, z, nx, ny, nz)
    opening = m.openness(parts, things, first, last, WALL, x, y, z, nx, ny, nz)
    ar, ag, ab = ambient(room, opening, x, y, z, nx, ny)
    facing = min(max(-(nx * dx + ny * dy + nz * dz), 0.0), 1.0)
    rim = (1.0 - facing) ** 4
    metal = parts[i, _METAL]
    env = (parts[i, _ENVIRONMENT] + 0.45 * rim * parts[i, _SHINE]) * (0.35 + 0.65 * opening)
    er, eg, eb = surroundings(room, dx + 2.0 * facing * nx, dy + 2.0 * facing * ny, dz + 2.0 * facing * nz)
    spot = parts[i, _SHINE] * seen * highlight(room, parts[i, _POWER], dx, dy, dz, nx, ny, nz)
    glow, diffuse = parts[i, _GLOW], parts[i, _DIFFUSE]
    tr, tg, tb = _mix(1.0, cr, metal), _mix(1.0, cg, metal), _mix(1.0, cb, metal)
    alpha = parts[i, _ALPHA]
    if alpha < 1.0:
        alpha = min(alpha + 0.8 * (1.0 - facing) ** 2 + min(spot, 1.0), 1.0)
    return (
        cr * (diffuse * (ar + direct * room[SUN]) + glow) + tr * (env * er + spot * room[SUN]),
        cg * (diffuse * (ag + direct * room[SUN + 1]) + glow) + tg * (env * eg + spot * room[SUN + 1]),
        cb * (diffuse * (ab + direct * room[SUN + 2]) + glow) + tb * (env * eb + spot * room[SUN + 2]),
        alpha,
    )


@njit(**JIT)
def flat_light(room, parts, things, first, last, surface, v, soft, x, y, z, ny, nz, dx, dy, dz):
    """Linear RGB of the table or the wall (offset `surface` in `room`) at a point with texture place (x, v).

    `soft` is half the width of a pixel at that distance; seen at a slant it covers more of v.
    """
    scale = room[surface + SCALE]
    soft *= scale
    slant = max(abs(dy * ny + dz * nz), 0.02)
    t = tx.texture(int(room[surface + PATTERN]), x * scale, v * scale, soft, soft / slant)
    direct, seen = sun_at(room, parts, things, first, last, x, y, z, 0.0, ny, nz)
    opening = m.openness(parts, things, first, last, WALL, x, y, z, 0.0, ny, nz)
    ar, ag, ab = ambient(room, opening, x, y, z, 0.0, ny)
    gloss = room[surface + GLOSS]
    spot = 0.0
    rim = 0.0
    if gloss > 0.0:
        spot = 0.35 * gloss * seen * highlight(room, 60.0, dx, dy, dz, 0.0, ny, nz)
        rim = 0.25 * gloss * opening * (1.0 + dy * ny) ** 3
    base = surface + FIRST_COLOUR
    other = surface + SECOND_COLOUR
    return (
        _mix(room[base], room[other], t) * (ar + direct * room[SUN]) + spot * room[SUN] + rim * room[BACK_MEAN],
        _mix(room[base + 1], room[other + 1], t) * (ag + direct * room[SUN + 1])
        + spot * room[SUN + 1]
        + rim * room[BACK_MEAN + 1],
        _mix(room[base + 2], room[other + 2], t) * (ab + direct * room[SUN + 2])
        + spot * room[SUN + 2]
        + rim * room[BACK_MEAN + 2],
    )
