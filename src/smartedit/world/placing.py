"""Where things may stand: inside the picture, apart from each other, and not hidden behind each other.

Everything here is geometry of footprints (discs on the table) and of upright boxes as the camera sees them; nothing is
rendered. Places are (x, z) in table units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from math import hypot

import numpy as np

from smartedit.world.objects import KINDS
from smartedit.world.scene import Camera, Mirror, Object, Scene
from smartedit.world.shading import WALL

#: Least distance between two footprints.
GAP = 0.05
#: Share of an object's box that a nearer one may cover.
MOST_HIDDEN = 0.34
#: The part of the table where things stand: x from -SIDE to SIDE, z from BACK to FRONT.
SIDE, BACK, FRONT = 1.45, -0.8, 1.0

_STEP = 0.08

#: (x0, y0, x1, y1) in fractions of the picture.
Box = tuple[float, float, float, float]
#: (x, z) on the table.
Place = tuple[float, float]


def footprint(thing: Object) -> float:
    """Radius of the disc an object occupies."""
    return KINDS[thing.kind].radius * thing.size


def height(thing: Object) -> float:
    """Height of an object above the table."""
    return KINDS[thing.kind].height * thing.size


@lru_cache(maxsize=64)
def _axes(camera: Camera) -> tuple[tuple[float, ...], ...]:
    """Unit vectors to the right, up and forward."""
    forward = np.subtract(camera.target, camera.eye)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right = right / np.linalg.norm(right)
    return tuple(tuple(map(float, axis)) for axis in (right, np.cross(right, forward), forward))


def project(camera: Camera, x: float, y: float, z: float) -> tuple[float, float]:
    """Where a world point is in the picture, in fractions: to the right, and down; (0.5, 0.5) is the centre."""
    ray = (x - camera.eye[0], y - camera.eye[1], z - camera.eye[2])
    right, up, forward = (ray[0] * axis[0] + ray[1] * axis[1] + ray[2] * axis[2] for axis in _axes(camera))
    scale = 0.5 / (max(forward, 1e-6) * camera.spread)
    return 0.5 + right * scale, 0.5 - up * scale


def screen_box(camera: Camera, thing: Object, x: float, z: float) -> Box:
    """Box (x0, y0, x1, y1) in fractions around an object standing at (x, z)."""
    r, h = footprint(thing), height(thing)
    sides = (project(camera, x - r, h / 2, z)[0], project(camera, x + r, h / 2, z)[0])
    ends = [project(camera, x, *point)[1] for point in ((0.0, z + r), (h, z), (0.0, z - r))]
    return sides[0], min(ends), sides[1], max(ends)


def hidden_share(box: Box, other: Box) -> float:
    """Share of `box` that `other` covers."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    tall = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(width, 0.0) * max(tall, 0.0) / area


def stands_free(scene: Scene, thing: Object, x: float, z: float, most_hidden: float = MOST_HIDDEN) -> bool:
    """Whether `thing` may stand at (x, z): in the picture, apart from all others of the scene, nothing badly hidden."""
    box = screen_box(scene.camera, thing, x, z)
    if min(box) < 0.015 or max(box) > 0.985:
        return False
    others = [o for o in scene.objects if o.id != thing.id]
    return all(_tolerates(scene.camera, thing, x, z, box, other, most_hidden) for other in others)


def _tolerates(camera, thing, x, z, box, other, most_hidden) -> bool:
    if hypot(x - other.x, z - other.z) < footprint(thing) + footprint(other) + GAP:
        return False
    seen = screen_box(camera, other, other.x, other.z)
    back, front = (box, seen) if z < other.z else (seen, box)
    return hidden_share(back, front) <= most_hidden


@lru_cache(maxsize=1)
def places() -> np.ndarray:
    """All grid places (n, 2) of the table."""
    x, z = np.meshgrid(np.arange(-SIDE, SIDE + 1e-9, _STEP), np.arange(BACK, FRONT + 1e-9, _STEP))
    return np.stack([x.ravel(), z.ravel()], axis=1).round(3)


def free_places(
    scene: Scene, thing: Object, wanted: Callable, ideal: Place, most_hidden: float = MOST_HIDDEN
) -> Iterator[Place]:
    """Free places (x, z) for which `wanted(x, z)` holds, those nearest to `ideal` first."""
    grid = np.vstack([np.round([ideal], 3), places()])
    order = np.argsort(np.hypot(grid[:, 0] - ideal[0], grid[:, 1] - ideal[1]), kind="stable")
    spots = ((float(x), float(z)) for x, z in grid[order])
    return (spot for spot in spots if wanted(*spot) and stands_free(scene, thing, *spot, most_hidden))


def spread_places(spots: Iterator[Place], n: int) -> list[Place]:
    """The first spot and up to n - 1 others, each as far as possible from those already chosen."""
    found = list(islice(spots, 1)) if n == 1 else list(spots)
    if len(found) <= n:
        return found
    points = np.array(found)
    chosen = [0]
    distance = np.hypot(*(points - points[0]).T)
    while len(chosen) < n:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.hypot(*(points - points[chosen[-1]]).T))
    return [found[i] for i in chosen]


def seen_in_mirror(scene: Scene, thing: Object) -> bool:
    """Whether the mirror of the scene shows an object, and no object stands before an image, once `thing` is there."""
    if not all(_in_frame(scene.camera, scene.mirror, thing, y * height(thing)) for y in (0.25, 0.95)):
        return False
    things = (*scene.objects, thing)
    boxes = [screen_box(scene.camera, one, one.x, one.z) for one in things]
    images = [screen_box(scene.camera, one, one.x, 2 * WALL - one.z) for one in things]
    return all(hidden_share(image, box) <= MOST_HIDDEN for image in images for box in boxes)


def _in_frame(camera: Camera, mirror: Mirror, thing: Object, y: float) -> bool:
    """Whether the mirror image of the point at height y of an object lies within the frame."""
    t = (WALL - camera.eye[2]) / (2 * WALL - thing.z - camera.eye[2])
    x, y = (eye + t * (place - eye) for eye, place in zip(camera.eye, (thing.x, y), strict=False))
    return abs(x - mirror.x) < mirror.width / 2 - 0.12 and abs(y - mirror.y) < mirror.height / 2 - 0.06
