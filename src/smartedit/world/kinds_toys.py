"""Toys, instruments and vehicles."""

from __future__ import annotations

import math

from smartedit.world.parts import (
    BODY,
    KEYS,
    PANELS,
    PIPS,
    Kind,
    Paint,
    Part,
    Vector,
    across,
    ball,
    blended,
    body,
    box,
    cone,
    limb,
    mirrored,
    paint,
    ring,
    stretch,
    wedge,
)

_TYRE = paint((0.02, 0.02, 0.022))
_STEEL = paint((0.62, 0.64, 0.67), "metal")
_WINDOW = paint((0.10, 0.16, 0.22), "glossy")
_LIGHT = paint((1.0, 0.85, 0.35), "glow")
_WHITE = paint((0.82, 0.82, 0.79), "glossy")
_EYE = paint((0.012, 0.012, 0.015), "glossy")


def wheels(places: tuple[float, ...], z: float, radius: float) -> list[Part]:
    """Tyres with bright hubs at the x of `places`, on both sides of a vehicle."""
    parts = []
    for x in places:
        parts += across(cone((x, radius, z), radius, 0.05, radius, _TYRE, (90, 0, 0), 0.02))
        parts += across(cone((x, radius, z + 0.012), radius * 0.5, 0.05, radius * 0.45, _STEEL, (90, 0, 0)))
    return parts


def toy_ball(proportions: Vector) -> list[Part]:
    w, _, stripes = stretch(proportions, extra=0.34)
    count = float(round(3 * stripes))
    return [
        ball((0, 0.29 * w, 0), 0.29 * w, Paint(None, None, 1.0, PANELS, count), (35, 0, 25)),
        cone((0, 0.29 * w, 0), 0.06, 0.292 * w, 0.06, _WHITE, (35, 0, 25)),
    ]


def die(proportions: Vector) -> list[Part]:
    w, _, rounding = stretch(proportions, extra=0.5)
    half = 0.27 * w
    return [box((0, half, 0), (half, half, half), Paint(None, None, 1.0, PIPS, half), rounding=0.05 * rounding)]


