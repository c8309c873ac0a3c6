"""The places that words name: beside another object, or in a part of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from smartedit.errors import SceneError
from smartedit.world import checks, placing
from smartedit.world.scene import Object, Scene

#: Relations to another object, with the direction (x, z) that they point to.
BESIDE = {"left of": (-1.0, 0.0), "right of": (1.0, 0.0), "in front of": (0.0, 1.0), "behind": (0.0, -1.0)}
#: Parts of the table, with their middle (x, z).
PARTS = {
    "on the left": (-0.8, 0.1),
    "on the right": (0.8, 0.1),
    "in the middle": (0.0, 0.1),
    "at the front": (0.0, 0.75),
    "at the back": (0.0, -0.55),
}
#: How far beyond touching an object still stands "left of" another.
NEAR = 0.62

_SIDE_X, _MIDDLE_X, _MIDDLE_Z, _FRONT_Z, _BACK_Z = 0.45, 0.3, (-0.3, 0.5), 0.5, -0.3


def require_relation(scene: Scene, relation: str, anchor: str | None) -> None:
    """Raise SceneError unless this relation exists and its anchor stands in the scene."""
    names, what = (PARTS, "place") if anchor is None else (BESIDE, "relation to an anchor")
    checks.require_known(relation, names, what)
    if anchor is not None and anchor not in [o.id for o in scene.objects]:
        raise SceneError(f"there is no {anchor} in this scene; it has {checks.listed(o.id for o in scene.objects)}")


def room(scene: Scene, thing: Object, relation: str, anchor: str | None) -> Iterator[placing.Place]:
    """All free places (x, z) for `thing` that the relation allows, the most natural first.

    Raises SceneError when there is none, or when `thing` already stands there.
    """
    wanted, ideal, where = _beside(scene[anchor], thing, relation) if anchor is not None else _part(relation)
    if any(o.id == thing.id for o in scene.objects) and wanted(thing.x, thing.z):
        raise SceneError(f"the {thing.kind} is already {where}")
    spots = placing.free_places(scene, thing, wanted, ideal, most_hidden=0.5)
    first = next(spots, None)
    if first is None:
        raise SceneError(f"there is no room {where} for {checks.article(thing.kind)}; choose another place")
    return chain([first], spots)


def _beside(anchor: Object, thing: Object, relation: str) -> tuple[Callable, placing.Place, str]:
    touch = placing.footprint(anchor) + placing.footprint(thing)
    along_x, along_z = BESIDE[relation]

    def wanted(x: float, z: float) -> bool:
        ahead = (x - anchor.x) * along_x + (z - anchor.z) * along_z
        aside = (x - anchor.x) * along_z + (z - anchor.z) * along_x
        return 0.6 * touch < ahead < touch + NEAR and abs(aside) < min(0.3, 0.7 * ahead)

    away = touch + 0.12
    ideal = (anchor.x + away * along_x, anchor.z + away * along_z)
    names = {"left of": "to the left of", "right of": "to the right of"}
    return wanted, ideal, f"{names.get(relation, relation)} the {anchor.kind}"


def _part(relation: str) -> tuple[Callable, placing.Place, str]:
    tests = {
        "on the left": lambda x, z: x < -_SIDE_X,
        "on the right": lambda x, z: x > _SIDE_X,
        "in the middle": lambda x, z: abs(x) < _MIDDLE_X and _MIDDLE_Z[0] < z < _MIDDLE_Z[1],
        "at the front": lambda x, z: z > _FRONT_Z,
        "at the back": lambda x, z: z < _BACK_Z,
    }
    return tests[relation], PARTS[relation], relation
