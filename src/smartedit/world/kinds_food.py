"""Food."""

from __future__ import annotations

from smartedit.world.parts import (
    BANDS,
    MOTTLE,
    Kind,
    Part,
    Vector,
    arc,
    around,
    ball,
    blended,
    body,
    box,
    cone,
    limb,
    paint,
    ring,
    stretch,
)

_STEM = paint((0.16, 0.09, 0.04))
_LEAF = paint((0.10, 0.36, 0.07), "glossy")
_CREAM = paint((0.88, 0.82, 0.68), "glossy")


def apple(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    return [
        ball((0, 0.27 * h, 0), (0.29 * w, 0.27 * h, 0.29 * w), body(pattern=MOTTLE, frequency=5)),
        *blended(0.1, ring((0, 0.40 * h, 0), 0.13 * w, 0.105, body(pattern=MOTTLE, frequency=5))),
        limb((0, 0.42 * h, 0), (0.04, 0.61 * h, 0), 0.018, 0.024, _STEM),
        ball((0.13, 0.58 * h, 0.01), (0.115, 0.03, 0.06), _LEAF, (0, 0, 25)),
    ]


def banana(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    radius, tube = 0.42 * w, 0.125 * h
    tip = (0.85 * radius, radius + tube - 0.53 * radius, 0)
    ends = [
        limb((s * tip[0], tip[1], 0), (s * (tip[0] + 0.03), tip[1] + 0.08, 0), 0.045, 0.035, _STEM) for s in (1, -1)
    ]
    return [arc((0, radius + tube, 0), radius, tube, 60, turn=(0, 0, 180), taper=0.62), ends[0], ends[1]]


def lemon(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    return [
        ball((0, 0.23 * h, 0), (0.31 * w, 0.23 * h, 0.23 * h), turn=(0, 0, 6)),
        *blended(
            0.09, ball((0.31 * w, 0.26 * h, 0), (0.075, 0.06, 0.06)), ball((-0.3 * w, 0.20 * h, 0), (0.05, 0.06, 0.06))
        ),
        limb((-0.35 * w, 0.20 * h, 0), (-0.385 * w, 0.195 * h, 0), 0.022, paint=_STEM),
    ]


def pear(proportions: Vector) -> list[Part]:
    w, h, neck = stretch(proportions)
    return [
        ball((0, 0.26, 0), (0.27 * w, 0.26, 0.27 * w), body(pattern=MOTTLE, frequency=5)),
        *blended(
            0.2, ball((0, 0.52 * h, 0), (0.145 * neck, 0.17 * h, 0.145 * neck), body(pattern=MOTTLE, frequency=5))
        ),
        limb((0, 0.64 * h, 0), (0.05, 0.80 * h, 0), 0.018, 0.024, _STEM),
        ball((0.14, 0.74 * h, 0.01), (0.11, 0.028, 0.055), _LEAF, (0, 0, 15)),
    ]


def carrot(proportions: Vector) -> list[Part]:
    w, h, leaf = stretch(proportions)
    thick = 0.125 * h
    root = limb((0.20, thick, 0), (-0.46 * w, 0.05, 0), thick, 0.022, body(0.98, BANDS, 42, None))
    green = [
        limb((0.27, thick, 0), (0.27 + 0.27 * leaf, thick + up, side), 0.03, 0.045, _LEAF)
        for up, side in ((0.02, 0.12), (0.13, 0.0), (0.02, -0.12), (0.2, 0.06))
    ]
    return [root, *green]


def bread(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    slash = paint((0.78, 0.58, 0.32))
    cuts = [ball((x, 0.345 * h, 0), (0.042, 0.045, 0.165), slash, (0, 28, 0)) for x in (-0.21 * w, 0, 0.21 * w)]
    crust = body(1.25, MOTTLE, 6, (0.46, 0.23, 0.08))
    return [
        box((0, 0.13 * h, 0), (0.41 * w, 0.13 * h, 0.22), body(1.1, MOTTLE, 6, (0.62, 0.40, 0.18)), rounding=0.11),
        *blended(0.08, ball((0, 0.22 * h, 0), (0.44 * w, 0.16 * h, 0.23), crust)),
        *cuts,
    ]


def egg(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    return [
        ball((0, 0.24 * h, 0), (0.24 * w, 0.24 * h, 0.24 * w)),
        *blended(0.25, ball((0, 0.37 * h, 0), (0.165 * w, 0.21 * h, 0.165 * w))),
    ]


def cake(proportions: Vector) -> list[Part]:
    w, h, _ = stretch(proportions)
    radius, tall = 0.36 * w, 0.36 * h
    swirls = around(ball((radius - 0.08, tall + 0.015, 0), (0.075, 0.06, 0.075), _CREAM), 8)
    return [
        cone((0, tall / 2, 0), radius, tall / 2, radius, body(), rounding=0.03),
        ring((0, 0.03, 0), radius, 0.04, _CREAM),
        ring((0, tall * 0.55, 0), radius, 0.025, _CREAM),
        *swirls,
        ball((0, tall + 0.06, 0), 0.085, paint((0.62, 0.02, 0.04), "glossy")),
        limb((0, tall + 0.13, 0), (0.05, tall + 0.24, 0), 0.012, paint=_STEM),
    ]


FOOD = (
    Kind("apple", "apples", "food", ("red", "green", "yellow"), False, ("glossy",), 0.72, 0.34, 3.1, apple),
    Kind("banana", "bananas", "food", ("yellow", "green"), False, ("matte", "glossy"), 0.5, 0.5, 0.6, banana),
    Kind("lemon", "lemons", "food", ("yellow", "green"), False, ("glossy",), 0.53, 0.44, 0.8, lemon),
    Kind("pear", "pears", "food", ("green", "yellow", "brown"), False, ("glossy", "matte"), 0.95, 0.32, 3.1, pear),
    Kind("carrot", "carrots", "food", ("orange", "purple", "yellow"), False, ("matte",), 0.42, 0.68, 0.6, carrot),
    Kind("bread", "loaves of bread", "food", ("brown", "gold"), False, ("matte",), 0.45, 0.55, 0.6, bread),
    Kind("egg", "eggs", "food", ("white", "brown", "pink"), True, ("matte", "glossy"), 0.69, 0.31, 3.1, egg),
    Kind(
        "cake",
        "cakes",
        "food",
        ("brown", "pink", "white", "yellow"),
        True,
        ("matte", "glossy"),
        0.68,
        0.46,
        3.1,
        cake,
    ),
)
