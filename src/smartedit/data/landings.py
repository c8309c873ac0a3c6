"""Things put beside others, or in a part of the table, which nobody paints: where they come to stand is geometry alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

from smartedit.data.asked import words_of
from smartedit.data.cache import LANDINGS, read_png, shards_of, write_arrays
from smartedit.data.replaced import KINDS, Measure, square_around, stood_on
from smartedit.errors import SceneError
from smartedit.world.engine import in_order
from smartedit.world.proposals import groups_of, possible_groups, propose, weighted
from smartedit.world.relations import BESIDE, PARTS
from smartedit.world.render import Rendered, object_masks
from smartedit.world.scene import Scene
from smartedit.world.shards import IDS_OFFSET

#: Additions and moves that are thought of in every scene.
EACH = 4
#: What words can say about where something is put.
RELATIONS = [*BESIDE, *PARTS]

_OPS = ("add", "move")


def draw_landings(shards: Path, out: Path, measure: Measure, processes: int | None = None) -> int:
    """Add landings in the scenes of every training shard to a cache folder; returns how many shards were added.

    Other processes must be able to import `measure`. Of N landings: `moved` bool (N,), which are of things that are there already;
    `kind`, `relation` (N,), numbers of what lands and of how that is put; `beside`, `meant` (N, n), measures of which pixels show
    beside what, and, of those moved, what; `lands`, `half` (N, 3), (N, 1) as in `Landed`.
    """
    paths = [(path, out / f"{LANDINGS}-{path.stem}.npz") for path in shards_of(shards)]
    missing = [(path, end, measure) for path, end in paths if not end.exists()]
    for _ in in_order(_draw_shard, iter(missing), processes if len(missing) > 1 else 1):
        pass
    return len(missing)


def _draw_shard(path: Path, end: Path, measure: Measure) -> None:
    rows = parquet.read_table(path, columns=["seed", "scene", "region_ids"]).to_pylist()
    drawn = [one for row in {row["seed"]: row for row in rows}.values() for one in _landings(row, measure)]
    write_arrays(end, **{key: np.stack([one[key] for one in drawn]) for key in (drawn[0] if drawn else ())})


def _landings(row: dict, measure: Measure) -> list[dict[str, np.ndarray]]:
    described, rng, found = json.loads(row["scene"]), np.random.default_rng([row["seed"], 23]), []
    scene, ids = Scene.from_json(described), read_png(row["region_ids"]).astype(int) - IDS_OFFSET
    masks = object_masks(scene, Rendered(np.zeros((*ids.shape, 3), np.uint8), ids))
    for op in _OPS * EACH:
        if (thought := _thought_of(described, scene, op, rng)) is None:
            continue
        edit, (lands, half) = thought[1:]
        shown = {"beside": edit.anchor, "meant": edit.targets[0] if op == "move" else None}
        seen = (masks[id] if id else np.zeros(ids.shape, bool) for id in shown.values())
        measures = (measure(torch.from_numpy(mask).float()[None, None])[0].numpy() for mask in seen)
        kind = scene[edit.targets[0]].kind if op == "move" else edit.kind
        numbers = {"moved": op == "move", "kind": KINDS.index(kind), "relation": RELATIONS.index(edit.relation)}
        found.append({key: np.array(value) for key, value in numbers.items()} | {"lands": lands, "half": half})
        found[-1] |= dict(zip(shown, measures, strict=True))
    return found


def ask_landing(described: dict, rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray, np.ndarray] | None:
    """A training instruction to add something to a scene or move something in it, which nobody carries out; whether something is moved,
    (1,), where it lands (3,) and half of its side there (1,), as in `Landed`. None where there is no room, or no words were found."""
    scene, op = Scene.from_json(described), str(rng.choice(_OPS))
    thought = _thought_of(described, scene, op, rng)
    words = thought and words_of(described, thought[1], thought[0], rng)
    return (words, np.array([op == "move"]), *thought[2]) if words else None


def _thought_of(described: dict, scene: Scene, op: str, rng: np.random.Generator):
    """An addition or a move of the training split: its group, the edit, and where that lets it land."""
    groups = {group: weight for group, weight in possible_groups(described).items() if group in groups_of(op)}
    group = weighted(groups, rng) if groups else None
    edit = group and propose(op, group, scene, described, "train", rng)
    try:
        return (group, edit, _lands(scene, edit.apply(scene))) if edit else None
    except SceneError:  # there is no room
        return None


def _lands(scene: Scene, after: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Where the one thing that is new, or elsewhere, in `after` has landed, and half of its side, as in `Landed`."""
    new = next(thing for thing in after.objects if thing not in scene.objects)
    place = square_around(after, new)
    old = [thing for thing in scene.objects if thing.id == new.id]
    if old:
        return np.append(stood_on(after, new), place[2] / square_around(scene, old[0])[2]).astype(np.float32), place[2:]
    return place, place[2:]
