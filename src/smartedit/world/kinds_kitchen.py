"""Kitchen things."""

from __future__ import annotations

from smartedit.world.parts import (
    BODY,
    Kind,
    Paint,
    Part,
    Vector,
    arc,
    ball,
    blended,
    body,
    bowl,
    box,
    cone,
    cup,
    limb,
    paint,
    ring,
    stretch,
    wedge,
)

_STEEL = paint((0.62, 0.64, 0.67), "metal")
_DARK = paint((0.05, 0.045, 0.045))
_WHITE = paint((0.82, 0.82, 0.80), "glossy")
FLAT_ALONG_X = (90, 0, -90)  #: turns an upright plate so that it lies on the table with its top towards +x


def knife(proportions: Vector) -> list[Part]:
    w, h, handle = stretch(proportions)
    length = 0.36 * handle
    return [
        box((-0.10 - length / 2, 0.055, 0), (length / 2, 0.05, 0.062 * w), BODY, rounding=0.04),
        cone((-0.09, 0.055, 0), 0.062, 0.022, 0.062, _STEEL, (0, 0, 90)),
        wedge((0.21, 0.055, 0.02), 0.115 * w, 0.29 * h, 0.09 * w, 0.016, _STEEL, FLAT_ALONG_X),
        wedge((0.29 * h + 0.21 + 0.05, 0.055, 0.02), 0.09 * w, 0.06, 0.02, 0.016, _STEEL, FLAT_ALONG_X),
    ]


def fork(proportions: Vector) -> list[Part]:
    w, h, handle = stretch(proportions)
    spread = 0.075 * w
    tines = [
        limb((0.22, 0.075, k * spread), (0.22 + 0.25 * h, 0.075, k * spread), 0.024, 0.019)
        for k in (-1.5, -0.5, 0.5, 1.5)
    ]
    return [
        wedge((0.16, 0.07, 0), 0.05, 0.09, 1.5 * spread + 0.022, 0.026, BODY, FLAT_ALONG_X, 0.015),
        *blended(0.04, limb((0.10, 0.065, 0), (-0.38 * handle, 0.06, 0), 0.035, 0.056)),
        *tines,
    ]


def spoon(proportions: Vector) -> list[Part]:
    w, h, handle = stretch(proportions)
    return [
        bowl((0.28, 0.12, 0), (0.20 * h, 0.105, 0.145 * w), 0.018),
        *blended(0.05, limb((0.10, 0.10, 0), (-0.42 * handle, 0.06, 0), 0.032, 0.052)),
    ]


