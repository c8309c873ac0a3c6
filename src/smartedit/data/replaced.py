"""Things of shards with others in their place: only around these is anything painted, and they are cut out as a sprite draws them.

What comes in another's place is the usual thing of its kind and colour, so a few pictures of each are enough to learn to draw it. Where
it comes to stand is learned from the pairs of the shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

from smartedit.data.cache import REPLACED, read_png, shards_of, write_arrays
from smartedit.world.edit_json import edit_from_json
from smartedit.world.edits import Remove, Replace
from smartedit.world.engine import in_order
from smartedit.world.lexicon import NOUNS
from smartedit.world.placing import screen_box
from smartedit.world.proposals import new_object
from smartedit.world.render import repaint
from smartedit.world.scene import COLOURS, Object, Scene

#: Things of a scene in whose place others are put, and how many; how many pixels must be seen of one.
THINGS, OTHERS, SEEN = 2, 3, 100
#: How much larger a sprite is than the box of its thing, so that its edges lie around it.
AROUND = 1.1

_KINDS, _COLOURS = list(NOUNS), list(COLOURS)

#: Cuts squares at places (B, 3) out of pictures (B, 3, H, W), and measures masks (B, 1, H, W), as a sprite is drawn and placed by.
Cut = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Measure = Callable[[torch.Tensor], torch.Tensor]


def draw_replaced(shards: Path, out: Path, cut: Cut, measure: Measure, processes: int | None = None) -> int:
    """Add what comes in the place of things of every training shard to a cache folder; returns how many shards were added.

    Other processes must be able to import `cut` and `measure`. Of N that are drawn: `kind`, `colour` (N,), numbers of these; `place`
    (N, 3), middle and half of the side of the sprite, in -1 ... 1; `mean` (N, 3), colour of the whole picture before; `under`, `shown`
    (N, 3, c, c) uint8, without and with it. Of M pairs: `measures` (M, n) of what changes, kinds `was`, `comes` (M,), `stands` (M, 3),
    the place.
    """
    paths = [(path, out / f"{REPLACED}-{path.stem}.npz") for path in shards_of(shards)]
    missing = [(path, end, cut, measure) for path, end in paths if not end.exists()]
    for _ in in_order(_draw_shard, iter(missing), processes if len(missing) > 1 else 1):
        pass
    return len(missing)


def _draw_shard(path: Path, end: Path, cut: Cut, measure: Measure) -> None:
    rows = parquet.read_table(path, columns=["seed", "scene", "before", "mask", "op", "edit"]).to_pylist()
    drawn = [one for row in {row["seed"]: row for row in rows}.values() for one in _drawn(row, cut)]
    stands = [one for row in rows if row["op"] == "replace" for one in _stands(row, measure)]
    write_arrays(end, **_stacked(drawn), **_stacked(stands))


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.stack([row[key] for row in rows]) for key in (rows[0] if rows else ())}


def _drawn(row: dict, cut: Cut) -> list[dict[str, np.ndarray]]:
    """Some others in the place of some well seen things of a scene."""
    described, before = json.loads(row["scene"]), read_png(row["before"])[..., :3]
    scene, rng = Scene.from_json(described), np.random.default_rng([row["seed"], 19])
    seen = [thing["id"] for thing in described["objects"] if thing["visible"] >= SEEN]
    return [one for id in rng.permutation(seen)[:THINGS] for one in _others(scene, before, str(id), cut, rng)]


def _others(scene: Scene, before: np.ndarray, id: str, cut: Cut, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Some others in the place of one thing."""
    wanted = {new_object([scene[id]], scene, "train", rng) for _ in range(OTHERS)} - {None}
    scenes = [Replace((id,), *new).apply(scene) for new in sorted(wanted)]
    things = [_newcomer(scene, changed) for changed in scenes]
    places = [_place(scene, thing) for thing in things]
    squares = [_within(place, len(before)) for place in places]
    gone = repaint(Remove((id,)).apply(scene), before, np.logical_or.reduce(squares)) if squares else before
    mean = (before.mean((0, 1)) / 127.5 - 1).astype(np.float32)
    return [
        {
            "kind": np.array(_KINDS.index(thing.kind)),
            "colour": np.array(_COLOURS.index(thing.colour)),
            "place": place,
            "mean": mean,
            "under": _square(gone, place, cut),
            "shown": _square(repaint(changed, before, square), place, cut),
        }
        for changed, thing, place, square in zip(scenes, things, places, squares, strict=True)
    ]


def _stands(row: dict, measure: Measure) -> list[dict[str, np.ndarray]]:
    """Where the new thing of a pair stands; nothing where there are several, or images in the mirror."""
    edit, scene = edit_from_json(json.loads(row["edit"])), Scene.from_json(json.loads(row["scene"]))
    if edit.mirror or len(edit.targets) > 1:
        return []
    new = _newcomer(scene, edit.apply(scene))
    mask = torch.from_numpy(read_png(row["mask"]) > 0).float()[None, None]
    kinds = {"was": scene[edit.targets[0]].kind, "comes": new.kind}
    numbers = {key: np.array(_KINDS.index(kind)) for key, kind in kinds.items()}
    return [{"measures": measure(mask)[0].numpy(), **numbers, "stands": _place(scene, new)}]


def _newcomer(scene: Scene, changed: Scene) -> Object:
    return next(thing for thing in changed.objects if thing not in scene.objects)


def _place(scene: Scene, thing: Object) -> np.ndarray:
    """Middle (x, y) and half of the side of a square around a thing, in -1 ... 1."""
    left, top, right, bottom = screen_box(scene.camera, thing, thing.x, thing.z)
    return np.array([left + right - 1, top + bottom - 1, AROUND * max(right - left, bottom - top)], np.float32)


def _within(place: np.ndarray, side: int) -> np.ndarray:
    """The pixels, bool (side, side), of a square, and those beside them."""
    centres = (2 * np.arange(side) + 1) / side - 1
    across, down = (np.abs(centres - middle) <= place[2] + 4 / side for middle in place[:2])
    return down[:, None] & across[None, :]


def _square(picture: np.ndarray, place: np.ndarray, cut: Cut) -> np.ndarray:
    """The square of a picture uint8 (H, W, 3) at a place, uint8 (3, c, c)."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    return cut(x, torch.from_numpy(place)[None])[0].round().byte().numpy()
