"""Pointing at things with words: structured references and what they resolve to in a scene (`naming` says them).

A reference is usable for a set of objects only when `resolve` gives exactly that set. `resolve` is honest: where a
superlative is too close to call it gives every object that a reader might mean, so the reference is not usable.
Only objects with enough visible pixels can be meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smartedit.world import knowledge
from smartedit.world.scene import Scene

#: An object with fewer visible pixels (at 256 x 256) is not talked about.
VISIBLE_PIXELS = 60
#: Fractions of the picture width by which "left" and "right" must be clear.
SIDE_MARGIN = 0.05
#: World units by which "front" and "back" must be clear.
DEPTH_MARGIN = 0.25
#: The larger of two sizes must be at least this many times the smaller one.
SIZE_RATIO = 1.3
#: "Next to": the second nearest must be at least this many times further away.
NEAR_RATIO = 1.4

RELATIONS = ("left of", "right of", "next to")


@dataclass(frozen=True)
class Reference:
    """Predicates that single out objects.

    `kind` and `colour` filter (None: any). `fact` is a knowledge id that takes the place of the kind. `pick` chooses
    among those left: "left", "right", "leftmost", "rightmost", "middle", "front", "back", "smaller", "bigger",
    "smallest", "largest". `relation` with `anchor` (itself a reference) filters or, for "next to", chooses.
    `mirror` means the image in the mirror. `number` is "one", "both" or "all"; `also` adds what a second reference
    resolves to.
    """

    kind: str | None = None
    colour: str | None = None
    fact: str | None = None
    pick: str | None = None
    relation: str | None = None
    anchor: Reference | None = None
    mirror: bool = False
    number: str = "one"
    also: Reference | None = None


@dataclass(frozen=True)
class Instruction:
    """An instruction in words with how it came about.

    `reference` points at what is edited (for an addition: at its anchor; None where nothing is pointed at), `fact_id`
    names the knowledge that was used, `wording_id` the sentence (`grammar.wordings`).
    """

    words: str
    group: str
    reference: Reference | None
    fact_id: str | None
    wording_id: str


def objects_of(scene: Scene | Mapping, mirror: bool = False) -> Sequence[Mapping]:
    """The object dicts of a scene or of its description; with `mirror` as the mirror shows them."""
    data = scene.to_json() if isinstance(scene, Scene) else scene
    return mirrored(data) if mirror and data.get("reflected") else data["objects"]


def mirrored(described: Mapping) -> list[Mapping]:
    """The objects as the mirror shows them: kind and colour of the image where it differs from the object."""
    shown = {thing["id"]: thing for thing in described.get("reflected") or ()}
    return [thing | {k: shown.get(thing["id"], thing)[k] for k in ("kind", "colour")} for thing in described["objects"]]


def visible(things: Sequence[Mapping], mirror: bool = False) -> list[Mapping]:
    """The objects that can be talked about; in a scene without a description all of them."""
    key = "mirror_visible" if mirror else "visible"
    default = 0 if mirror else VISIBLE_PIXELS
    return [thing for thing in things if thing.get(key, default) >= VISIBLE_PIXELS]


def resolve(reference: Reference, scene: Scene | Mapping) -> tuple[str, ...]:
    """The ids of all objects that the reference may mean, in the order of the scene."""
    things = objects_of(scene, reference.mirror)
    found = set(_resolve(reference, things))
    if reference.also is not None:
        found |= set(_resolve(reference.also, things))
    return tuple(thing["id"] for thing in things if thing["id"] in found)


def _resolve(reference: Reference, things: Sequence[Mapping]) -> tuple[str, ...]:
    left = [thing for thing in visible(things, reference.mirror) if _fits(reference, thing)]
    if reference.fact is not None:
        # a hidden object may still be meant by someone who knows it is there, so every object counts
        left = [thing for thing in things if _fits(reference, thing)]
    if reference.anchor is not None:
        anchors = _resolve(reference.anchor, things)
        if len(anchors) != 1:
            return ()
        anchor = next(thing for thing in things if thing["id"] == anchors[0])
        left = _related(reference.relation, [t for t in left if t is not anchor], anchor)
    if reference.pick is not None:
        left = _picked(reference.pick, left)
    return tuple(thing["id"] for thing in left)


def _fits(reference: Reference, thing: Mapping) -> bool:
    if reference.colour is not None and thing["colour"] != reference.colour:
        return False
    if reference.fact is not None:
        return knowledge.fact(reference.fact).may_be(thing["kind"])
    return reference.kind is None or thing["kind"] == reference.kind


def centre(thing: Mapping) -> float:
    """The horizontal place of an object: of its box where it has one (0 ... 1), else its world x."""
    box = thing.get("box")
    return thing["x"] if box is None else (box[0] + box[2]) / 2


def _related(relation: str, things: list[Mapping], anchor: Mapping) -> list[Mapping]:
    if relation == "next to":
        return _nearest(things, anchor)
    offsets = [(centre(t) - centre(anchor)) * (-1 if relation == "left of" else 1) for t in things]
    if any(abs(offset) <= SIDE_MARGIN for offset in offsets):
        return []  # too close to call
    return [t for t, offset in zip(things, offsets, strict=True) if offset > 0]


def _nearest(things: list[Mapping], anchor: Mapping) -> list[Mapping]:
    distances = [np.hypot(t["x"] - anchor["x"], t["z"] - anchor["z"]) for t in things]
    return [t for t, d in zip(things, distances, strict=True) if d < min(distances) * NEAR_RATIO]


def _picked(pick: str, things: list[Mapping]) -> list[Mapping]:
    if len(things) < 2 or (pick in _OF_TWO and len(things) != 2) or (pick == "middle" and len(things) != 3):
        return [] if len(things) < 2 else things
    if pick == "middle":
        ends = {t["id"] for side in ("leftmost", "rightmost") for t in _extreme(side, things)}
        return [t for t in things if t["id"] not in ends] if len(ends) == 2 else things
    if pick in _SIZES:
        return _by_size(things, largest=pick in ("bigger", "largest"))
    return _extreme(pick, things)


_OF_TWO = ("left", "right", "front", "back", "smaller", "bigger")
_SIZES = ("smaller", "bigger", "smallest", "largest")
_AXES = {"left": -1, "leftmost": -1, "right": 1, "rightmost": 1}


def _extreme(pick: str, things: list[Mapping]) -> list[Mapping]:
    """The things that may be the outermost one in a direction: all within the margin of the outermost."""
    if pick in _AXES:
        places, margin = [_AXES[pick] * centre(t) for t in things], SIDE_MARGIN
    else:
        places, margin = [t["z"] if pick == "front" else -t["z"] for t in things], DEPTH_MARGIN
    return [t for t, place in zip(things, places, strict=True) if place > max(places) - margin]


def _by_size(things: list[Mapping], largest: bool) -> list[Mapping]:
    """The smallest or largest of one kind, where both its true size and its size in the picture say so."""
    sign = 1 if largest else -1
    ordered = sorted(things, key=lambda t: sign * t["size"], reverse=True)
    first, second = ordered[0], ordered[1]
    ratio = (first["size"] / second["size"]) ** sign
    seen = [_height(t) for t in ordered]
    agrees = all(sign * (seen[0] - other) >= 0 for other in seen[1:])
    same_kind = len({t["kind"] for t in things}) == 1
    return [first] if ratio >= SIZE_RATIO and agrees and same_kind else things


def _height(thing: Mapping) -> float:
    box = thing.get("box")
    return 0.0 if box is None else box[3] - box[1]
