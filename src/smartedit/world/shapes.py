"""Signed distances of the basic shapes, in each shape's own frame.

Plain scalar Python, compiled for the CPU by `numba.njit`; numba's CUDA target compiles the very same functions when a
kernel calls them. `a ... e` are the five dimensions of a shape; every distance is positive outside, negative inside.
"""

from __future__ import annotations

import math

from numba import njit

#: How every function of the renderer is compiled. No array is ever allocated inside, so no GIL is needed.
FAST = {"nogil": True, "fastmath": True, "error_model": "numpy"}

#: The same for functions that only compiled functions call: without the way in from Python they compile a third faster.
JIT = {**FAST, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

ELLIPSOID, BOX, CONE, RING, LIMB, CUP, ARC, WEDGE, DOME, BOWL = range(10)


@njit(**JIT)
def ellipsoid(a, b, c, x, y, z):
    """Half axes a, b, c."""
    x /= a
    y /= b
    z /= c
    near = math.sqrt(x * x + y * y + z * z)
    x /= a
    y /= b
    z /= c
    slope = math.sqrt(x * x + y * y + z * z) + 1e-9
    return near * (near - 1.0) / slope


@njit(**JIT)
def box(a, b, c, rounding, x, y, z):
    """Half sizes a, b, c, edges rounded."""
    x = abs(x) - a + rounding
    y = abs(y) - b + rounding
    z = abs(z) - c + rounding
    outside = max(x, 0.0) ** 2 + max(y, 0.0) ** 2 + max(z, 0.0) ** 2
    return math.sqrt(outside) + min(max(x, max(y, z)), 0.0) - rounding


@njit(**JIT)
def trapezoid(a, b, c, x, y):
    """Flat trapezoid: half width a at the bottom y = -b, c at the top y = b; x is never negative."""
    side = x - (a if y < 0.0 else c)
    side = max(side, 0.0)
    cap = abs(y) - b
    across, up = c - a, 2.0 * b
    along = ((c - x) * across + (b - y) * up) / (across * across + up * up)
    along = min(max(along, 0.0), 1.0)
    sx = x - c + across * along
    sy = y - b + up * along
    near = math.sqrt(min(side * side + cap * cap, sx * sx + sy * sy))
    return -near if sx < 0.0 and cap < 0.0 else near


@njit(**JIT)
def ring(a, b, c, x, y, z):
    """Ring lying flat: radius a, tube b, stretched by c along x."""
    x = max(abs(x) - c, 0.0)
    out = math.sqrt(x * x + z * z) - a
    return math.sqrt(out * out + y * y) - b


@njit(**JIT)
def limb(a, b, c, x, y, z):
    """Rounded cone along y: half length a, radius b at the bottom, c at the top."""
    length = 2.0 * a
    out = math.sqrt(x * x + z * z)
    y += a
    lean = (b - c) / length
    rise = math.sqrt(max(1.0 - lean * lean, 0.0))
    along = rise * y - lean * out
    if along < 0.0:
        return math.sqrt(out * out + y * y) - b
    if along > rise * length:
        return math.sqrt(out * out + (y - length) ** 2) - c
    return out * rise + y * lean - b


@njit(**JIT)
def cup(a, b, c, thickness, x, y, z):
    """Open cup: bottom radius a at y = -b, rim radius c at y = b, wall of half that thickness on each side."""
    out = math.sqrt(x * x + z * z)
    floor_out = max(out - a, 0.0)
    floor = floor_out * floor_out + (y + b) * (y + b)
    across, up = c - a, 2.0 * b
    along = ((out - a) * across + (y + b) * up) / (across * across + up * up)
    along = min(max(along, 0.0), 1.0)
    side = (out - a - across * along) ** 2 + (y + b - up * along) ** 2
    return math.sqrt(min(floor, side)) - thickness


@njit(**JIT)
def arc(a, b, c, taper, x, y, z):
    """Bow in the xy plane round +y: radius a, tube b, half angle c, ends thinner by `taper` (0 ... 1)."""
    x = abs(x)
    sine, cosine = math.sin(c), math.cos(c)
    tube = b
    if taper > 0.0:
        part = min(math.atan2(x, y) / c, 1.0)
        tube = b * (1.0 - taper * part * part)
    along = x * sine + y * cosine if cosine * x > sine * y else math.sqrt(x * x + y * y)
    near = math.sqrt(max(x * x + y * y + z * z + a * a - 2.0 * a * along, 0.0)) - tube
    return near * 0.85 if taper > 0.0 else near


@njit(**JIT)
def wedge(a, b, c, depth, rounding, x, y, z):
    """Upright trapezoid (see `trapezoid`) of half depth `depth` along z."""
    flat = trapezoid(a, b, c, abs(x), y)
    deep = abs(z) - depth
    return min(max(flat, deep), 0.0) + math.sqrt(max(flat, 0.0) ** 2 + max(deep, 0.0) ** 2) - rounding


@njit(**JIT)
def shape_distance(shape, a, b, c, d, e, x, y, z):
    """Distance of (x, y, z) to a shape by its code."""
    if shape == ELLIPSOID:
        return ellipsoid(a, b, c, x, y, z)
    if shape == LIMB:
        return limb(a, b, c, x, y, z)
    if shape == BOX:
        return box(a, b, c, e, x, y, z)
    if shape == CONE:
        return trapezoid(a, b, c, math.sqrt(x * x + z * z), y) - e
    if shape == RING:
        return ring(a, b, c, x, y, z)
    if shape == CUP:
        return cup(a, b, c, d, x, y, z)
    if shape == ARC:
        return arc(a, b, c, d, x, y, z)
    if shape == WEDGE:
        return wedge(a, b, c, d, e, x, y, z)
    round_part = ellipsoid(a, b, c, x, y, z)
    if shape == DOME:
        return max(round_part, -y)
    return max(abs(round_part) - d, y)
