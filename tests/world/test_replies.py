"""Canonical replies, reading them back, and saying them nicely."""

import numpy as np
import pytest
from handmade import described, mirrored, scenes, thing
from hypothesis import given
from hypothesis import strategies as st

from smartedit.world.edits import Add, Light, Move, Paint, Recolour, Remove, Replace, Resize, Surface
from smartedit.world.lexicon import split_words
from smartedit.world.phrasing import instruct, vocabulary
from smartedit.world.references import Instruction, visible
from smartedit.world.replies import all_located, cells, humanise, located, parse_reply, reply, spot


def _at(id: str, colour: str, box: list[float], **extra) -> dict:
    return thing(id, colour) | {"box": box} | extra


KNIFE = _at("knife-1", "silver", [0.2, 0.57, 0.49, 0.74])
CAT = mirrored(_at("cat-1", "orange", [0.0, 0.5, 0.25, 1.0]))
BEFORE = described(KNIFE, CAT, mirror=True)
BALL = _at("ball-1", "red", [0.45, 0.25, 0.6, 0.4])
AFTER = described(KNIFE | {"box": [0.6, 0.57, 0.8, 0.74]}, CAT, BALL, mirror=True)
SAID = Instruction("whatever", "plain", None, None, "")


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([0, 0, 1, 1], (0, 0, 15, 15)),
        ([0.0625, 0.125, 0.1875, 0.25], (1, 2, 2, 3)),
        ([0.07, 0.07, 0.08, 0.08], (1, 1, 1, 1)),
        ([-0.2, 0.99, 1.5, 1.2], (0, 15, 15, 15)),
        ([0.5, 0.5, 0.5, 0.5], (8, 8, 8, 8)),
    ],
)
def test_cells_are_those_the_box_touches(box, expected):
    assert cells(box) == expected


@given(st.lists(st.floats(-0.5, 1.5), min_size=4, max_size=4))
def test_cells_stay_on_the_grid(values):
    x0, x1 = sorted(values[:2])
    y0, y1 = sorted(values[2:])
    a, b, c, d = cells([x0, y0, x1, y1])
    assert 0 <= a <= c <= 15 and 0 <= b <= d <= 15


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (Remove(("knife-1",)), "silver knife at 3 9 7 11 : remove ."),
        (Remove(("knife-1", "cat-1")), "orange cat at 0 8 3 15 and silver knife at 3 9 7 11 : remove ."),
        (Recolour(("knife-1",), "red"), "silver knife at 3 9 7 11 : recolour red ."),
        (Recolour(("cat-1",), "red", mirror=True), "orange cat in the mirror at 0 1 3 3 : recolour red ."),
        (Replace(("knife-1",), "pear", "green"), "silver knife at 3 9 7 11 : replace by green pear ."),
        (Resize(("knife-1",), 1.5), "silver knife at 3 9 7 11 : bigger ."),
        (Resize(("knife-1",), 0.65), "silver knife at 3 9 7 11 : smaller ."),
        (Move(("knife-1",), "on the right"), "silver knife at 3 9 7 11 : move to 9 9 12 11 ."),
        (Paint(("knife-1",), "blue"), "silver knife at 3 9 7 11 : paint blue ."),
        (Add("ball", "red", "right of", "cat-1"), "orange cat at 0 8 3 15 : add red ball at 7 4 9 6 ."),
        (Add("ball", "red", "in the middle"), "add red ball at 7 4 9 6 ."),
        (Surface("table", "white marble"), "table : white marble ."),
        (Surface("wall", "brick"), "wall : brick ."),
        (Light("night lamp"), "light : night lamp ."),
    ],
)
def test_canonical_lines(edit, line):
    assert reply(edit, BEFORE, AFTER, SAID) == line
    assert set(split_words(line)) <= set(vocabulary())
    nice = humanise(line)
    assert nice.startswith("I will ") and nice.endswith(".") and not any(c.isdigit() for c in nice)


def test_reasons_come_first():
    said = Instruction("please remove the thing that cuts fruit", "reasoning", None, "knife-fruit", "")
    line = reply(Remove(("knife-1",)), BEFORE, AFTER, said)
    assert line == "cuts fruit means knife . silver knife at 3 9 7 11 : remove ."
    assert humanise(line) == "I will remove the silver knife in the middle, because a knife cuts fruit."


@pytest.mark.parametrize(
    ("line", "nice"),
    [
        (
            "orange cat at 0 8 3 15 and black cat at 12 0 15 3 : replace by green pear .",
            "I will replace the orange cat at the bottom left and the black cat at the top right with green pears.",
        ),
        (
            "orange cat in the mirror at 0 1 3 3 : recolour red .",
            "I will make the orange cat in the mirror at the top left red.",
        ),
        ("cat at 0 8 3 15 : add red egg at 7 4 9 6 .", "I will add a red egg in the middle."),
        ("table : white marble .", "I will change the table to white marble."),
        (
            "cuts hair means scissors . red scissors at 7 7 8 8 : bigger .",
            "I will make the red scissors in the middle bigger, because a pair of scissors is what cuts hair.",
        ),
        ("silver knife at 1 7 4 9 : move to 12 0 15 3 .", "I will move the silver knife on the left to the top right."),
    ],
)
def test_people_hear_english(line, nice):
    assert humanise(line) == nice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "knife",
        "red cat at 3 9 : remove .",
        "red zebra at 1 1 2 2 : remove .",
        "a : b .",
        "red cat at 3 9 7 11 : fly .",
    ],
)
def test_malformed_replies_come_back_as_they_are(text):
    assert humanise(text) == text


_PIECES = ("silver knife", "at", "3 9", "15", "means", ":", ".", "add", "red ball", "move to", "in the mirror", "and")


@given(st.lists(st.sampled_from(_PIECES)))
def test_no_reply_breaks_the_readers(words):
    text = " ".join(words)
    assert isinstance(humanise(text), str)
    assert all(len(found["box"]) == 4 for found in parse_reply(text))


def test_reading_a_reply():
    line = "orange cat in the mirror at 0 1 3 3 and silver knife at 3 9 7 11 : add red ball at 7 4 9 6 ."
    cat, knife, ball = parse_reply(line)
    assert cat == {"kind": "cat", "colour": "orange", "box": (0, 1, 3, 3), "mirror": True, "new": False}
    assert (knife["kind"], knife["mirror"], ball["new"], ball["box"]) == ("knife", False, True, (7, 4, 9, 6))


@given(scenes())
def test_what_is_located_can_be_read_back(scene):
    things = visible(scene["objects"])
    found = parse_reply(all_located(things))
    told = [(thing["kind"], thing["colour"], cells(thing["box"])) for thing in things]
    assert sorted((f["kind"], f["colour"], f["box"]) for f in found) == sorted(told)
    assert [f["box"][0] for f in found] == sorted(f["box"][0] for f in found)


@given(scenes(), st.integers(0, 99))
def test_replies_to_reasoning_name_the_fact_that_was_said(scene, seed):
    for target in visible(scene["objects"]):
        edit = Remove((target["id"],))
        told = instruct(scene, edit, np.random.default_rng(seed), "reasoning", "test", scene)
        if told is not None:
            why, _, rest = reply(edit, scene, scene, told).partition(" . ")
            fact, _, kind = why.rpartition(" means ")
            assert fact in told.words and kind == target["kind"]
            assert rest == f"{located(target)} : remove ."


def test_spots_cover_the_picture():
    names = {spot((x, y, x, y)) for x in range(16) for y in range(16)}
    assert names == {"top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"}