def car(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    x = 0.45 * w
    return [
        box((0, 0.20, 0), (x, 0.10, 0.21), BODY, rounding=0.07),
        wedge((-0.04 * w, 0.36 * h, 0), 0.29 * w, 0.10 * h, 0.19 * w, 0.18, BODY, rounding=0.04),
        wedge((-0.04 * w, 0.355 * h, 0), 0.235 * w, 0.068 * h, 0.17 * w, 0.187, _WINDOW, rounding=0.008),
        wedge((-0.04 * w, 0.355 * h, 0), 0.297 * w, 0.062 * h, 0.225 * w, 0.14, _WINDOW, rounding=0.008),
        *across(box((-0.04 * w, 0.355 * h, 0.18), (0.018, 0.08 * h, 0.012), BODY)),
        *wheels((-0.27 * w, 0.27 * w), 0.18, 0.115),
        *across(ball((x - 0.01, 0.22, 0.13), (0.03, 0.042, 0.042), _LIGHT)),
        box((x, 0.13, 0), (0.02, 0.025, 0.19), _STEEL),
    ]


def train(proportions: Vector) -> list[Part]:
    w, h, chimney = stretch(proportions)
    dark = paint((0.05, 0.05, 0.055))
    return [
        cone((0.13 * w, 0.31, 0), 0.155, 0.27 * w, 0.155, BODY, (0, 0, -90), 0.02),
        box((-0.28 * w, 0.37 * h, 0), (0.145 * w, 0.24 * h, 0.19), BODY, rounding=0.02),
        box((-0.28 * w, 0.62 * h, 0), (0.185 * w, 0.026, 0.23), dark, rounding=0.02),
        box((-0.28 * w, 0.46 * h, 0), (0.085 * w, 0.08 * h, 0.195), _WINDOW, rounding=0.01),
        box((0.0, 0.145, 0), (0.44 * w, 0.03, 0.19), dark),
        cone((0.28 * w, 0.52 * chimney, 0), 0.05, 0.11 * chimney, 0.085, dark),
        ball((0.05 * w, 0.465, 0), (0.07, 0.06, 0.07), paint((0.72, 0.50, 0.16), "metal")),
        cone((0.41 * w, 0.31, 0), 0.11, 0.012, 0.11, _STEEL, (0, 0, 90)),
        ball((0.425 * w, 0.33, 0), (0.03, 0.055, 0.055), _LIGHT),
        *wheels((-0.30 * w, 0.0, 0.28 * w), 0.17, 0.115),
        wedge((0.48 * w, 0.08, 0), 0.09, 0.07, 0.02, 0.17, paint((0.60, 0.05, 0.04))),
    ]


def boat(proportions: Vector) -> list[Part]:
    w, h, sail = stretch(proportions)
    mast = 0.84 * h
    cloth = paint((0.84, 0.83, 0.78))
    return [
        wedge((0, 0.12, 0), 0.27 * w, 0.12, 0.46 * w, 0.15, BODY, rounding=0.03),
        wedge((0, 0.225, 0), 0.44 * w, 0.022, 0.45 * w, 0.165, paint((0.78, 0.77, 0.73)), rounding=0.01),
        limb((-0.02, 0.2, 0), (-0.02, mast, 0), 0.024, 0.018, paint((0.36, 0.20, 0.08))),
        wedge((0.17, (0.30 + mast) / 2, 0), 0.165 * sail, (mast - 0.36) / 2, 0.012, 0.014, cloth, (0, 0, 0)),
        wedge((-0.19, (0.26 + mast) / 2 - 0.04, 0), 0.12 * sail, (mast - 0.46) / 2, 0.012, 0.014, cloth),
        wedge((0.02, mast + 0.02, 0), 0.045, 0.05, 0.008, 0.012, body(1.0), (0, 0, -90)),
    ]


def robot(proportions: Vector) -> list[Part]:
    w, h, head = stretch(proportions)
    top = 0.47 * h
    middle = top + 0.13 * head + 0.03
    return [
        box((0, 0.30 * h, 0), (0.18 * w, 0.17 * h, 0.125), BODY, rounding=0.03),
        box((0, middle, 0), (0.15 * head, 0.12 * head, 0.12), body(1.0), rounding=0.04),
        cone((0, top + 0.015, 0), 0.06, 0.035, 0.06, _STEEL),
        *mirrored(ball((0.065, middle + 0.02, 0.115), (0.045, 0.045, 0.03), _LIGHT)),
        *mirrored(ball((0.065, middle + 0.02, 0.138), (0.02, 0.02, 0.014), _EYE)),
        box((0, middle - 0.065, 0.115), (0.07, 0.016, 0.012), _EYE),
        *mirrored(limb((0.21 * w, 0.40 * h, 0), (0.29 * w, 0.22 * h, 0.05), 0.045, 0.04, _STEEL)),
        *mirrored(ball((0.30 * w, 0.19 * h, 0.06), 0.062, body(0.7))),
        *mirrored(box((0.09 * w, 0.07, 0.02), (0.065, 0.07, 0.09), body(0.6), rounding=0.03)),
        box((0, 0.31 * h, 0.12), (0.11 * w, 0.085 * h, 0.014), paint((0.10, 0.11, 0.13), "glossy")),
        *(
            ball((x, 0.34 * h, 0.135), 0.024, paint(c, "glow"))
            for x, c in ((-0.06, "red"), (0.0, "yellow"), (0.06, "green"))
        ),
        limb((0, middle + 0.1, 0), (0, middle + 0.2, 0), 0.014, paint=_STEEL),
        ball((0, middle + 0.215, 0), 0.035, paint("red", "glossy")),
    ]


def drum(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    radius, tall = 0.34 * w, 0.38 * h
    skin = paint((0.84, 0.80, 0.70))
    stick = paint((0.55, 0.33, 0.14))
    zigzag = []
    for k in range(12):
        a, b = math.radians(30 * k), math.radians(30 * (k + 1))
        low, high = (0.07, tall - 0.07) if k % 2 else (tall - 0.07, 0.07)
        r = radius + 0.004
        zigzag.append(
            limb((r * math.cos(a), low, r * math.sin(a)), (r * math.cos(b), high, r * math.sin(b)), 0.014, paint=_WHITE)
        )
    return [
        cone((0, tall / 2, 0), radius, tall / 2, radius, BODY),
        ring((0, 0.035, 0), radius, 0.036, paint((0.72, 0.50, 0.16), "metal")),
        ring((0, tall - 0.02, 0), radius, 0.036, paint((0.72, 0.50, 0.16), "metal")),
        cone((0, tall, 0), radius - 0.01, 0.012, radius - 0.01, skin),
        *zigzag,
        *(
            limb((s * 0.05, tall + 0.045, s * 0.16), (s * 0.32, tall + 0.10, s * -0.06), 0.04, 0.02, stick)
            for s in (1, -1)
        ),
    ]


def guitar(proportions: Vector) -> list[Part]:
    w, h, neck = stretch(proportions)
    dark = paint((0.06, 0.035, 0.02))
    top = 0.62 + 0.24 * neck
    strings = Paint((0.10, 0.055, 0.03), "matte", 1.0, KEYS, 62.0, (0.75, 0.72, 0.62))
    return [
        cone((0, 0.23 * w, 0), 0.23 * w, 0.07, 0.23 * w, BODY, (90, 0, 0), 0.02),
        *blended(0.08, cone((0, 0.46 * h, 0), 0.16 * w, 0.07, 0.16 * w, BODY, (90, 0, 0), 0.02)),
        cone((0, 0.36, 0.062), 0.085, 0.012, 0.085, dark, (90, 0, 0), 0.003),
        box((0, 0.17, 0.078), (0.09, 0.022, 0.016), dark),
        box((0, (0.42 + top) / 2, 0.075), (0.042, (top - 0.42) / 2, 0.025), strings),
        box((0, top + 0.07, 0.06), (0.065, 0.08, 0.022), body(0.7)),
        *(ball((s * 0.085, top + y, 0.06), (0.03, 0.02, 0.02), _STEEL) for s in (1, -1) for y in (0.03, 0.075, 0.12)),
    ]


TOYS = (
    Kind(
        "ball",
        "balls",
        "toys",
        ("red", "blue", "yellow", "green"),
        True,
        ("glossy", "matte"),
        0.65,
        0.33,
        3.1,
        toy_ball,
    ),
    Kind("die", "dice", "toys", ("red", "white", "blue", "black"), True, ("glossy", "matte"), 0.6, 0.43, 3.1, die),
    Kind(
        "robot",
        "robots",
        "toys",
        ("silver", "blue", "red", "green"),
        True,
        ("metal", "glossy"),
        1.05,
        0.42,
        0.6,
        robot,
    ),
    Kind("drum", "drums", "toys", ("red", "blue", "green", "yellow"), True, ("glossy", "matte"), 0.58, 0.43, 3.1, drum),
    Kind("guitar", "guitars", "toys", ("orange", "brown", "red", "black"), True, ("glossy",), 1.1, 0.27, 0.6, guitar),
)

VEHICLES = (
    Kind(
        "car",
        "cars",
        "vehicles",
        ("red", "blue", "yellow", "green"),
        True,
        ("glossy", "metal"),
        0.55,
        0.56,
        0.8,
        car,
    ),
    Kind(
        "train",
        "trains",
        "vehicles",
        ("blue", "red", "green", "black"),
        True,
        ("glossy", "metal"),
        0.76,
        0.7,
        0.7,
        train,
    ),
    Kind(
        "boat",
        "boats",
        "vehicles",
        ("blue", "red", "brown", "white"),
        True,
        ("glossy", "matte"),
        1.05,
        0.54,
        0.6,
        boat,
    ),
)
