"""A scene in words and numbers, as written to `scene.json`."""

from __future__ import annotations

import json

import numpy as np

from smartedit.world.render import Rendered
from smartedit.world.scene import Scene

#: Below the first size an object is "small", from the second on "large", in between "medium".
SIZE_STEPS = (0.88, 1.15)


def size_word(size: float) -> str:
    """"small", "medium" or "large"."""
    return "small" if size < SIZE_STEPS[0] else "large" if size >= SIZE_STEPS[1] else "medium"


def describe(scene: Scene, rendered: Rendered) -> dict:
    """`scene.to_json()` plus what is seen of each object in the picture.

    Every object gains `size_word`, `visible` (pixels, as counted in a 256 x 256 picture whatever the size, so that
    "large enough to talk about" means the same everywhere), `box` ([x0, y0, x1, y1] in fractions of the picture, None
    when unseen), `mirror_visible` and `mirror_box` (the same of its mirror image). `picture_size` is the height in
    pixels. `Scene.from_json` reads the result.
    """
    data = json.loads(json.dumps(scene.to_json()))  # lists instead of tuples, as it will be read back
    data["picture_size"] = rendered.ids.shape[0]
    images = {thing.id: -k for k, thing in enumerate(scene.shown_in_mirror, 1)} if scene.mirror else {}
    for k, thing in enumerate(data["objects"], 1):
        thing["size_word"] = size_word(thing["size"])
        thing["visible"], thing["box"] = _seen(rendered.ids == k)
        thing["mirror_visible"], thing["mirror_box"] = 0, None
        if thing["id"] in images:
            thing["mirror_visible"], thing["mirror_box"] = _seen(rendered.ids == images[thing["id"]])
    return data


def _seen(mask: np.ndarray) -> tuple[int, list[float] | None]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, None
    high, wide = mask.shape
    box = (columns[0] / wide, rows[0] / high, (columns[-1] + 1) / wide, (rows[-1] + 1) / high)
    return round(mask.sum() * 256**2 / (high * wide)), [round(float(edge), 4) for edge in box]
