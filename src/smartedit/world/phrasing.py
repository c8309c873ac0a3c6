"""Instructions: an edit of a scene told in words of a group, from the wordings of one split.

The words single out the edited objects and nothing else (`references.resolve` proves it); where that is impossible for
a group, there is no instruction.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smartedit.world.grammar import operation, sentences, wording_id, wordings
from smartedit.world.lexicon import indefinite, plural
from smartedit.world.naming import PLACES, SPOTS, noun_phrase
from smartedit.world.references import Instruction, Reference
from smartedit.world.referring import refer
from smartedit.world.scene import COLOURS, Scene
from smartedit.world.vocabulary import vocabulary

__all__ = ["Instruction", "instruct", "vocabulary", "wordings"]

_COLOUR_WORDS = {*COLOURS, "grey"}


def instruct(
    scene: Scene | Mapping,
    edit: object,
    rng: np.random.Generator,
    group: str,
    split: str = "train",
    described: Mapping | None = None,
) -> Instruction | None:
    """The edit told in words of `group` with a wording of `split`; None where the group cannot say it unmistakably."""
    op = operation(edit)
    if (group == "mirror") != getattr(edit, "mirror", False) or (group == "add") != (op == "add"):
        return None
    slots, reference = _slots(op, scene, edit, rng, group, split, described)
    if slots is None:
        return None
    key = _key(op, edit)
    options = sentences(key, split)
    sentence = options[int(rng.integers(len(options)))]
    fact = None if reference is None else reference.fact
    return Instruction(sentence.format(**slots), group, reference, fact, wording_id(key, sentence))


def _key(op: str, edit: object) -> str:
    if op == "resize":
        return "bigger" if edit.factor > 1 else "smaller"
    return edit.part if op == "surface" else op


def _slots(op, scene, edit, rng, group, split, described) -> tuple[dict | None, Reference | None]:
    """The words for each slot of the sentence and the reference behind them; (None, None) where words fail."""
    if op in ("surface", "light"):
        return ({"s": edit.to}, None) if group == "plain" else (None, None)
    if op == "add":
        place, anchor = _place(scene, edit, rng, described)
        return (None if place is None else place | {"new": indefinite(edit.kind, edit.colour)}), anchor
    reference = refer(scene, edit.targets, rng, group, split, described)
    if reference is None:
        return None, None
    slots = {"x": _target_words(reference, rng)}
    if op == "move":
        place, _ = _place(scene, edit, rng, described)
        return (None, None) if place is None else (slots | place, reference)
    if op == "replace":
        name = indefinite if len(edit.targets) == 1 else plural
        slots["new"] = name(edit.kind, edit.colour)
    return slots | {"c": getattr(edit, "colour", None)}, reference


def _target_words(reference: Reference, rng: np.random.Generator) -> str:
    """A noun phrase that does not end in a colour, for "make the mug that is red blue" would puzzle anybody."""
    words = noun_phrase(reference, rng)
    while words.rpartition(" ")[2] in _COLOUR_WORDS:
        words = noun_phrase(reference, rng)
    return words


def _place(scene, edit, rng, described) -> tuple[dict | None, Reference | None]:
    """The {to} and {at} of a move or an addition and the reference to its anchor."""
    if edit.anchor is None:
        to, at = (ways[int(rng.integers(len(ways)))] for ways in SPOTS[edit.relation])
        return {"to": to, "at": at}, None
    anchor = refer(scene, (edit.anchor,), rng, "plain", described=described)
    if anchor is None:
        return None, None
    ways = PLACES[edit.relation]
    words = ways[int(rng.integers(len(ways)))].format(a=noun_phrase(anchor, rng))
    return {"to": words, "at": words}, anchor
