"""Household things, tools and clothes."""

from __future__ import annotations

from smartedit.world.parts import (
    BANDS,
    BODY,
    DIAL,
    SECTORS,
    Kind,
    Paint,
    Part,
    Vector,
    arc,
    around,
    ball,
    blended,
    body,
    bowl,
    box,
    cone,
    cup,
    limb,
    mirrored,
    paint,
    ring,
    stretch,
    wedge,
)

_STEEL = paint((0.62, 0.64, 0.67), "metal")
_BRASS = paint((0.72, 0.50, 0.16), "metal")
_BLACK = paint((0.03, 0.03, 0.03))
_WOOD = paint((0.42, 0.24, 0.10))
_PAGES = Paint((0.80, 0.76, 0.64), "matte", 1.0, BANDS, 160.0, (0.62, 0.57, 0.46))


def clock(proportions: Vector) -> list[Part]:
    w, h, bell = stretch(proportions)
    radius = 0.29 * w
    middle = radius + 0.07 * h
    face = Paint((0.85, 0.84, 0.80), "matte", 1.0, DIAL, radius * 0.86, (0.02, 0.02, 0.02))
    return [
        cone((0, middle, 0), radius, 0.09, radius, BODY, (90, 0, 0), 0.03),
        ball((0, middle, 0.08), (radius * 0.86, radius * 0.86, 0.03), face),
        limb((0, middle, 0.112), (0.0, middle + radius * 0.62, 0.106), 0.014, paint=_BLACK),
        limb((0, middle, 0.112), (radius * 0.42, middle + radius * 0.12, 0.108), 0.018, paint=_BLACK),
        *mirrored(limb((0.14, 0.12, 0), (0.19, 0.02, 0), 0.035, paint=_STEEL)),
        *mirrored(ball((0.16, middle + radius * 0.98, 0), (0.1 * bell, 0.075, 0.075), _STEEL, (0, 0, -35))),
    ]


def candle(proportions: Vector) -> list[Part]:
    w, h, dish = stretch(proportions)
    tall = 0.52 * h
    flame = paint((1.0, 0.52, 0.10), "glow")
    return [
        cone((0, tall / 2 + 0.03, 0), 0.11 * w, tall / 2, 0.11 * w, rounding=0.02),
        cup((0, 0.05, 0), 0.17 * dish, 0.025, 0.25 * dish, 0.018, _BRASS),
        limb((0, tall + 0.02, 0), (0, tall + 0.09, 0), 0.012, paint=_BLACK),
        limb((0, tall + 0.13, 0), (0.012, tall + 0.25, 0), 0.05, 0.008, flame),
        ball((0, tall + 0.13, 0), (0.03, 0.04, 0.055), paint((1.1, 0.85, 0.4), "glow")),
    ]


def lamp(proportions: Vector) -> list[Part]:
    w, h, foot = stretch(proportions)
    tall = 0.46 * h
    return [
        cone((0, tall + 0.19, 0), 0.31 * w, 0.17, 0.18 * w, Paint(None, "lit"), rounding=0.01),
        cone((0, tall + 0.028, 0), 0.28 * w, 0.012, 0.28 * w, paint((1.0, 0.80, 0.45), "glow")),
        limb((0, 0.06, 0), (0, tall + 0.05, 0), 0.03, paint=_BRASS),
        ball((0, 0.16 * h, 0), (0.075, 0.09, 0.075), _BRASS),
        cone((0, 0.03, 0), 0.20 * foot, 0.03, 0.16 * foot, _BRASS),
    ]


def book(proportions: Vector) -> list[Part]:
    w, h, thick = stretch(proportions)
    x, z, y = 0.40 * w, 0.29 * h, 0.085 * thick
    return [
        box((0, 2 * y + 0.045, 0), (x, 0.022, z), BODY),
        box((0, 0.022, 0), (x, 0.022, z), BODY),
        box((-x + 0.02, y + 0.034, 0), (0.035, y + 0.034, z), body(0.85), rounding=0.03),
        box((0.0, y + 0.034, 0), (x - 0.025, y, z - 0.03), _PAGES),
        box((0.02, 2 * y + 0.066, 0), (x * 0.5, 0.006, z * 0.35), paint((0.80, 0.66, 0.30)), rounding=0.004),
    ]


