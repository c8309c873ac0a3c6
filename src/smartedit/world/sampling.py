"""Random scenes, each a pure function of its seed; the seed also says to which split a scene belongs.

Compositions: "free" (different kinds), "twins" (two of one kind that differ in colour, size or only in side, and
others), "family" (three of a kind, and others), "mirror" (objects before a wall mirror that shows them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from smartedit.errors import SceneError
from smartedit.world import placing
from smartedit.world.checks import colours_of, require_known
from smartedit.world.edits import free_id, usual_object
from smartedit.world.objects import KINDS
from smartedit.world.scene import Camera, Mirror, Object, Scene
from smartedit.world.splits import SEEDS, combination_split, split_of_seed
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

#: Composition -> how often it is drawn.
COMPOSITIONS = {"free": 0.28, "twins": 0.42, "family": 0.13, "mirror": 0.17}

#: How often the light is the first of `LIGHTS`.
DAYLIGHT = 0.7

#: Before a mirror the camera takes in more of the wall; else it looks further down, so that little is hidden.
_MIRROR_CAMERA = Camera(eye=(0.0, 1.9, 3.9), target=(0.0, 0.3, -0.1), spread=0.345)
_CAMERA = Camera(eye=(0.0, 2.15, 3.9), target=(0.0, 0.24, 0.1), spread=0.32)

_Cast = list[tuple[str, str, float]]  # kind, colour, size of each object to place


def sample_scene(seed: int, composition: str | None = None) -> Scene:
    """The scene of a seed, with a given composition or one that the seed draws.

    Raises SceneError for an unknown composition or a seed that belongs to no split.
    """
    if not 0 <= seed < SEEDS["test"].stop:
        raise SceneError(f"there is no scene {seed}; seeds run from 0 to {SEEDS['test'].stop - 1}")
    if composition is not None:
        require_known(composition, COMPOSITIONS, "composition")
    rng = np.random.default_rng([seed, 0 if composition is None else 1 + list(COMPOSITIONS).index(composition)])
    name = composition or str(rng.choice(list(COMPOSITIONS), p=list(COMPOSITIONS.values())))
    while True:
        setting = _setting(seed, rng, mirror=name == "mirror")
        scene = _filled(setting, *_cast(name, setting.table, split_of_seed(seed), rng), rng)
        if scene is not None:
            return scene


def _setting(seed: int, rng: np.random.Generator, mirror: bool) -> Scene:
    """An empty scene: table, wall, light, camera and, where wanted, the mirror."""
    lights = list(LIGHTS)
    light = lights[0] if rng.random() < DAYLIGHT else str(rng.choice(lights[1:]))
    camera = _jittered(_MIRROR_CAMERA if mirror else _CAMERA, rng)
    table, wall = str(rng.choice(list(TABLES))), str(rng.choice(list(WALLS)))
    return Scene(seed, (), table, wall, light, camera, _mirror(rng) if mirror else None)


def _jittered(camera: Camera, rng: np.random.Generator) -> Camera:
    """The camera moved by as much as a hand would."""
    jitter = rng.uniform(-1, 1, 6) * (0.15, 0.12, 0.1, 0.06, 0.03, 0.008)
    eye = tuple(float(v) for v in np.add(camera.eye, jitter[:3]).round(4))
    target = tuple(float(v) for v in np.add(camera.target, (jitter[3], jitter[4], 0)).round(4))
    return Camera(eye, target, round(camera.spread + float(jitter[5]), 4))


def _mirror(rng: np.random.Generator) -> Mirror:
    x, y, width, height = (float(v) for v in rng.uniform((-0.25, 0.68, 2.2, 1.0), (0.25, 0.76, 2.7, 1.2)).round(3))
    return Mirror(x, y, width, height)


@cache
def allowed(table: str, split: str) -> dict[str, tuple[str, ...]]:
    """Kind -> the colours in which it may stand on this table in scenes of this split."""
    colours = {kind: tuple(c for c in colours_of(kind) if combination_split(kind, c, table) == split) for kind in KINDS}
    return {kind: names for kind, names in colours.items() if names}


def pick_colour(kind: str, colours: tuple[str, ...], rng: np.random.Generator) -> str:
    """One of the colours; natural ones of the kind are three times as likely as others."""
    weights = np.array([3.0 if colour in KINDS[kind].colours else 1.0 for colour in colours])
    return str(rng.choice(colours, p=weights / weights.sum()))


def _size(rng: np.random.Generator) -> float:
    return round(float(rng.uniform(0.7, 1.2)), 3)


def _cast(name: str, table: str, split: str, rng: np.random.Generator) -> tuple[_Cast, _Cast]:
    """Who must be in the scene, and who may be where there is room."""
    options = allowed(table, split)
    stars = {"twins": _twins, "family": _family}.get(name, lambda options, rng: [])(options, rng)
    few, most = {"free": (2, 5), "twins": (0, 3), "family": (0, 1), "mirror": (1, 3)}[name]
    rest = [kind for kind in options if kind not in {star[0] for star in stars}]
    extras = rng.permutation(rest)[: rng.integers(few, most + 1)]
    others = [(str(kind), pick_colour(kind, options[kind], rng), _size(rng)) for kind in extras]
    return stars + others[:few], others[few:]


def _twins(options: dict, rng: np.random.Generator) -> _Cast:
    """Two of one kind: of two colours, or of two sizes, or alike but for where they stand."""
    difference = str(rng.choice(["colour", "size", "size and colour", "side"], p=[0.34, 0.34, 0.12, 0.2]))
    kinds = [kind for kind in options if "colour" not in difference or len(options[kind]) > 1] or list(options)
    kind = str(rng.choice(kinds))
    first = pick_colour(kind, options[kind], rng)
    others = tuple(colour for colour in options[kind] if colour != first)
    second = pick_colour(kind, others, rng) if "colour" in difference and others else first
    size = float(rng.uniform(0.85, 1.1))
    if "size" in difference:
        small = float(rng.uniform(0.66, 0.8))
        return [(kind, first, round(small, 3)), (kind, second, round(small * float(rng.uniform(1.5, 1.75)), 3))]
    return [(kind, first, round(size, 3)), (kind, second, round(size * float(rng.uniform(0.95, 1.05)), 3))]


def _family(options: dict, rng: np.random.Generator) -> _Cast:
    """Three of a kind, in one colour or in several."""
    kind = str(rng.choice(list(options)))
    colour = pick_colour(kind, options[kind], rng)
    mixed = rng.random() < 0.5
    size = float(rng.uniform(0.75, 1.0))
    colours = [pick_colour(kind, options[kind], rng) if mixed else colour for _ in range(3)]
    return [(kind, colour, round(size * float(rng.uniform(0.9, 1.1)), 3)) for colour in colours]


def _filled(scene: Scene, needed: _Cast, welcome: _Cast, rng: np.random.Generator) -> Scene | None:
    """The scene with its cast placed, the largest first; None when no place is found for one that is needed."""
    for member in sorted(needed, key=lambda one: -one[2] * KINDS[one[0]].radius) + welcome:
        kind, colour, size = member
        thing = _posed(usual_object(kind, colour, free_id(kind, [o.id for o in scene.objects])), size, rng)
        tried = (replace(thing, x=x, z=z) for x, z in _spots(rng))
        placed = next((one for one in tried if _fits(scene, one)), None)
        if placed is not None:
            scene = scene.with_objects((*scene.objects, placed))
        elif member in needed:
            return None
    return scene


def _posed(thing: Object, size: float, rng: np.random.Generator) -> Object:
    """An object with random material, turn and proportions."""
    material = thing.material if thing.material == "metal" else str(rng.choice(KINDS[thing.kind].materials))
    yaw = round(float(rng.normal(0.0, 0.45)), 3)
    shape = tuple(float(p) for p in rng.uniform(-0.8, 0.8, 3).round(3))
    return replace(thing, size=size, yaw=yaw, material=material, proportions=shape)


def _spots(rng: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Random places to try."""
    low, high = (-placing.SIDE, placing.BACK), (placing.SIDE, placing.FRONT)
    yield from ((float(x), float(z)) for x, z in rng.uniform(low, high, (120, 2)).round(3))


def _fits(scene: Scene, thing: Object) -> bool:
    """Whether the object may stand there, clear enough of its twins' sides, and seen in the mirror where one hangs."""
    if not placing.stands_free(scene, thing, thing.x, thing.z):
        return False
    if scene.mirror is not None and not placing.seen_in_mirror(scene, thing):
        return False
    return all(abs(o.x - thing.x) > 0.3 for o in scene.objects if o.kind == thing.kind)
