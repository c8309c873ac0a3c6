"""Turns about pictures for the language side: edits that nobody carries out, real pairs, and questions.

To learn which object words mean, no edited picture is needed: the world can ask for any number of edits of a scene that
is rendered once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from smartedit.data.cache import Cache
from smartedit.data.sample import PictureBatch
from smartedit.world.edits import Add, Recolour
from smartedit.world.phrasing import instruct
from smartedit.world.proposals import OPS, groups_of, possible_groups, propose, weighted
from smartedit.world.references import Instruction
from smartedit.world.replies import GRID, reply
from smartedit.world.scene import COLOURS, Scene

#: Operations whose reply can be worded without rendering the edited scene.
_TOLD = {op: weight for op, weight in OPS.items() if op not in ("add", "move")}
#: The same for all operations, more of those that have the most to say: what comes, or where it is put.
_HEARD = {**OPS, "replace": 0.5, "add": 0.4, "move": 0.3}
#: Operations that change their targets without any shadow, or everything.
_WHOLE = ("recolour", "paint", "light")
#: Groups that name one thing by how it looks and where it is.
_ONE_THING = ("plain", "left-right", "relative-size", "colour")
_BOX = re.compile(r"(?<= at )\d+ \d+ \d+ \d+")
_PLACE = re.compile(r"\b\d+ \d+ \d+ \d+\b")
_COLOUR = re.compile(rf"\b(?<!add )({'|'.join(COLOURS)})(?= \w+( in the mirror)? at )")
#: Share of colours in a reply that smudging makes any other.
DISCOLOURED = 0.35


@dataclass
class Asked:
    """One instruction about a picture and the right reply; `where` (P,) in 0 ... 1 is the share of every patch that belongs to
    what is edited, None where that is not known without rendering; `whole` where nothing else changes, no shadow either."""

    instruction: str
    reply: str
    where: np.ndarray | None
    whole: bool


def ask(described: dict, cover: np.ndarray, rng: np.random.Generator, split: str = "train") -> Asked:
    """An edit of the scene that was not carried out; `cover` (2, objects, P) is `coverage` of its picture."""
    op, edit, told = _some_edit(described, _TOLD, rng, split)
    where = _where(op, edit, described, cover)
    whole = op in _WHOLE and not described.get("mirror")  # a mirror may show it too
    return Asked(told.words, reply(edit, described, described, told), where, whole)


def ask_aloud(described: dict, rng: np.random.Generator) -> tuple[str, str, str]:
    """A training instruction for any edit of the scene; the right reply, without the box of what is added or moved; and how that stands
    to what it is put beside, or to the table, "" where nothing is put anywhere."""
    _, edit, told = _some_edit(described, _HEARD, rng, "train")
    new = [{"id": "", "kind": edit.kind, "colour": edit.colour}] if isinstance(edit, Add) else []
    after = {"objects": [{**thing, "box": None} for thing in described["objects"]] + new}
    return told.words, reply(edit, described, after, told), getattr(edit, "relation", "")


def _some_edit(described: dict, ops: dict[str, float], rng: np.random.Generator, split: str) -> tuple[str, object, Instruction]:
    """An operation of `ops`, an edit of the scene that is one, and an instruction for it."""
    scene = Scene.from_json(described)
    while True:
        op = weighted(ops, rng)
        groups = {g: w for g, w in possible_groups(described).items() if g in groups_of(op)}
        edit = propose(op, group := weighted(groups, rng), scene, described, split, rng)
        told = edit and instruct(scene, edit, rng, group, split, described)
        if told:
            return op, edit, told


def recolour_words(described: dict, id: str, colour: str, rng: np.random.Generator) -> str | None:
    """A training instruction to give one thing of a scene another colour; None where no words were found."""
    return one_thing_words(described, Recolour((id,), colour), rng)


def one_thing_words(described: dict, edit, rng: np.random.Generator) -> str | None:
    """A training instruction for an edit of one thing of a scene; None where no words were found."""
    group = weighted({g: w for g, w in possible_groups(described).items() if g in _ONE_THING}, rng)
    return words_of(described, edit, group, rng)


def words_of(described: dict, edit, group: str, rng: np.random.Generator) -> str | None:
    """A training instruction of a group for an edit of a scene; None where no words were found."""
    told = instruct(Scene.from_json(described), edit, rng, group, described=described)
    return told and told.words


def _where(op: str, edit, described: dict, cover: np.ndarray) -> np.ndarray | None:
    if op == "surface":
        return None
    if op == "light":
        return np.ones(cover.shape[-1], np.float32)
    rows = [k for k, thing in enumerate(described["objects"]) if thing["id"] in edit.targets]
    return cover[int(edit.mirror) if hasattr(edit, "mirror") else 0, rows].astype(np.float32).sum(0).clip(0, 255) / 255


def asked_of(
    cache: Cache, scenes: list[int], pictures: PictureBatch, turned: torch.Tensor, count: int, rng: np.random.Generator
) -> list[list[Asked]]:
    """`count` edits of every scene: its real pairs first (not where the picture is `turned`), then made-up ones."""
    rows = []
    for i, (scene, described, cover) in enumerate(zip(scenes, pictures.described, pictures.cover.numpy(), strict=True)):
        real = [] if turned[i] else [int(p) for p in rng.permutation(cache.pairs_of[scene])[:count]]
        row = real_asked(cache, real, cover.shape[-1])
        rows.append(row + [ask(described, cover, rng) for _ in range(count - len(row))])
    return rows


def real_asked(cache: Cache, pairs: list[int], patches: int) -> list[Asked]:
    """Pairs of the cache as they are asked for; `where` from their true regions."""
    if not pairs:
        return []
    side = int(patches**0.5)
    where = interpolate(cache.regions(pairs), size=(side, side), mode="area").flatten(1).numpy()
    return [Asked(cache.pairs[p]["instruction"], cache.pairs[p]["reply"], w, True) for p, w in zip(pairs, where, strict=True)]


def turned(text: str) -> str:
    """A reply as it is right where left and right are exchanged."""

    def turn(match: re.Match) -> str:
        x0, y0, x1, y1 = map(int, match[0].split())
        return f"{GRID - 1 - x1} {y0} {GRID - 1 - x0} {y1}"

    return _PLACE.sub(turn, text)


def smudged(text: str, rng: np.random.Generator) -> str:
    """A reply with its boxes moved a little, or anywhere, and some colours of what is edited exchanged: so that who reads it
    later looks at the picture again, as it must when a reply is half right."""

    def move(match: re.Match) -> str:
        box = np.array(match[0].split(), int)
        shift = rng.normal(0, 1.5, 4) if rng.random() < 0.5 else np.tile(rng.integers(-GRID, GRID, 2), 2)
        return " ".join(map(str, (box + shift).round().astype(int).clip(0, GRID - 1)))

    def dye(match: re.Match) -> str:
        return str(rng.choice(list(COLOURS))) if rng.random() < DISCOLOURED else match[0]

    return _COLOUR.sub(dye, _BOX.sub(move, text))
