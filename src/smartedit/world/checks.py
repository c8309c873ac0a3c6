"""Is this name known, is this scene sound? Answers in words, as SceneError."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite

from smartedit.errors import SceneError
from smartedit.world.objects import KINDS
from smartedit.world.scene import COLOURS, MATERIALS, Object, Scene
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

#: A scene with more objects than this is refused: the renderer is for still lifes.
MOST_OBJECTS = 24


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    names = list(names)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"


def require_known(name: object, names: Iterable[str], what: str) -> None:
    """Raise SceneError, naming the near ones, unless `name` is one of `names`."""
    names = list(names)
    if name in names:
        return
    near = get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    raise SceneError(f"unknown {what} {str(name)[:40]!r}; {hint}")


def colours_of(kind: str) -> tuple[str, ...]:
    """All colours that an object of this kind may have, the natural ones first."""
    natural = KINDS[kind].colours
    return natural + tuple(c for c in COLOURS if c not in natural) if KINDS[kind].repaint else natural


def require_colour(kind: str, colour: object) -> None:
    """Raise SceneError unless objects of this kind come in this colour."""
    require_known(colour, COLOURS, "colour")
    if colour not in colours_of(kind):
        raise SceneError(f"{article(kind)} cannot be {colour}; it can be {' or '.join(colours_of(kind))}")


def article(words: str) -> str:
    """`an apple`, `a mug`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def check_scene(scene: Scene) -> Scene:
    """The scene itself when it can be rendered, else SceneError: for scenes that come from files."""
    if not 0 <= scene.seed < 2**63:
        raise SceneError(f"the seed {scene.seed} is out of range in this scene; write one with: smartedit world sample")
    require_known(scene.table, TABLES, "table surface")
    require_known(scene.wall, WALLS, "wall surface")
    require_known(scene.light, LIGHTS, "light")
    if len(scene.objects) > MOST_OBJECTS or len(scene.reflected or ()) > MOST_OBJECTS:
        raise SceneError(f"the scene has {len(scene.objects)} objects; at most {MOST_OBJECTS} can be drawn")
    for things in (scene.objects, scene.reflected or ()):
        _check_objects(things)
    _check_camera(scene)
    return scene


def _check_objects(things: tuple[Object, ...]) -> None:
    ids = [thing.id for thing in things]
    for thing in things:
        if ids.count(thing.id) > 1:
            raise SceneError(f"two objects are called {thing.id!r}; give each its own id")
        require_known(thing.kind, KINDS, "kind of object")
        require_colour(thing.kind, thing.colour)
        require_known(thing.material, MATERIALS, "material")
        if len(thing.proportions) != 3:
            raise SceneError(f"{thing.id} has {len(thing.proportions)} proportions; give three")
        _within(thing.id, "x and z", (thing.x, thing.z), 10)
        _within(thing.id, "yaw", (thing.yaw,), 100)
        _within(thing.id, "proportions", thing.proportions, 1)
        _within(thing.id, "size", (thing.size - 1.5,), 1.2)


def _check_camera(scene: Scene) -> None:
    camera, mirror = scene.camera, scene.mirror
    _within("the camera", "eye and target", (*camera.eye, *camera.target), 20)
    _within("the camera", "spread", (camera.spread - 1,), 0.95)
    if (len(camera.eye), len(camera.target)) != (3, 3):
        raise SceneError("the camera needs three numbers each for eye and target")
    if max(abs(camera.eye[i] - camera.target[i]) for i in (0, 2)) < 0.01 or camera.eye[1] <= 0:
        raise SceneError("the camera must stand above the table and not look straight down")
    if mirror is not None:
        _within("the mirror", "x, y, width and height", (mirror.x, mirror.y, mirror.width, mirror.height), 10)


def _within(who: str, what: str, numbers: tuple[float, ...], limit: float) -> None:
    if not all(isfinite(number) and abs(number) <= limit for number in numbers):
        raise SceneError(f"{what} of {who} are out of range in this scene; write one with: smartedit world sample")
