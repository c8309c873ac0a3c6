"""Procedural patterns: numbers in [0, 1] (or thereabouts) that mix two colours. Compiled like `shapes`."""

from __future__ import annotations

import math

from numba import njit

from smartedit.world.shapes import JIT

PLAIN, WOOD, MARBLE, CHECK, TILES, WEAVE, SPECKLE, SLATE, BRICK, STRIPE, PANEL, PLASTER, DOTTED = range(13)


@njit(**JIT)
def hashed(i, j):
    """A fixed pseudo-random number in [0, 1) for a lattice point (whole numbers)."""
    n = (i * 374761393 + j * 668265263 + 974634777) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65536.0


@njit(**JIT)
def noise(x, y):
    """Smooth value noise in [0, 1), one bump per unit."""
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = hashed(i, j) * (1.0 - u) + hashed(i + 1, j) * u
    high = hashed(i, j + 1) * (1.0 - u) + hashed(i + 1, j + 1) * u
    return low * (1.0 - v) + high * v


@njit(**JIT)
def layered(x, y):
    """Three octaves of noise in [0, 1)."""
    return 0.55 * noise(x, y) + 0.3 * noise(2.1 * x + 5.2, 2.1 * y + 1.3) + 0.15 * noise(4.3 * x + 2.8, 4.3 * y + 7.1)


@njit(**JIT)
def step(edge, width, x):
    """0 below `edge`, 1 above it, smooth over `width` to both sides."""
    t = min(max((x - edge + width) / (2.0 * width), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(**JIT)
def joint(x, half, soft):
    """Share of a line of half width `half` at whole numbers in a window of half width `soft` round x."""
    soft = max(soft, 0.3 * half)
    away = abs(x - math.floor(x + 0.5))
    return max(min(half, away + soft) - max(-half, away - soft), 0.0) / (2.0 * soft)


@njit(**JIT)
def fine(value, grain, soft):
    """Detail of `grain` bumps a unit, faded to its mean where a pixel covers several of them."""
    return 0.5 + (value - 0.5) * min(0.4 / (grain * soft + 1e-6), 1.0)


@njit(**JIT)
def wood(x, y, soft_y):
    """Planks along x with grain."""
    plank = math.floor(y * 1.35)
    shift = hashed(plank, 3) * 9.0
    bend = noise(x * 0.7 + shift, y * 2.5) * 2.2
    grain = 0.5 + 0.5 * math.sin(6.2832 * (y * 4.5 + bend + shift))
    fibre = fine(noise(x * 2.2 + shift, y * 34.0), 34.0, soft_y)
    tone = 0.35 * grain * grain + 0.3 * fibre + 0.35 * hashed(plank, 8)
    return tone + (1.0 - tone) * joint(y * 1.35, 0.012, soft_y)


@njit(**JIT)
def marble(x, y):
    """Veins."""
    warp = layered(x * 1.1 + 3.0, y * 1.1) * 3.0
    vein = abs(math.sin(2.2 * (x * 0.7 + y * 0.9) + 2.6 * warp))
    cloud = layered(x * 0.8, y * 0.8 + 4.0)
    return 0.65 * (1.0 - step(0.12, 0.12, vein)) * cloud + 0.35 * cloud


@njit(**JIT)
def checked(x, y, soft_x, soft_y):
    """Woven checks: two crossing sets of stripes."""
    return 0.5 * (joint(x + 0.25, 0.25, soft_x) + joint(y + 0.25, 0.25, soft_y))


@njit(**JIT)
def tiles(x, y, soft_x, soft_y):
    """Square tiles with pale joints; tiles differ a little in tone."""
    grout = max(joint(x, 0.022, soft_x), joint(y, 0.022, soft_y))
    tone = 0.27 * hashed(math.floor(x), math.floor(y)) + 0.18 * layered(x * 3.0, y * 3.0)
    return tone + (1.0 - tone) * grout


@njit(**JIT)
def bricks(x, y, soft_x, soft_y):
    """Running bond with joints."""
    row = math.floor(y)
    x = x * 0.42 + 0.5 * (row - 2.0 * math.floor(row * 0.5))
    grout = max(joint(x, 0.024, 0.42 * soft_x), joint(y, 0.06, soft_y))
    tone = 0.5 * hashed(math.floor(x), row) + 0.2 * noise(x * 9.0, y * 5.0)
    return tone + (1.0 - tone) * grout


@njit(**JIT)
def slate(x, y):
    """Cleft stone."""
    return 0.6 * layered(x * 1.4, y * 3.2) + 0.4 * layered(x * 6.0 + 9.0, y * 6.0)


@njit(**JIT)
def weave(x, y, soft_x, soft_y):
    """Linen: faint crossing threads of uneven strength."""
    along = fine(noise(x * 1.2, y * 26.0), 26.0, soft_y)
    return 0.35 * (along + fine(noise(x * 26.0, y * 1.2 + 7.0), 26.0, soft_x)) + 0.3 * layered(x, y)


@njit(**JIT)
def speckle(x, y, soft_y):
    """Sand or felt: fine grains on soft patches."""
    return 0.5 * fine(noise(x * 30.0, y * 30.0), 30.0, soft_y) + 0.5 * layered(x * 0.9, y * 1.6)


@njit(**JIT)
def panels(x, y, soft_x):
    """Upright boards with grooves and faint grain."""
    board = math.floor(x)
    tone = 0.3 * hashed(board, 5) + 0.22 * noise(x * 12.0 + hashed(board, 1) * 7.0, y * 0.9)
    return tone + (1.0 - tone) * joint(x, 0.025, soft_x)


@njit(**JIT)
def dotted(x, y, soft):
    """Dots in a staggered grid."""
    row = math.floor(y)
    x += 0.5 * (row - 2.0 * math.floor(row * 0.5))
    u, v = x - math.floor(x) - 0.5, y - row - 0.5
    return 1.0 - step(0.17, max(soft, 0.03), math.sqrt(u * u + v * v))


@njit(**JIT)
def texture(pattern, x, y, soft_x, soft_y):
    """How much of the second colour a flat surface shows at (x, y) in its own units.

    `soft_x`, `soft_y` are half the size of a pixel there, so that lines are smooth with one look.
    """
    if pattern == WOOD:
        return wood(x, y, soft_y)
    if pattern == MARBLE:
        return marble(x, y)
    if pattern == CHECK:
        return checked(x, y, soft_x, soft_y)
    if pattern == TILES:
        return tiles(x, y, soft_x, soft_y)
    if pattern == WEAVE:
        return weave(x, y, soft_x, soft_y)
    if pattern == SPECKLE:
        return speckle(x, y, soft_y)
    if pattern == SLATE:
        return slate(x, y)
    if pattern == BRICK:
        return bricks(x, y, soft_x, soft_y)
    if pattern == STRIPE:
        return joint(x + 0.25, 0.25, soft_x)
    if pattern == PANEL:
        return panels(x, y, soft_x)
    if pattern == DOTTED:
        return dotted(x, y, soft_y)
    return layered(x, y)
