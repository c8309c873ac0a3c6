"""Animals: simple figures with eyes."""

from __future__ import annotations

from smartedit.world.parts import (
    BODY,
    DOTS,
    Kind,
    Part,
    Vector,
    across,
    arc,
    ball,
    blended,
    body,
    cone,
    dome,
    limb,
    mirrored,
    paint,
    stretch,
    wedge,
)

_EYE = paint((0.012, 0.012, 0.015), "glossy")
_WHITE = paint((0.85, 0.84, 0.80), "glossy")
_PINK = paint((0.80, 0.32, 0.34))


def cat(proportions: Vector) -> list[Part]:
    w, h, tail = stretch(proportions)
    head = 0.53 * h
    return [
        ball((0, 0.22, -0.04), (0.19 * w, 0.23, 0.21 * w)),
        *blended(0.06, ball((0, head, 0.04), (0.185, 0.155, 0.155))),
        *blended(0.04, *mirrored(ball((0.09, 0.06, 0.14), (0.065, 0.06, 0.09)))),
        *mirrored(wedge((0.115, head + 0.155, 0.03), 0.075, 0.085, 0.01, 0.03, BODY, (0, 0, -14))),
        *mirrored(wedge((0.112, head + 0.145, 0.058), 0.042, 0.055, 0.008, 0.012, _PINK, (0, 0, -14))),
        *mirrored(ball((0.075, head + 0.03, 0.172), (0.03, 0.037, 0.024), _EYE)),
        ball((0, head - 0.045, 0.185), (0.075, 0.05, 0.04), _WHITE),
        ball((0, head - 0.02, 0.222), (0.026, 0.02, 0.016), _PINK),
        arc((0.17, 0.22 * tail, -0.12), 0.17 * tail, 0.048, 100, BODY, (0, 0, -110), 0.35),
    ]


def dog(proportions: Vector) -> list[Part]:
    w, h, ear = stretch(proportions)
    head = 0.56 * h
    return [
        ball((0, 0.23, -0.05), (0.19 * w, 0.25, 0.21 * w)),
        *blended(0.07, ball((0, head, 0.03), (0.17, 0.165, 0.155))),
        *blended(0.03, *mirrored(ball((0.1, 0.06, 0.14), (0.07, 0.06, 0.1)))),
        *blended(0.05, ball((0, head - 0.055, 0.17), (0.095, 0.075, 0.11), body(1.25))),
        ball((0, head - 0.01, 0.275), (0.042, 0.034, 0.028), _EYE),
        *mirrored(ball((0.18, head - 0.02, 0.02), (0.055, 0.15 * ear, 0.085), body(0.5), (0, 0, 14))),
        *mirrored(ball((0.075, head + 0.06, 0.155), (0.03, 0.035, 0.026), _EYE)),
        ball((0, head - 0.135, 0.20), (0.036, 0.05, 0.03), _PINK),
        limb((0.10, 0.14, -0.2), (0.32, 0.34, -0.2), 0.05, 0.03),
    ]


def rabbit(proportions: Vector) -> list[Part]:
    w, h, ear = stretch(proportions)
    head = 0.47 * h
    tip = head + 0.42 * ear
    return [
        ball((0, 0.20, -0.05), (0.20 * w, 0.21, 0.22 * w)),
        *blended(0.05, ball((0, head, 0.05), (0.16, 0.145, 0.145))),
        *blended(0.03, *mirrored(ball((0.11, 0.055, 0.13), (0.07, 0.055, 0.11)))),
        *blended(0.03, *mirrored(limb((0.065, head + 0.1, 0.02), (0.115, tip, -0.02), 0.05, 0.062))),
        *mirrored(limb((0.072, head + 0.15, 0.062), (0.116, tip - 0.01, 0.028), 0.022, 0.03, _PINK)),
        *mirrored(ball((0.08, head + 0.035, 0.165), (0.028, 0.037, 0.024), _EYE)),
        ball((0, head - 0.015, 0.195), (0.026, 0.02, 0.02), _PINK),
        ball((0, head - 0.075, 0.178), (0.03, 0.035, 0.02), _WHITE),
        ball((0.0, 0.16, -0.27), 0.085, _WHITE),
    ]


def duck(proportions: Vector) -> list[Part]:
    w, h, bill = stretch(proportions)
    head = 0.47 * h
    beak = paint((0.90, 0.30, 0.02), "glossy")
    return [
        ball((0, 0.19, 0), (0.33 * w, 0.20, 0.23)),
        *blended(0.08, ball((0.19 * w, head, 0), (0.165, 0.16, 0.155))),
        *blended(0.06, limb((-0.24 * w, 0.25, 0), (-0.38 * w, 0.37, 0), 0.10, 0.03)),
        *across(ball((-0.04, 0.24, 0.195), (0.19, 0.10, 0.05), body(0.86), (0, 0, 14))),
        ball((0.36 * w, head - 0.03, 0), (0.115 * bill, 0.032, 0.085), beak, (0, 0, 6)),
        *across(ball((0.27 * w, head + 0.055, 0.118), (0.03, 0.036, 0.026), _EYE)),
    ]


