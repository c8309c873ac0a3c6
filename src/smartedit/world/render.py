"""Paint a scene: picture and the id of what every pixel shows.

    rendered = render(scene)
    rendered.picture, rendered.ids, object_masks(scene, rendered)["cup-1"]

The same scene always gives the same bytes, and a pixel depends on nothing but what its rays, shadow rays and close
surroundings meet: change one object, and pixels out of reach of its shadow stay identical.

A mirror hangs on the wall, z = -1.9; about 1.6 wide, 0.9 high with its centre 0.75 above the table shows things well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartedit.errors import SceneError
from smartedit.world import march, shading, tracing
from smartedit.world.objects import rows_of
from smartedit.world.parts import ALPHA, COLUMNS, extent
from smartedit.world.scene import Camera, Scene
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS, Light, Surface

_CLEAR_SHARE = 0.6  # of the light goes through a glass object


@dataclass(frozen=True, eq=False)
class Rendered:
    """A painted scene.

    `picture` is uint8 (H, W, 3) sRGB. `ids` is int16 (H, W): 0 background, k where `scene.objects[k - 1]` is seen
    directly, -k where the mirror shows `scene.shown_in_mirror[k - 1]`.
    """

    picture: np.ndarray
    ids: np.ndarray


def render(scene: Scene, size: int = 256, samples: int = 2, device: str = "cpu") -> Rendered:
    """Paint `scene` as a square of `size` pixels; edges get `samples` squared rays a pixel.

    `device` is "cpu" (one core) or "cuda". Raises SceneError for unknown names, an impossible size or a missing GPU.
    """
    if size < 1 or samples < 1:
        raise SceneError(f"size {size} and samples {samples} must be at least 1; 256 and 2 are usual")
    arrays = scene_arrays(scene, size)
    colour = np.empty((size, size, 3), np.float64)
    ids = np.empty((size, size), np.int16)
    picture = np.empty((size, size, 3), np.uint8)
    if device == "cpu":
        everywhere = np.ones((size, size), bool)
        tracing.paint_all(size, samples, *arrays, everywhere, everywhere, colour, ids, picture)
    elif device == "cuda":
        from smartedit.world import cuda  # only here: numba's CUDA target takes long to load

        cuda.paint(size, samples, arrays, colour, ids, picture)
    else:
        raise SceneError(f"no device {device!r} to render on; use cpu or cuda")
    ids[abs(ids) >= tracing.FLAT] = 0
    return Rendered(picture, ids)


def repaint(scene: Scene, picture: np.ndarray, where: np.ndarray, samples: int = 2) -> np.ndarray:
    """The picture of `scene` where it is known, uint8 (H, H, 3), but for the pixels of `where`, bool (H, H): only these are
    painted, in a fraction of the time."""
    size = len(picture)
    near = grown(where)
    colour, ids, new = np.empty((size, size, 3), np.float64), np.empty((size, size), np.int16), picture.copy()
    tracing.paint_all(size, samples, *scene_arrays(scene, size), near, where, colour, ids, new)
    return new


def coloured_by(scene: Scene, rendered: Rendered, id: str) -> np.ndarray:
    """The pixels, bool (H, W), in which the colour of an object can be seen: its own, its mirror image's, those of glass
    things it may be behind, and their neighbours. What is thinner than a pixel may be missed in one."""
    shown = [(k, thing) for k, thing in enumerate(scene.objects, 1)]
    shown += [(-k, thing) for k, thing in enumerate(scene.shown_in_mirror, 1)] if scene.mirror else []
    wanted = [k for k, thing in shown if thing.id == id or (rows_of(thing)[:, ALPHA] < 1).any()]
    return grown(np.isin(rendered.ids, wanted))


def grown(where: np.ndarray) -> np.ndarray:
    """Pixels, bool (H, W), and all beside them."""
    wide = np.pad(where, 1)
    wide = wide[:-2] | wide[1:-1] | wide[2:]
    return wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]


def object_masks(scene: Scene, rendered: Rendered) -> dict[str, np.ndarray]:
    """Object id -> bool (H, W): where the object itself is seen. Objects out of sight have an empty mask."""
    return {thing.id: rendered.ids == k for k, thing in enumerate(scene.objects, start=1)}


def mirror_masks(scene: Scene, rendered: Rendered) -> dict[str, np.ndarray]:
    """Object id -> bool (H, W): where the mirror shows it. Empty without a mirror."""
    if scene.mirror is None:
        return {}
    return {thing.id: rendered.ids == -k for k, thing in enumerate(scene.shown_in_mirror, start=1)}


def scene_arrays(scene: Scene, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scene as the renderer's numbers: `parts` (n, COLUMNS), `things` (m, THING_COLUMNS), `room` (ROOM_SIZE,).

    `size` of the picture only sets how softly the lines of tables and walls are drawn.
    """
    shown = scene.objects
    mirrored = (0, len(shown))
    if scene.mirror is not None and scene.reflected is not None:
        shown = scene.objects + scene.reflected
        mirrored = (len(scene.objects), len(shown))
    rows = [rows_of(thing) for thing in shown]
    things = np.zeros((max(len(shown), 1), march.THING_COLUMNS))
    start = 0
    for k, row in enumerate(rows):
        number = k + 1 if k < len(scene.objects) else k + 1 - len(scene.objects)
        things[k] = _thing(row, start, number)
        start += len(row)
    parts = np.concatenate(rows) if rows else np.zeros((1, COLUMNS))
    return parts, things, _room(scene, mirrored, size)


def _thing(rows: np.ndarray, start: int, number: int) -> np.ndarray:
    low, high = extent(rows)
    clear = _CLEAR_SHARE if (rows[:, ALPHA] < 1).any() else 0.0
    return np.array([*low, *high, start, start + len(rows), number, clear])


def _room(scene: Scene, mirrored: tuple[int, int], size: int) -> np.ndarray:
    light: Light = _named(LIGHTS, scene.light, "light")
    table: Surface = _named(TABLES, scene.table, "table")
    wall: Surface = _named(WALLS, scene.wall, "wall")
    glass = scene.mirror
    hung = (0.0, 0.0, 0.0, 0.0) if glass is None else (glass.x, glass.y, glass.width / 2, glass.height / 2)
    flat = [(*f.first, *f.second, f.pattern, f.scale, f.shine, 0.0) for f in (table, wall)]
    room = [
        *_camera_axes(scene.camera), scene.camera.spread, 0, len(scene.objects), *mirrored,
        *light.direction, *light.sun, *light.sky, light.sharpness, light.pool,
        *flat[0], *flat[1], *hung, *table.mean, *wall.mean, scene.camera.spread / size,
    ]  # fmt: skip
    return np.array(room, dtype=np.float64)


def _named(names: dict, name: str, what: str):
    if name not in names:
        raise SceneError(f"no {what} called {name!r}; choose from {', '.join(names)}")
    return names[name]


def _camera_axes(camera: Camera) -> tuple[float, ...]:
    eye = np.array(camera.eye, dtype=float)
    forward = np.array(camera.target, dtype=float) - eye
    length = np.linalg.norm(forward)
    if not length > 0 or abs(forward[1]) > 0.999 * length or eye[1] <= 0 or eye[2] <= shading.WALL:
        raise SceneError(
            "the camera must stand above the table, before the wall, and look neither straight up nor down"
        )
    forward /= length
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    return (*eye, *forward, *right, *np.cross(right, forward))
