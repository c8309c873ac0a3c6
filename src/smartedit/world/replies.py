"""Replies: what the language model says before it edits - where the thing is, which one, and what happens to it.

The canonical line is fixed in form, so that a very small model can learn it and a program can read it:

    cuts fruit means knife . silver knife at 3 9 7 11 : remove .

Boxes are the first and last column and row (x0 y0 x1 y1) of a 16 x 16 grid laid over the picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from smartedit.world import knowledge
from smartedit.world.grammar import operation
from smartedit.world.lexicon import NOUNS, indefinite, is_plural, join, plural
from smartedit.world.references import Instruction

GRID = 16


def cells(box: list[float]) -> tuple[int, int, int, int]:
    """The grid cells (x0, y0, x1, y1, inclusive, 0 ... 15) that a box in fractions of the picture touches."""
    low = [min(max(math.floor(v * GRID + 1e-9), 0), GRID - 1) for v in box[:2]]
    high = [min(max(math.ceil(v * GRID - 1e-9) - 1, least), GRID - 1) for v, least in zip(box[2:], low, strict=True)]
    return (low[0], low[1], high[0], high[1])


def box_words(box: list[float]) -> str:
    """A box as four numbers: `"3 9 7 11"`."""
    return " ".join(map(str, cells(box)))


def located(thing: Mapping, mirror: bool = False) -> str:
    """An object of a description with its place: `"silver knife at 3 9 7 11"`; without a place when it is not seen."""
    box = thing.get("mirror_box" if mirror else "box")
    name = join(thing["colour"], thing["kind"], "in the mirror" if mirror else None)
    return name if box is None else f"{name} at {box_words(box)}"


def all_located(things: list[Mapping], mirror: bool = False) -> str:
    """Several located objects from left to right, joined by "and"."""
    key = "mirror_box" if mirror else "box"
    ordered = sorted(things, key=lambda t: (t.get(key) or [2.0, 2.0])[:2])
    return " and ".join(located(thing, mirror) for thing in ordered)


def reply(edit: object, before: Mapping, after: Mapping, instruction: Instruction) -> str:
    """The canonical reply to an instruction; `before` and `after` are the descriptions of both scenes."""
    op = operation(edit)
    if op in ("surface", "light"):
        return f"{getattr(edit, 'part', op)} : {edit.to} ."
    if op == "add":
        anchor = [] if edit.anchor is None else [t for t in before["objects"] if t["id"] == edit.anchor]
        known = {t["id"] for t in before["objects"]}
        new = next(t for t in after["objects"] if t["id"] not in known)
        return join(all_located(anchor), ":" if anchor else None, "add", located(new), ".")
    targets = [t for t in before["objects"] if t["id"] in edit.targets]
    where = all_located(targets, getattr(edit, "mirror", False))
    return f"{_why(instruction, targets)}{where} : {_act(op, edit, after)} ."


def _why(instruction: Instruction, targets: list[Mapping]) -> str:
    if instruction.fact_id is None:
        return ""
    said = max((w for w in knowledge.fact(instruction.fact_id).wordings if w in instruction.words), key=len)
    return f"{said} means {targets[0]['kind']} . "


def _act(op: str, edit: object, after: Mapping) -> str:
    if op == "resize":
        return "bigger" if edit.factor > 1 else "smaller"
    if op == "move":
        box = next(t for t in after["objects"] if t["id"] in edit.targets).get("box")
        return "move" if box is None else f"move to {box_words(box)}"
    if op == "replace":
        return f"replace by {edit.colour} {edit.kind}"
    return "remove" if op == "remove" else f"{op} {edit.colour}"


_LOCATED = re.compile(r"([a-z]+) ([a-z]+)( in the mirror)? at ([0-9]+) ([0-9]+) ([0-9]+) ([0-9]+)")


def parse_reply(text: str) -> list[dict]:
    """Each located object of a reply: `kind`, `colour`, `box` (four grid numbers), `mirror`, whether it is `new`."""
    found = []
    for match in _LOCATED.finditer(text):
        colour, kind, mirror, *box = match.groups()
        new = text[: match.start()].endswith("add ")
        found.append({"kind": kind, "colour": colour, "box": tuple(map(int, box)), "mirror": bool(mirror), "new": new})
    return found


_LINE = re.compile(r"(?:(?P<why>.+) means (?P<kind>[a-z]+) \. )?(?:(?P<where>.+?) : )?(?P<act>[a-z0-9 ]+) \.")
_ACTS = (
    (re.compile("remove"), "remove {x}"),
    (re.compile("recolour ([a-z]+)"), "make {x} {0}"),
    (re.compile("paint ([a-z]+)"), "mark {x} in {0}"),
    (re.compile("(bigger|smaller)"), "make {x} {0}"),
    (re.compile("replace by ([a-z]+) ([a-z]+)"), "replace {x} with {new}"),
    (re.compile("move to ([0-9]+ [0-9]+ [0-9]+ [0-9]+)"), "move {x} to the {spot}"),
    (re.compile("move"), "move {x}"),
)


def humanise(text: str) -> str:
    """A canonical reply as an English sentence for people; other text comes back as it is."""
    line = _LINE.fullmatch(text.strip())
    if line is None:
        return text
    where, act = line["where"], line["act"]
    if where in ("table", "wall", "light"):
        return f"I will change the {where} to {act}."
    if act.startswith("add "):
        return _humanise_addition(where, act) or text
    things = parse_reply(where or "")
    if not things or any(thing["kind"] not in NOUNS for thing in things):
        return text
    said = _said(act, things)
    if said is None:
        return text
    reason = f", because {_known(line)}" if line["why"] and line["kind"] in NOUNS else ""
    return f"I will {said}{reason}."


def _humanise_addition(where: str | None, act: str) -> str | None:
    new, anchors = parse_reply(act), parse_reply(where or "")
    if len(new) != 1 or new[0]["kind"] not in NOUNS:
        return None
    beside = f", near the {anchors[0]['colour']} {anchors[0]['kind']}" if anchors else ""
    return f"I will add {indefinite(new[0]['kind'], new[0]['colour'])} {_place(new[0]['box'])}{beside}."


def _said(act: str, things: list[dict]) -> str | None:
    name = indefinite if len(things) == 1 else plural
    for pattern, sentence in _ACTS:
        if match := pattern.fullmatch(act):
            words = match.groups()
            new = name(words[1], words[0]) if len(words) == 2 else ""
            place = spot(tuple(map(int, words[0].split()))) if "{spot}" in sentence else ""
            return sentence.format(*words, x=" and ".join(map(_the, things)), new=new, spot=place)
    return None


def _known(line: re.Match) -> str:
    subject = indefinite(line["kind"])
    return f"{subject} is what {line['why']}" if is_plural(line["kind"]) else f"{subject} {line['why']}"


def _the(thing: Mapping) -> str:
    mirror = " in the mirror" if thing["mirror"] else ""
    return f"the {thing['colour']} {thing['kind']}{mirror} {_place(thing['box'])}"


def _place(box: tuple[int, int, int, int]) -> str:
    where = spot(box)
    return f"{'in' if where == 'middle' else 'at' if where.split()[0] in ('top', 'bottom') else 'on'} the {where}"


def spot(box: tuple[int, int, int, int]) -> str:
    """Where the middle of a grid box lies in words: "bottom left", "middle"."""
    column = ("left", "", "right")[min(int((box[0] + box[2] + 1) * 1.5 / GRID), 2)]
    row = ("top", "", "bottom")[min(int((box[1] + box[3] + 1) * 1.5 / GRID), 2)]
    return join(row, column) or "middle"