def umbrella(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    tall = 0.56 * h
    return [
        bowl((0, tall, 0), (0.47 * w, 0.31, 0.47 * w), 0.014, body(1.0, SECTORS, 4), (180, 0, 0)),
        limb((0, 0.12, 0), (0, tall + 0.38, 0), 0.024, 0.016, _STEEL),
        arc((0.09, 0.12, 0), 0.09, 0.034, 90, _WOOD, (0, 0, 180)),
    ]


def vase(proportions: Vector) -> list[Part]:
    w, h, neck = stretch(proportions)
    return [
        ball((0, 0.30 * h, 0), (0.25 * w, 0.25 * h, 0.25 * w), body(1, BANDS, 38, None)),
        *blended(0.06, cone((0, 0.04, 0), 0.15, 0.04, 0.14)),
        *blended(0.1, cone((0, 0.60 * h, 0), 0.10 * neck, 0.13 * h, 0.10 * neck)),
        cup((0, 0.70 * h, 0), 0.10 * neck, 0.05, 0.19 * neck, 0.022),
        cone((0, 0.705 * h, 0), 0.10 * neck, 0.012, 0.10 * neck, _BLACK),
    ]


def plant(proportions: Vector) -> list[Part]:
    w, h, leaf = stretch(proportions)
    pot = paint((0.50, 0.20, 0.10))
    outer = ball((0.21 * w, 0.50 * h, 0), (0.19 * leaf, 0.035, 0.085), body(0.85), (0, 0, 30))
    inner = ball((0.10 * w, 0.66 * h, 0), (0.20 * leaf, 0.035, 0.08), body(1.15), (0, 0, 62))
    return [
        cone((0, 0.16, 0), 0.15, 0.16, 0.21, pot),
        cone((0, 0.31, 0), 0.235, 0.04, 0.235, pot),
        cone((0, 0.35, 0), 0.20, 0.01, 0.20, paint((0.07, 0.045, 0.03))),
        *around(outer, 6),
        *around(inner, 4, 30),
    ]


def pencil(proportions: Vector) -> list[Part]:
    w, h, tip = stretch(proportions)
    r, end = 0.072 * w, 0.30 * h
    point = end + 0.17 * tip
    along = (0, 0, -90)
    return [
        cone((0, r, 0), r, end, r, BODY, along, 0.02),
        cone(((end + point) / 2, r, 0), r * 0.98, (point - end) / 2, 0.022, paint((0.74, 0.52, 0.30)), along),
        limb((point - 0.035, r, 0), (point + 0.02, r, 0), 0.03, 0.012, _BLACK),
        cone((-end - 0.03, r, 0), r * 1.02, 0.045, r * 1.02, _STEEL, along),
        limb((-end - 0.06, r, 0), (-end - 0.13, r, 0), r * 0.92, paint=paint((0.85, 0.35, 0.38))),
    ]


def scissors(proportions: Vector) -> list[Part]:
    w, h, loop = stretch(proportions)
    parts = []
    for side, y in ((1, 0.045), (-1, 0.08)):
        parts += [
            ring((-0.33 * w, y, side * 0.165), 0.105 * loop, 0.042, BODY, (0, side * 12, 0), 0.04),
            limb((-0.20 * w, y, side * 0.11), (0.0, y, 0.0), 0.045, 0.05),
            wedge((0.24 * h, y, -side * 0.065), 0.062, 0.27 * h, 0.015, 0.018, _STEEL, (90, side * 15, -90)),
        ]
    return [*parts, cone((0.0, 0.11, 0), 0.04, 0.02, 0.04, _STEEL)]


def key(proportions: Vector) -> list[Part]:
    w, h, bow = stretch(proportions)
    end = 0.44 * h
    return [
        ring((-0.27, 0.06, 0), 0.15 * bow, 0.058, BODY),
        limb((-0.13, 0.06, 0), (end, 0.06, 0), 0.055),
        box((end - 0.03, 0.055, 0.12 * w), (0.045, 0.045, 0.11 * w), BODY),
        box((end - 0.18, 0.055, 0.10 * w), (0.045, 0.045, 0.09 * w), BODY),
        cone((-0.08, 0.06, 0), 0.08, 0.025, 0.08, BODY, (0, 0, 90)),
    ]


def hammer(proportions: Vector) -> list[Part]:
    w, h, handle = stretch(proportions)
    top = 0.27 * h
    return [
        limb((-0.28, top - 0.01, 0), (0.42 * handle, 0.06, 0), 0.046, 0.056),
        cone((-0.28, 0.20 * h, 0), 0.07, 0.13 * h, 0.07, _STEEL),
        cone((-0.28, 0.055, 0), 0.105 * w, 0.055, 0.095 * w, _STEEL),
        wedge((-0.28, 0.40 * h, 0), 0.08, 0.085, 0.025, 0.075, _STEEL, (0, 0, 8)),
    ]


def hat(proportions: Vector) -> list[Part]:
    w, h, brim = stretch(proportions)
    tall = 0.33 * h
    return [
        cone((0, tall / 2 + 0.02, 0), 0.25 * w, tall / 2, 0.215 * w, rounding=0.05),
        *blended(0.05, cone((0, 0.03, 0), 0.43 * brim, 0.02, 0.43 * brim, rounding=0.018)),
        cone((0, 0.105, 0), 0.255 * w, 0.045, 0.247 * w, body(0.35)),
        ball((0, tall + 0.05, 0), (0.16 * w, 0.035, 0.045), body(0.8)),
    ]


def shoe(proportions: Vector) -> list[Part]:
    w, h, ankle = stretch(proportions)
    white = paint((0.80, 0.80, 0.77))
    laces = [
        limb((x, y, -0.075), (x, y, 0.075), 0.02, paint=white) for x, y in ((-0.02, 0.325), (0.06, 0.29), (0.14, 0.25))
    ]
    return [
        box((0, 0.05, 0), (0.45 * w, 0.05, 0.16), white, rounding=0.045),
        ball((0.20 * w, 0.12, 0), (0.235 * w, 0.115 * h, 0.145), BODY),
        *blended(0.1, ball((-0.20 * w, 0.15, 0), (0.23 * w, 0.13 * h, 0.14), BODY)),
        *blended(0.12, cone((-0.22 * w, 0.27 * h, 0), 0.14, 0.12 * ankle, 0.125, BODY, rounding=0.03)),
        *blended(0.08, limb((-0.12, 0.27, 0), (0.2, 0.17, 0), 0.11, 0.09)),
        cone((-0.22 * w, 0.27 * h + 0.12 * ankle, 0), 0.095, 0.012, 0.095, _BLACK),
        *laces,
    ]


HOUSEHOLD = (
    Kind(
        "clock",
        "clocks",
        "household",
        ("red", "blue", "green", "black"),
        True,
        ("glossy", "metal", "matte"),
        0.84,
        0.36,
        0.6,
        clock,
    ),
    Kind(
        "candle",
        "candles",
        "household",
        ("white", "red", "yellow", "pink"),
        True,
        ("matte",),
        0.86,
        0.33,
        3.1,
        candle,
    ),
    Kind("lamp", "lamps", "household", ("yellow", "red", "green", "white"), True, ("matte",), 0.9, 0.36, 3.1, lamp),
    Kind(
        "book",
        "books",
        "household",
        ("red", "blue", "green", "brown"),
        True,
        ("matte", "glossy"),
        0.28,
        0.56,
        0.7,
        book,
    ),
    Kind(
        "umbrella",
        "umbrellas",
        "household",
        ("red", "blue", "yellow", "purple"),
        True,
        ("matte", "glossy"),
        1.04,
        0.54,
        3.1,
        umbrella,
    ),
    Kind(
        "vase",
        "vases",
        "household",
        ("blue", "white", "green", "pink"),
        True,
        ("glossy", "matte"),
        0.9,
        0.3,
        3.1,
        vase,
    ),
    Kind("plant", "plants", "household", ("green", "purple", "red"), False, ("matte", "glossy"), 1.0, 0.46, 3.1, plant),
)

TOOLS = (
    Kind(
        "pencil",
        "pencils",
        "tools",
        ("yellow", "red", "blue", "green"),
        True,
        ("matte", "glossy"),
        0.17,
        0.6,
        0.5,
        pencil,
    ),
    Kind(
        "scissors",
        "scissors",
        "tools",
        ("red", "blue", "black", "orange"),
        True,
        ("glossy", "matte"),
        0.15,
        0.63,
        0.5,
        scissors,
    ),
    Kind("key", "keys", "tools", ("gold", "silver", "brown"), True, ("metal",), 0.15, 0.58, 0.5, key),
    Kind(
        "hammer",
        "hammers",
        "tools",
        ("brown", "red", "yellow", "blue"),
        True,
        ("matte", "glossy"),
        0.57,
        0.6,
        0.6,
        hammer,
    ),
)

CLOTHES = (
    Kind("hat", "hats", "clothes", ("brown", "black", "red", "gray"), True, ("matte",), 0.48, 0.54, 3.1, hat),
    Kind(
        "shoe",
        "shoes",
        "clothes",
        ("red", "blue", "black", "white"),
        True,
        ("matte", "glossy"),
        0.48,
        0.53,
        0.8,
        shoe,
    ),
)
