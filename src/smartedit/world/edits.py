"""Edits of a scene as plain data.

Every edit can `check(scene)` (SceneError in words when it makes no sense), `apply(scene) -> Scene`, and list
`alternatives(scene, n) -> list[Scene]`: up to n scenes that are all right answers, the applied one first. Edits whose
answer is fixed by the words have one alternative. `mirror=True` changes only what the mirror shows.

What an instruction leaves unsaid is the usual thing: a new object is a normal one of its kind, and a replaced object
gives its place to the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from zlib import crc32

import numpy as np

from smartedit.errors import SceneError
from smartedit.world import checks, placing
from smartedit.world.objects import KINDS
from smartedit.world.relations import require_relation, room
from smartedit.world.scene import Object, Scene
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

#: Sizes that an object may have after an edit.
SMALLEST, LARGEST = 0.45, 1.9


class _Edit:
    """What all edits share."""

    def check(self, scene: Scene) -> None:
        """Raise SceneError, which says why in words, when the edit makes no sense for the scene."""
        raise NotImplementedError

    def apply(self, scene: Scene) -> Scene:
        """The edited scene; SceneError as in `check`."""
        raise NotImplementedError

    def alternatives(self, scene: Scene, n: int) -> list[Scene]:
        """Up to n scenes that are all right answers, the applied one first."""
        return [self.apply(scene)][:n]


@dataclass(frozen=True)
class _Targeted(_Edit):
    targets: tuple[str, ...]

    def _shown(self, scene: Scene) -> dict[str, Object]:
        """The targets by id, where this edit changes them: on the table, or in the mirror."""
        mirror = getattr(self, "mirror", False)
        if mirror and scene.mirror is None:
            raise SceneError("there is no mirror in this scene; leave mirror out to edit the objects themselves")
        there = {o.id: o for o in (scene.shown_in_mirror if mirror else scene.objects)}
        if not self.targets or len(set(self.targets)) < len(self.targets):
            raise SceneError("an edit needs at least one target, each named once; give an id or a list of ids")
        for target in self.targets:
            if target not in there:
                where = "the mirror" if mirror else "this scene"
                raise SceneError(f"there is no {target} in {where}; it has {checks.listed(there)}")
        return {target: there[target] for target in self.targets}


@dataclass(frozen=True)
class Remove(_Targeted):
    """Take the targets away."""

    mirror: bool = False

    def check(self, scene: Scene) -> None:
        self._shown(scene)

    def apply(self, scene: Scene) -> Scene:
        return rewrite(scene, dict.fromkeys(self._shown(scene)), mirror=self.mirror)


@dataclass(frozen=True)
class Replace(_Targeted):
    """Put an object of `kind` and `colour` in the place of each target."""

    kind: str
    colour: str
    mirror: bool = False

    def check(self, scene: Scene) -> None:
        checks.require_known(self.kind, KINDS, "kind of object")
        checks.require_colour(self.kind, self.colour)
        for thing in self._shown(scene).values():
            if (thing.kind, thing.colour) == (self.kind, self.colour):
                raise SceneError(f"{thing.id} is already {checks.article(f'{self.colour} {self.kind}')}")

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        changes: dict[str, Object | None] = {}
        for old in self._shown(scene).values():
            taken = [o.id for o in scene.objects + scene.shown_in_mirror] + [o.id for o in changes.values() if o]
            new = usual_object(self.kind, self.colour, free_id(self.kind, taken))
            changes[old.id] = replace(new, x=old.x, z=old.z, size=min(max(old.size, 0.8), 1.25))
        return rewrite(scene, changes, mirror=self.mirror)


@dataclass(frozen=True)
class Recolour(_Targeted):
    """Give the targets another colour."""

    colour: str
    mirror: bool = False

    def check(self, scene: Scene) -> None:
        things = self._shown(scene).values()
        for thing in things:
            checks.require_colour(thing.kind, self.colour)
        if all(thing.colour == self.colour for thing in things):
            raise SceneError(f"the {checks.listed(t.kind for t in things)} is already {self.colour}")

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        changes = {id: replace(thing, colour=self.colour) for id, thing in self._shown(scene).items()}
        return rewrite(scene, changes, mirror=self.mirror)


@dataclass(frozen=True)
class Resize(_Targeted):
    """Make the targets `factor` times as large."""

    factor: float

    def check(self, scene: Scene) -> None:
        if not (isfinite(self.factor) and 0.3 <= self.factor <= 3 and abs(self.factor - 1) > 0.05):
            raise SceneError(f"the factor {self.factor} does not fit; give one between 0.3 and 3, other than 1")
        for thing in self._shown(scene).values():
            size = thing.size * self.factor
            if not SMALLEST <= size <= LARGEST:
                extreme = "small" if self.factor < 1 else "large"
                raise SceneError(f"the {thing.kind} would be too {extreme}; choose a factor nearer to 1")
        after = self._resized(scene)
        for thing in (after[id] for id in self.targets):
            if self.factor > 1 and not placing.stands_free(after, thing, thing.x, thing.z, most_hidden=0.6):
                raise SceneError(f"there is no room for so large a {thing.kind}; choose a smaller factor")

    def _resized(self, scene: Scene) -> Scene:
        things = self._shown(scene).items()
        return rewrite(scene, {id: replace(thing, size=round(thing.size * self.factor, 4)) for id, thing in things})

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        return self._resized(scene)


@dataclass(frozen=True)
class Move(_Targeted):
    """Put the one target elsewhere: `relation` to the object `anchor`, or to the table when `anchor` is None."""

    relation: str
    anchor: str | None = None

    def check(self, scene: Scene) -> None:
        self._rooms(scene)

    def _rooms(self, scene: Scene) -> Iterator[placing.Place]:
        things = list(self._shown(scene).values())
        if len(things) != 1:
            raise SceneError("only one object can be moved at a time; name one target")
        require_relation(scene, self.relation, self.anchor)
        if self.anchor == things[0].id:
            raise SceneError(f"{self.anchor} cannot be moved relative to itself; name another anchor")
        return room(scene, things[0], self.relation, self.anchor)

    def alternatives(self, scene: Scene, n: int) -> list[Scene]:
        spots = placing.spread_places(self._rooms(scene), n)
        thing = scene[self.targets[0]]
        return [rewrite(scene, {thing.id: replace(thing, x=x, z=z)}) for x, z in spots]

    def apply(self, scene: Scene) -> Scene:
        return self.alternatives(scene, 1)[0]


@dataclass(frozen=True)
class Add(_Edit):
    """Put a new object of `kind` and `colour` on the table, placed as in `Move`."""

    kind: str
    colour: str
    relation: str
    anchor: str | None = None

    def check(self, scene: Scene) -> None:
        self._rooms(scene)

    def _rooms(self, scene: Scene) -> tuple[Object, Iterator[placing.Place]]:
        checks.require_known(self.kind, KINDS, "kind of object")
        checks.require_colour(self.kind, self.colour)
        require_relation(scene, self.relation, self.anchor)
        if len(scene.objects) >= checks.MOST_OBJECTS:
            raise SceneError("the table is full; remove something first")
        taken = [o.id for o in scene.objects + scene.shown_in_mirror]
        new = usual_object(self.kind, self.colour, free_id(self.kind, taken))
        return new, room(scene, new, self.relation, self.anchor)

    def alternatives(self, scene: Scene, n: int) -> list[Scene]:
        new, spots = self._rooms(scene)
        rng = np.random.default_rng([scene.seed, crc32(repr(self).encode())])
        spots = placing.spread_places(spots, n)
        scenes = []
        for i in range(n):
            x, z = spots[i % len(spots)]
            thing = replace(new if i == 0 else _varied(new, rng), x=x, z=z)
            if i == 0 or placing.stands_free(scene, thing, x, z, most_hidden=0.5):
                scenes.append(rewrite(scene, {}, added=(thing,)))
        return scenes

    def apply(self, scene: Scene) -> Scene:
        return self.alternatives(scene, 1)[0]


@dataclass(frozen=True)
class Surface(_Edit):
    """Another surface for the `part` "table" or "wall"."""

    part: str
    to: str

    def check(self, scene: Scene) -> None:
        checks.require_known(self.part, ("table", "wall"), "part of the scene")
        checks.require_known(self.to, TABLES if self.part == "table" else WALLS, f"{self.part} surface")
        if getattr(scene, self.part) == self.to:
            raise SceneError(f"the {self.part} is already {self.to}")

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        return replace(scene, **{self.part: self.to})


@dataclass(frozen=True)
class Light(_Edit):
    """Another light."""

    to: str

    def check(self, scene: Scene) -> None:
        checks.require_known(self.to, LIGHTS, "light")
        if scene.light == self.to:
            raise SceneError(f"the light is already {self.to}")

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        return replace(scene, light=self.to)


#: Colours for painting, as published: name -> 8-bit RGB.
PAINTS = {
    "red": (255, 0, 0),
    "purple": (128, 0, 128),
    "blue": (0, 0, 255),
    "green": (0, 128, 0),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
}


@dataclass(frozen=True)
class Paint(_Targeted):
    """Referring segmentation told as painting: the pixels of the targets are mixed half and half with a colour.

    It changes the picture, not the scene, so `apply` returns the scene itself.
    """

    colour: str
    mirror: bool = False

    def check(self, scene: Scene) -> None:
        checks.require_known(self.colour, PAINTS, "paint")
        self._shown(scene)

    def apply(self, scene: Scene) -> Scene:
        self.check(scene)
        return scene

    def paint(self, picture: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
        """A copy of the uint8 (H, W, 3) picture with the targets painted; masks: id -> bool (H, W)."""
        where = np.any([masks[target] for target in self.targets], axis=0)
        painted = picture.copy()
        painted[where] = (picture[where].astype(np.uint16) + np.array(PAINTS[self.colour], np.uint16)) // 2
        return painted


def rewrite(
    scene: Scene, changes: dict[str, Object | None], added: tuple[Object, ...] = (), mirror: bool = False
) -> Scene:
    """The scene with each object in `changes` exchanged (None: taken away) and `added` at the end.

    A mirror that already lies about some objects keeps lying about those and follows the table for the others.
    """
    shown = None
    if mirror:
        shown = _changed(scene.shown_in_mirror, changes) + added
    elif scene.reflected is not None:
        honest = {id: new for id, new in changes.items() if scene[id] in scene.reflected}
        shown = _changed(scene.reflected, honest) + added
    objects = scene.objects if mirror else _changed(scene.objects, changes) + added
    return replace(scene, objects=objects, reflected=shown)


def _changed(things: tuple[Object, ...], changes: dict[str, Object | None]) -> tuple[Object, ...]:
    news = (changes.get(thing.id, thing) for thing in things)
    return tuple(new for new in news if new is not None)


def usual_object(kind: str, colour: str, id: str) -> Object:
    """A normal object of its kind at the origin."""
    materials = KINDS[kind].materials
    material = "metal" if colour in ("silver", "gold") and "metal" in materials else materials[0]
    return Object(id, kind, colour, 0.0, 0.0, material=material)


def _varied(thing: Object, rng: np.random.Generator) -> Object:
    shape = tuple(float(p) for p in rng.uniform(-0.7, 0.7, 3).round(3))
    size, yaw = (float(v) for v in rng.uniform((0.85, -0.7), (1.2, 0.7)).round(3))
    return replace(thing, size=size, yaw=yaw, proportions=shape)


def free_id(kind: str, taken: list[str]) -> str:
    """The first of kind-1, kind-2, ... that is not taken."""
    number = 1
    while f"{kind}-{number}" in taken:
        number += 1
    return f"{kind}-{number}"


def changed_region(before: np.ndarray, after: np.ndarray, threshold: int = 6) -> np.ndarray:
    """Where two uint8 (H, W, 3) pictures differ by more than `threshold` in some channel: bool (H, W)."""
    return np.abs(before.astype(np.int16) - after.astype(np.int16)).max(axis=2) > threshold