def turtle(proportions: Vector) -> list[Part]:
    w, h, neck = stretch(proportions)
    skin = paint((0.38, 0.42, 0.16))
    head = (0.43 * w * neck, 0.27 * h, 0)
    legs = [
        limb((x, 0.14, z), (x * 1.25, 0.05, z * 1.3), 0.075, 0.065, skin) for x in (-0.21, 0.21) for z in (-0.18, 0.18)
    ]
    return [
        dome((0, 0.13, 0), (0.34 * w, 0.28 * h, 0.29), body(1, DOTS, 7, (0.05, 0.14, 0.05))),
        cone((0, 0.125, 0), 0.345 * w, 0.035, 0.33 * w, body(0.6), rounding=0.02),
        *legs,
        limb((0.27 * w, 0.15, 0), head, 0.07, 0.085, skin),
        *blended(0.04, ball((head[0] + 0.03, head[1] + 0.02, 0), (0.125, 0.105, 0.105), skin)),
        *across(ball((head[0] + 0.08, head[1] + 0.065, 0.082), (0.027, 0.032, 0.022), _EYE)),
        limb((-0.33 * w, 0.12, 0), (-0.43 * w, 0.07, 0), 0.045, 0.015, skin),
    ]


def elephant(proportions: Vector) -> list[Part]:
    w, h, trunk = stretch(proportions)
    legs = [
        cone((x, 0.15, z), 0.085, 0.15, 0.085, BODY, rounding=0.02) for x in (-0.2 * w, 0.15 * w) for z in (-0.11, 0.11)
    ]
    head = (0.30 * w, 0.46 * h, 0)
    return [
        ball((-0.04, 0.36 * h, 0), (0.31 * w, 0.23 * h, 0.22)),
        *blended(0.03, *legs),
        *blended(0.05, ball(head, (0.18, 0.185, 0.165))),
        *blended(0.05, limb((0.43 * w, 0.42 * h, 0), (0.55 * w, 0.20, 0), 0.08, 0.05)),
        *blended(0.03, limb((0.55 * w, 0.20, 0), (0.66 * w, 0.10 * trunk, 0), 0.05, 0.04)),
        *across(ball((0.22 * w, 0.47 * h, 0.19), (0.145, 0.175, 0.03), body(0.78), (0, -24, 0))),
        *across(ball((0.40 * w, 0.53 * h, 0.118), (0.026, 0.03, 0.024), _EYE)),
        *across(limb((0.42 * w, 0.34 * h, 0.085), (0.55 * w, 0.28 * h, 0.12), 0.032, 0.014, _WHITE)),
        limb((-0.33 * w, 0.42 * h, 0), (-0.40 * w, 0.22, 0), 0.022, 0.03),
    ]


def fish(proportions: Vector) -> list[Part]:
    w, h, fin = stretch(proportions)
    y = 0.27
    return [
        ball((0.05, y, 0), (0.34 * w, 0.22 * h, 0.14), BODY),
        *blended(0.05, limb((-0.2 * w, y, 0), (-0.36 * w, y, 0), 0.09, 0.05)),
        wedge((-0.44 * w, y, 0), 0.05, 0.11, 0.21 * fin, 0.026, body(0.8), (0, 0, 90)),
        wedge((0.04, y + 0.22 * h, 0), 0.19, 0.08 * fin, 0.07, 0.024, body(0.8), (0, 0, 12)),
        wedge((0.02, 0.075, 0), 0.06, 0.075, 0.13, 0.05, body(0.8)),
        *across(ball((0.07, y - 0.03, 0.14), (0.09, 0.045, 0.02), body(0.8), (0, 20, -20))),
        *across(ball((0.24 * w, y + 0.06, 0.095), (0.055, 0.058, 0.04), _WHITE)),
        *across(ball((0.255 * w, y + 0.06, 0.122), (0.03, 0.034, 0.02), _EYE)),
        ball((0.385 * w, y - 0.035, 0), (0.035, 0.022, 0.07), body(0.55)),
    ]


ANIMALS = (
    Kind("cat", "cats", "animals", ("orange", "gray", "black", "white"), False, ("matte",), 0.87, 0.45, 0.7, cat),
    Kind("dog", "dogs", "animals", ("brown", "gold", "white", "black"), False, ("matte",), 0.82, 0.42, 0.7, dog),
    Kind("rabbit", "rabbits", "animals", ("white", "gray", "brown"), False, ("matte",), 1.12, 0.36, 0.7, rabbit),
    Kind("duck", "ducks", "animals", ("yellow", "white", "brown"), True, ("glossy", "matte"), 0.72, 0.56, 0.7, duck),
    Kind("turtle", "turtles", "animals", ("green", "brown"), False, ("matte", "glossy"), 0.48, 0.72, 0.8, turtle),
    Kind("elephant", "elephants", "animals", ("gray", "pink", "blue"), False, ("matte",), 0.75, 0.78, 0.8, elephant),
    Kind("fish", "fish", "animals", ("orange", "blue", "red", "gold"), True, ("glossy",), 0.64, 0.62, 0.6, fish),
)
