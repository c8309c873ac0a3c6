"""Things of shards with others in their place: only around these is anything painted, and they are cut out as a sprite draws them.

What comes in another's place is the usual thing of its kind and colour, so a few pictures of each are enough to learn to draw it, and
where it comes to stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

from smartedit.data.asked import one_thing_words
from smartedit.data.cache import REPLACED, read_png, shards_of, write_arrays
from smartedit.world.edits import Remove, Replace
from smartedit.world.engine import in_order
from smartedit.world.lexicon import NOUNS
from smartedit.world.placing import project, screen_box
from smartedit.world.proposals import new_object
from smartedit.world.render import Rendered, object_masks, repaint
from smartedit.world.scene import COLOURS, Object, Scene
from smartedit.world.shards import IDS_OFFSET

#: Things of a scene in whose place others are put, and how many; how many pixels must be seen of one.
THINGS, OTHERS, SEEN = 2, 3, 100
#: How much larger a sprite is than the box of its thing, so that its edges lie around it.
AROUND = 1.1

#: Names of kinds and colours, by their numbers.
KINDS, _COLOURS = list(NOUNS), list(COLOURS)

#: Cuts squares at places (B, 3) out of pictures (B, 3, H, W), and measures masks (B, 1, H, W), as a sprite is drawn and placed by.
Cut = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Measure = Callable[[torch.Tensor], torch.Tensor]


def draw_replaced(shards: Path, out: Path, cut: Cut, measure: Measure, processes: int | None = None) -> int:
    """Add what comes in the place of things of every training shard to a cache folder; returns how many shards were added.

    Other processes must be able to import `cut` and `measure`. Of N that are drawn: `kind`, `colour` (N,), numbers of these; `place`
    (N, 3), middle and half of the side of the sprite, in -1 ... 1; `mean` (N, 3), colour of the whole picture before; `under`, `shown`
    (N, 3, c, c) uint8, without and with it; `was` (N,), number of the kind of the thing that was there, `stood` (N, 2), the point of
    the picture that it stood on, in -1 ... 1, and `measures` (N, n) of which pixels show it.
    """
    paths = [(path, out / f"{REPLACED}-{path.stem}.npz") for path in shards_of(shards)]
    missing = [(path, end, cut, measure) for path, end in paths if not end.exists()]
    for _ in in_order(_draw_shard, iter(missing), processes if len(missing) > 1 else 1):
        pass
    return len(missing)


def _draw_shard(path: Path, end: Path, cut: Cut, measure: Measure) -> None:
    rows = parquet.read_table(path, columns=["seed", "scene", "before", "region_ids"]).to_pylist()
    drawn = [one for row in {row["seed"]: row for row in rows}.values() for one in _drawn(row, cut, measure)]
    write_arrays(end, **{key: np.stack([one[key] for one in drawn]) for key in (drawn[0] if drawn else ())})


def _drawn(row: dict, cut: Cut, measure: Measure) -> list[dict[str, np.ndarray]]:
    """Some others in the place of some well seen things of a scene."""
    described, before = json.loads(row["scene"]), read_png(row["before"])[..., :3]
    scene, rng = Scene.from_json(described), np.random.default_rng([row["seed"], 19])
    masks = object_masks(scene, Rendered(before, read_png(row["region_ids"]).astype(int) - IDS_OFFSET))
    seen = [thing["id"] for thing in described["objects"] if thing["visible"] >= SEEN]
    chosen = [str(id) for id in rng.permutation(seen)[:THINGS]]
    places = {id: measure(torch.from_numpy(masks[id]).float()[None, None])[0].numpy() for id in chosen}
    return [one | {"measures": places[id]} for id in chosen for one in _others(scene, before, id, cut, rng)]


def _others(scene: Scene, before: np.ndarray, id: str, cut: Cut, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Some others in the place of one thing."""
    wanted = {new_object([scene[id]], scene, "train", rng) for _ in range(OTHERS)} - {None}
    scenes = [Replace((id,), *new).apply(scene) for new in sorted(wanted)]
    things = [_newcomer(scene, changed) for changed in scenes]
    places = [square_around(scene, thing) for thing in things]
    squares = [_within(place, len(before)) for place in places]
    gone = repaint(Remove((id,)).apply(scene), before, np.logical_or.reduce(squares)) if squares else before
    mean = (before.mean((0, 1)) / 127.5 - 1).astype(np.float32)
    return [
        {
            "was": np.array(KINDS.index(scene[id].kind)),
            "stood": stood_on(scene, scene[id]),
            "kind": np.array(KINDS.index(thing.kind)),
            "colour": np.array(_COLOURS.index(thing.colour)),
            "place": place,
            "mean": mean,
            "under": _square(gone, place, cut),
            "shown": _square(repaint(changed, before, square), place, cut),
        }
        for changed, thing, place, square in zip(scenes, things, places, squares, strict=True)
    ]


def ask_replaced(described: dict, rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray] | None:
    """A training instruction to put another in the place of a well seen thing of a scene, which nobody carries out; the place of that,
    (3,), and the point that the thing stands on, (2,). None where there is no such thing, or no words were found."""
    scene = Scene.from_json(described)
    seen = [thing["id"] for thing in described["objects"] if thing["visible"] >= SEEN]
    id = str(rng.choice(seen)) if seen else None
    new = id and new_object([scene[id]], scene, "train", rng)
    edit = new and Replace((id,), *new)
    words = edit and one_thing_words(described, edit, rng)
    return (words, square_around(scene, _newcomer(scene, edit.apply(scene))), stood_on(scene, scene[id])) if words else None


def _newcomer(scene: Scene, changed: Scene) -> Object:
    return next(thing for thing in changed.objects if thing not in scene.objects)


def square_around(scene: Scene, thing: Object) -> np.ndarray:
    """Middle (x, y) and half of the side of a square around a thing, in -1 ... 1."""
    left, top, right, bottom = screen_box(scene.camera, thing, thing.x, thing.z)
    return np.array([left + right - 1, top + bottom - 1, AROUND * max(right - left, bottom - top)], np.float32)


def stood_on(scene: Scene, thing: Object) -> np.ndarray:
    """The point (x, y) of the picture, in -1 ... 1, on which a thing stands."""
    return 2 * np.array(project(scene.camera, thing.x, 0.0, thing.z), np.float32) - 1


def _within(place: np.ndarray, side: int) -> np.ndarray:
    """The pixels, bool (side, side), of a square, and those beside them."""
    centres = (2 * np.arange(side) + 1) / side - 1
    across, down = (np.abs(centres - middle) <= place[2] + 4 / side for middle in place[:2])
    return down[:, None] & across[None, :]


def _square(picture: np.ndarray, place: np.ndarray, cut: Cut) -> np.ndarray:
    """The square of a picture uint8 (H, W, 3) at a place, uint8 (3, c, c)."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    return cut(x, torch.from_numpy(place)[None])[0].round().byte().numpy()
