"""Rays through the world: which object a ray meets, how much light reaches a point.

`parts` are rows of `smartedit.world.parts`; `things` has one row per object (bounding box, range of its parts, number,
light it lets through). A ray only marches through objects whose bounding boxes it meets.
"""

from __future__ import annotations

import math

from numba import njit

from smartedit.world import parts as p
from smartedit.world.shapes import JIT, shape_distance

# Columns of a row of `things`.
LOW, HIGH, FIRST, LAST, NUMBER, CLEAR = 0, 3, 6, 7, 8, 9
THING_COLUMNS = 10

FAR = 1e9
_SHAPE, _BLEND, _PX, _PY, _PZ, _TURN, _A, _BOUND = p.SHAPE, p.BLEND, p.PX, p.PY, p.PZ, p.TURN, p.A, p.BOUND


@njit(**JIT)
def own_frame(parts, i, x, y, z):
    """A world point in the frame of part i."""
    x -= parts[i, _PX]
    y -= parts[i, _PY]
    z -= parts[i, _PZ]
    return (
        parts[i, _TURN] * x + parts[i, _TURN + 1] * y + parts[i, _TURN + 2] * z,
        parts[i, _TURN + 3] * x + parts[i, _TURN + 4] * y + parts[i, _TURN + 5] * z,
        parts[i, _TURN + 6] * x + parts[i, _TURN + 7] * y + parts[i, _TURN + 8] * z,
    )


@njit(**JIT)
def part_distance(parts, i, x, y, z):
    """Distance to part i by itself, blending left aside."""
    x, y, z = own_frame(parts, i, x, y, z)
    return shape_distance(
        int(parts[i, _SHAPE]),
        parts[i, _A],
        parts[i, _A + 1],
        parts[i, _A + 2],
        parts[i, _A + 3],
        parts[i, _A + 4],
        x,
        y,
        z,
    )


@njit(**JIT)
def thing_distance(parts, first, last, x, y, z):
    """Distance to the object made of parts first ... last - 1.

    A part is left out where its bounding sphere proves that it changes nothing.
    """
    best = FAR
    for i in range(first, last):
        blend = parts[i, _BLEND]
        reach = parts[i, _BOUND] + blend + best
        dx, dy, dz = x - parts[i, _PX], y - parts[i, _PY], z - parts[i, _PZ]
        if reach > 0.0 and dx * dx + dy * dy + dz * dz < reach * reach:
            d = part_distance(parts, i, x, y, z)
            if blend > 0.0:
                mix = max(blend - abs(best - d), 0.0)
                best = min(best, d) - 0.25 * mix * mix / blend
            else:
                best = min(best, d)
    return best


@njit(**JIT)
def nearest_part(parts, first, last, x, y, z):
    """The part whose surface a surface point lies on."""
    best = FAR
    found = first
    for i in range(first, last):
        dx, dy, dz = x - parts[i, _PX], y - parts[i, _PY], z - parts[i, _PZ]
        reach = parts[i, _BOUND] + best
        if dx * dx + dy * dy + dz * dz < reach * reach:
            d = part_distance(parts, i, x, y, z)
            if d < best:
                best = d
                found = i
    return found


@njit(**JIT)
def normal(parts, first, last, x, y, z):
    """Unit normal of an object's surface, from four distances at the corners of a tetrahedron."""
    e = 0.0015
    d0 = thing_distance(parts, first, last, x + e, y - e, z - e)
    d1 = thing_distance(parts, first, last, x - e, y - e, z + e)
    d2 = thing_distance(parts, first, last, x - e, y + e, z - e)
    d3 = thing_distance(parts, first, last, x + e, y + e, z + e)
    nx, ny, nz = d0 - d1 - d2 + d3, d2 + d3 - d0 - d1, d1 + d3 - d0 - d2
    length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    return nx / length, ny / length, nz / length


@njit(**JIT)
def inverse(d):
    """1 / d for the slabs of a box, large but finite where d is 0."""
    return 1.0 / d if abs(d) > 1e-9 else 1e9


@njit(**JIT)
def box_span(things, k, swell, ox, oy, oz, ix, iy, iz):
    """Where a ray of inverse direction i enters and leaves object k's box grown by `swell`; FAR when it misses."""
    a, b = (things[k, LOW] - swell - ox) * ix, (things[k, HIGH] + swell - ox) * ix
    near, far = min(a, b), max(a, b)
    a, b = (things[k, LOW + 1] - swell - oy) * iy, (things[k, HIGH + 1] + swell - oy) * iy
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (things[k, LOW + 2] - swell - oz) * iz, (things[k, HIGH + 2] + swell - oz) * iz
    near, far = max(near, min(a, b)), min(far, max(a, b))
    if far <= 0.0 or near >= far:
        return FAR, FAR
    return max(near, 0.0), far


@njit(**JIT)
def parts_span(parts, first, last, widen, near, far, ox, oy, oz, dx, dy, dz):
    """The stretch between `near` and `far` in which a cone, `widen` wider per unit, meets bounding spheres of parts."""
    start, end = far, near
    for i in range(first, last):
        mx, my, mz = parts[i, _PX] - ox, parts[i, _PY] - oy, parts[i, _PZ] - oz
        along = mx * dx + my * dy + mz * dz
        radius = parts[i, _BOUND] + 0.5 * parts[i, _BLEND] + widen * max(along, 0.0)
        inside = radius * radius - (mx * mx + my * my + mz * mz - along * along)
        if inside > 0.0:
            half = math.sqrt(inside)
            start = min(start, along - half)
            end = max(end, along + half)
    return max(start, near), min(end, far)


