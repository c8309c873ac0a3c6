"""Edits worth asking for: which operation and group a scene allows, and what exactly to do.

A proposal is only a guess; `pairs` keeps those that are possible, sayable and visible.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from smartedit.world import edits, placing
from smartedit.world.checks import colours_of
from smartedit.world.objects import KINDS
from smartedit.world.relations import BESIDE, PARTS
from smartedit.world.sampling import allowed, pick_colour
from smartedit.world.scene import Object, Scene
from smartedit.world.splits import combination_split
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

#: Operation -> how often it is proposed.
OPS = {
    "remove": 0.23,
    "recolour": 0.20,
    "replace": 0.16,
    "paint": 0.16,
    "add": 0.08,
    "move": 0.06,
    "resize": 0.05,
    "surface": 0.04,
    "light": 0.02,
}
#: Group -> how eagerly it is proposed where a scene allows it.
GROUPS = {
    "plain": 0.8,
    "left-right": 1.3,
    "relative-size": 4.5,
    "mirror": 3.0,
    "colour": 3.0,
    "multiple": 0.45,
    "reasoning": 0.9,
    "add": 1.0,
}
#: Operation -> groups in which it can be told, where that is not all but "add".
_GROUPS_OF = {
    "add": ("add",),
    "surface": ("plain",),
    "light": ("plain",),
    "move": ("plain", "left-right", "relative-size", "colour", "reasoning"),
    "resize": ("plain", "left-right", "relative-size", "colour", "reasoning", "multiple"),
}
#: The factors meant by "bigger" and "smaller".
FACTORS = (1.5, 0.65)

_LEAST_VISIBLE = 60


def groups_of(op: str) -> tuple[str, ...]:
    """The groups in which an operation can be told."""
    return _GROUPS_OF.get(op, tuple(group for group in GROUPS if group != "add"))


def weighted(weights: dict[str, float], rng: np.random.Generator) -> str:
    """One of the names, drawn by weight."""
    share = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=share / share.sum()))


def possible_groups(described: dict) -> dict[str, float]:
    """Group -> weight, for the groups that the visible objects allow at all."""
    things = _visible(described)
    kinds = Counter(thing["kind"] for thing in things)
    twins = [thing for thing in things if kinds[thing["kind"]] > 1]
    sizes = [thing["size"] for thing in twins]
    wanted = {
        "plain": True,
        "left-right": bool(twins),
        "relative-size": bool(twins) and max(sizes) > 1.3 * min(sizes),
        "mirror": bool(_visible(described, "mirror_visible")),
        "colour": len({(thing["kind"], thing["colour"]) for thing in twins}) > len({thing["kind"] for thing in twins}),
        "multiple": len(things) > 1,
        "reasoning": bool(things),
        "add": True,
    }
    return {group: GROUPS[group] for group, fits in wanted.items() if fits}


def _visible(described: dict, key: str = "visible") -> list[dict]:
    return [thing for thing in described["objects"] if thing[key] >= _LEAST_VISIBLE]


def propose(op: str, group: str, scene: Scene, described: dict, split: str, rng: np.random.Generator):
    """An edit of this operation for this group, or None where the scene has nothing for it."""
    if op in ("surface", "light"):
        return _setting_edit(op, scene, split, rng)
    if op == "add":
        return _addition(scene, described, split, rng)
    targets = _targets(group, described, rng)
    if not targets:
        return None
    things = [scene[id] for id in targets]
    mirror = {"mirror": True} if group == "mirror" else {}
    if op == "remove":
        return edits.Remove(targets, **mirror)
    if op == "paint":
        return edits.Paint(targets, str(rng.choice(list(edits.PAINTS))), **mirror)
    if op == "recolour":
        colours = _new_colours(things, scene.table, split)
        return edits.Recolour(targets, str(rng.choice(colours)), **mirror) if colours else None
    if op == "resize":
        return edits.Resize(targets, float(rng.choice(FACTORS)))
    if op == "move":
        return edits.Move(targets, *_somewhere(described, targets, rng))
    new = new_object(things, scene, split, rng)
    return new and edits.Replace(targets, *new, **mirror)


def _targets(group: str, described: dict, rng: np.random.Generator) -> tuple[str, ...]:
    """Ids that words of the group may mean; empty where there are none."""
    things = _visible(described, "mirror_visible" if group == "mirror" else "visible")
    if group == "multiple":
        return _several(things, rng)
    kinds = Counter(thing["kind"] for thing in things)
    twins = [thing for thing in things if kinds[thing["kind"]] > 1]
    if group in ("relative-size", "colour") or (group == "left-right" and rng.random() < 0.85):
        things = twins
    return (str(rng.choice([thing["id"] for thing in things])),) if things else ()


def _several(things: list[dict], rng: np.random.Generator) -> tuple[str, ...]:
    """All of a kind, all of a colour, or just two."""
    sets = {tuple(t["id"] for t in things if t[key] == thing[key]) for thing in things for key in ("kind", "colour")}
    alike = sorted(ids for ids in sets if len(ids) > 1)
    if alike and rng.random() < 0.75:
        return alike[rng.integers(len(alike))]
    return tuple(str(id) for id in rng.permutation([thing["id"] for thing in things])[:2]) if len(things) > 1 else ()


def _may_be(kind: str, table: str, split: str) -> tuple[str, ...]:
    """Colours in which a kind may be in an after-picture: those of the split, and in test scenes all."""
    return colours_of(kind) if split == "test" else allowed(table, split).get(kind, ())


def _new_colours(things: list[Object], table: str, split: str) -> list[str]:
    common = set.intersection(*(set(_may_be(thing.kind, table, split)) for thing in things))
    return sorted(common - {thing.colour for thing in things})


def _new_kind(scene: Scene, split: str, avoid: set[str], rng: np.random.Generator) -> tuple[str, str] | None:
    """Kind and colour of a new object, of a kind that is not to be avoided."""
    kinds = [kind for kind in KINDS if kind not in avoid and _may_be(kind, scene.table, split)]
    if not kinds:
        return None
    kind = str(rng.choice(kinds))
    return kind, pick_colour(kind, _may_be(kind, scene.table, split), rng)


def new_object(things: list[Object], scene: Scene, split: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """What may stand in the place of the things: of another kind than all in the scene, and not too large for it."""
    avoid = {thing.kind for thing in scene.objects}
    for _ in range(8):
        new = _new_kind(scene, split, avoid, rng)
        if new is None:
            return None
        tried = (replace(thing, kind=new[0], size=min(max(thing.size, 0.8), 1.25)) for thing in things)
        if all(placing.stands_free(scene, thing, thing.x, thing.z, most_hidden=0.5) for thing in tried):
            return new
        avoid = avoid | {new[0]}
    return None


def _somewhere(described: dict, but: tuple[str, ...], rng: np.random.Generator) -> tuple[str, str | None]:
    """A relation and its anchor: mostly another visible object, else a part of the table."""
    anchors = [thing["id"] for thing in _visible(described) if thing["id"] not in but]
    if anchors and rng.random() < 0.7:
        return str(rng.choice(list(BESIDE))), str(rng.choice(anchors))
    return str(rng.choice(list(PARTS))), None


def _addition(scene: Scene, described: dict, split: str, rng: np.random.Generator):
    new = _new_kind(scene, split, {thing.kind for thing in scene.objects}, rng)
    return new and edits.Add(*new, *_somewhere(described, (), rng))


def _setting_edit(op: str, scene: Scene, split: str, rng: np.random.Generator):
    if op == "light":
        return edits.Light(str(rng.choice([name for name in LIGHTS if name != scene.light])))
    if rng.random() < 0.5:
        return edits.Surface("wall", str(rng.choice([name for name in WALLS if name != scene.wall])))
    tables = [table for table in TABLES if table != scene.table and (split == "test" or in_split(scene, split, table))]
    return edits.Surface("table", str(rng.choice(tables))) if tables else None


def in_split(scene: Scene, split: str, table: str | None = None) -> bool:
    """Whether all objects, on the scene's table or another one and in the mirror, are combinations of the split."""
    things = scene.objects + (scene.reflected or ())
    return all(combination_split(thing.kind, thing.colour, table or scene.table) == split for thing in things)