def mug(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    radius, half = 0.21 * w, 0.24 * h
    return [
        cup((0, half + 0.022, 0), radius * 0.94, half, radius, 0.024),
        arc((radius + 0.01, half + 0.03, 0), 0.14 * h, 0.035, 115, turn=(0, 0, -90)),
        cone((0, half * 1.75, 0), radius * 0.97, 0.012, radius * 0.97, paint((0.10, 0.045, 0.02), "glossy")),
    ]


def glass(proportions: Vector) -> list[Part]:
    w, h, flare = stretch(proportions)
    half = 0.31 * h
    clear = Paint(None, "glass")
    return [
        cup((0, half + 0.03, 0), 0.165 * w, half, 0.215 * w * flare, 0.017, clear),
        cone((0, 0.04, 0), 0.165 * w, 0.04, 0.165 * w, clear),
        ring((0, 2 * half + 0.03, 0), 0.215 * w * flare, 0.02, clear),
    ]


def bowl_kind(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    tall = 0.30 * h
    return [
        bowl((0, tall + 0.06, 0), (0.42 * w, tall, 0.42 * w), 0.02),
        ring((0, tall + 0.06, 0), 0.42 * w, 0.026),
        cone((0, 0.05, 0), 0.19, 0.05, 0.15, body(0.8)),
    ]


def plate(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    return [
        cup((0, 0.06 * h, 0), 0.30 * w, 0.04 * h, 0.47 * w, 0.02),
        ring((0, 0.10 * h, 0), 0.47 * w, 0.025, body(0.75)),
        ring((0, 0.026, 0), 0.29 * w, 0.022, body(0.75)),
    ]


def teapot(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    tall = 0.25 * h
    return [
        ball((0, tall + 0.02, 0), (0.31 * w, tall, 0.30 * w)),
        *blended(0.06, limb((-0.24 * w, tall * 0.8, 0), (-0.47 * w, tall * 1.75, 0), 0.075, 0.04)),
        arc((0.29 * w, tall * 1.1, 0), 0.155 * h, 0.036, 125, turn=(0, 0, -90)),
        cone((0, 0.025, 0), 0.19, 0.025, 0.19),
        ball((0, 2 * tall - 0.015, 0), (0.17 * w, 0.055, 0.17 * w), body(0.8)),
        ball((0, 2 * tall + 0.075, 0), 0.05, body(0.8)),
    ]


def bottle(proportions: Vector) -> list[Part]:
    w, h, neck = stretch(proportions)
    radius, half = 0.165 * w, 0.25 * h
    top = 2 * half
    return [
        cone((0, half, 0), radius, half, radius, rounding=0.03),
        *blended(0.04, cone((0, top + 0.06, 0), radius * 0.98, 0.075, 0.06)),
        *blended(0.04, cone((0, top + 0.16, 0), 0.062, 0.09 * neck, 0.058)),
        cone((0, top + 0.18 + 0.10 * neck, 0), 0.07, 0.045, 0.07, _STEEL),
        cone((0, half * 0.95, 0), radius + 0.006, half * 0.5, radius + 0.006, _WHITE, rounding=0.004),
    ]


def pan(proportions: Vector) -> list[Part]:
    w, h, handle = stretch(proportions)
    radius = 0.36 * w
    return [
        cup((-0.16, 0.09 * h, 0), radius * 0.9, 0.06 * h, radius, 0.028),
        cone((-0.16, 0.06 * h, 0), radius * 0.88, 0.012, radius * 0.88, paint((0.06, 0.06, 0.065), "glossy")),
        limb((radius - 0.17, 0.14 * h, 0), (radius + 0.28 * handle, 0.20 * h, 0), 0.042, 0.056, _DARK),
    ]


KITCHEN = (
    Kind(
        "knife",
        "knives",
        "kitchen",
        ("black", "brown", "red", "silver"),
        True,
        ("matte", "glossy"),
        0.13,
        0.66,
        0.5,
        knife,
    ),
    Kind("fork", "forks", "kitchen", ("silver", "gold"), True, ("metal", "glossy"), 0.13, 0.56, 0.5, fork),
    Kind("spoon", "spoons", "kitchen", ("silver", "gold", "brown"), True, ("metal", "glossy"), 0.15, 0.58, 0.5, spoon),
    Kind("mug", "mugs", "kitchen", ("white", "blue", "red", "green"), True, ("glossy", "matte"), 0.62, 0.45, 0.9, mug),
    Kind("glass", "glasses", "kitchen", ("white", "blue", "green", "pink"), True, ("glossy",), 0.78, 0.31, 3.1, glass),
    Kind(
        "bowl",
        "bowls",
        "kitchen",
        ("white", "blue", "brown", "green"),
        True,
        ("glossy", "matte", "metal"),
        0.44,
        0.5,
        3.1,
        bowl_kind,
    ),
    Kind(
        "plate",
        "plates",
        "kitchen",
        ("white", "blue", "yellow", "gray"),
        True,
        ("glossy", "matte"),
        0.15,
        0.55,
        3.1,
        plate,
    ),
    Kind(
        "teapot",
        "teapots",
        "kitchen",
        ("white", "blue", "green", "silver"),
        True,
        ("glossy", "metal"),
        0.72,
        0.58,
        0.7,
        teapot,
    ),
    Kind("bottle", "bottles", "kitchen", ("green", "brown", "blue", "red"), True, ("glossy",), 0.98, 0.2, 3.1, bottle),
    Kind(
        "pan",
        "pans",
        "kitchen",
        ("black", "red", "silver", "gray"),
        True,
        ("matte", "glossy", "metal"),
        0.3,
        0.81,
        0.6,
        pan,
    ),
)