@njit(**JIT)
def march(parts, first, last, near, far, ox, oy, oz, dx, dy, dz):
    """Distance along the ray to an object's surface between `near` and `far`; FAR when there is none."""
    t, far = parts_span(parts, first, last, 0.0, near, far, ox, oy, oz, dx, dy, dz)
    if t >= far:
        return FAR
    for _ in range(72):
        d = thing_distance(parts, first, last, ox + dx * t, oy + dy * t, oz + dz * t)
        if d < 0.0005 * t + 0.0002:
            return t
        t += d * 0.97
        if t > far:
            break
    return FAR


@njit(**JIT)
def nearest_thing(parts, things, first, last, skip, limit, ox, oy, oz, dx, dy, dz):
    """(distance, index) of the first object in `things[first:last]` that a ray meets before `limit`; index -1 for none.

    Boxes are visited by where the ray enters them, so that most objects behind the nearest hit are never marched.
    """
    best = limit
    found = -1
    done = -1.0
    done_k = -1
    ix, iy, iz = inverse(dx), inverse(dy), inverse(dz)
    while True:
        entry = best
        chosen = -1
        leave = 0.0
        for k in range(first, last):
            if k != skip:
                near, far = box_span(things, k, 0.0, ox, oy, oz, ix, iy, iz)
                later = near > done or (near == done and k > done_k)
                if later and near < entry:
                    entry, leave, chosen = near, far, k
        if chosen < 0:
            return best, found
        done, done_k = entry, chosen
        start, end = int(things[chosen, FIRST]), int(things[chosen, LAST])
        t = march(parts, start, end, entry, min(leave, best), ox, oy, oz, dx, dy, dz)
        if t < best:
            best, found = t, chosen


@njit(**JIT)
def shadow_of(parts, first, last, near, far, sharpness, ox, oy, oz, dx, dy, dz):
    """Light that gets past one object: 1 all, 0 none."""
    light = 1.0
    t, far = parts_span(parts, first, last, 1.0 / sharpness, max(near, 0.015), far, ox, oy, oz, dx, dy, dz)
    if t >= far:
        return 1.0
    for _ in range(40):
        d = thing_distance(parts, first, last, ox + dx * t, oy + dy * t, oz + dz * t)
        light = min(light, sharpness * d / t)
        if light < 0.01:
            return 0.0
        t += min(max(d * 0.95, 0.014), 0.25)
        if t > far:
            break
    return light * light * (3.0 - 2.0 * light)


@njit(**JIT)
def sunlight(parts, things, first, last, sharpness, ox, oy, oz, dx, dy, dz):
    """Share of the far light that reaches a point past all objects."""
    light = 1.0
    ix, iy, iz = inverse(dx), inverse(dy), inverse(dz)
    for k in range(first, last):
        along = (0.5 * (things[k, LOW] + things[k, HIGH]) - ox) * dx
        along += (0.5 * (things[k, LOW + 1] + things[k, HIGH + 1]) - oy) * dy
        along += (0.5 * (things[k, LOW + 2] + things[k, HIGH + 2]) - oz) * dz
        along += 0.5
        if along > 0.0:  # the penumbra is as wide as the way is long, divided by the sharpness
            near, far = box_span(things, k, along / sharpness, ox, oy, oz, ix, iy, iz)
            if near < FAR:
                start, end = int(things[k, FIRST]), int(things[k, LAST])
                past = shadow_of(parts, start, end, near, far, sharpness, ox, oy, oz, dx, dy, dz)
                light = min(light, past + (1.0 - past) * things[k, CLEAR])
                if light <= 0.0:
                    return 0.0
    return light


@njit(**JIT)
def closeness(parts, things, first, last, reach, x, y, z):
    """Distance to the nearest object if that is less than `reach`, else `reach`."""
    best = reach
    for k in range(first, last):
        dx = max(max(things[k, LOW] - x, x - things[k, HIGH]), 0.0)
        dy = max(max(things[k, LOW + 1] - y, y - things[k, HIGH + 1]), 0.0)
        dz = max(max(things[k, LOW + 2] - z, z - things[k, HIGH + 2]), 0.0)
        if dx * dx + dy * dy + dz * dz < best * best:
            best = min(best, thing_distance(parts, int(things[k, FIRST]), int(things[k, LAST]), x, y, z))
    return best


@njit(**JIT)
def openness(parts, things, first, last, wall, x, y, z, nx, ny, nz):
    """Ambient light at a surface point, 1 in the open, less in corners: objects, table (y = 0) and wall (z = wall)."""
    hidden = 0.0
    weight = 0.5
    h = 0.05
    for _ in range(3):
        sx, sy, sz = x + nx * h, y + ny * h, z + nz * h
        plane = min(max(sy, 0.0), max(sz - wall, 0.0))
        d = closeness(parts, things, first, last, min(h, plane), sx, sy, sz)
        hidden += weight * (h - max(d, 0.0)) / h
        weight *= 0.68
        h *= 2.3
    return 1.0 - 0.72 * min(hidden, 1.0)
