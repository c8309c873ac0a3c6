"""Scenes that are drawn for the vision tower alone: at the view's size, without edits, many times cheaper than pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from smartedit.data.cache import coverage, write_arrays
from smartedit.world.describe import describe
from smartedit.world.engine import in_order
from smartedit.world.render import render
from smartedit.world.sampling import sample_scene
from smartedit.world.splits import SEEDS

#: Scenes per shard.
SHARD = 256
#: How far behind the scenes of pairs these are in the training range.
BEHIND = len(SEEDS["train"]) // 2


def draw_scenes(out: Path, count: int, view_size: int, patch: int, processes: int | None = None, first: int = 0) -> int:
    """Add shards of `count` training scenes to a cache folder, if they are not there, by several processes (None: one a core);
    returns how many shards were added. Where the pairs beside them begin at another scene, `first`, these do too, to a shard."""
    out.mkdir(parents=True, exist_ok=True)
    numbers = [first // SHARD + number for number in range(-(-count // SHARD))]
    paths = [out / f"scenes-{number:05d}.npz" for number in numbers]
    starts = [SEEDS["train"][(BEHIND + number * SHARD) % len(SEEDS["train"])] for number in numbers]
    seeds = [range(start, start + SHARD) for start in starts]
    missing = [(path, some, view_size, patch) for path, some in zip(paths, seeds, strict=True) if not path.exists()]
    for _ in in_order(_draw_shard, iter(missing), processes if len(missing) > 1 else 1):
        pass
    return len(missing)


def _draw_shard(path: Path, seeds: range, view_size: int, patch: int) -> None:
    views, covers, told = [], [], []
    for scene in map(sample_scene, seeds):
        rendered = render(scene, view_size)
        views.append(rendered.picture.transpose(2, 0, 1))
        covers.append(coverage(rendered.ids, view_size // patch))
        told.append(describe(scene, rendered))
    path.with_suffix(".json").write_text(json.dumps({"scenes": told, "pairs": []}))
    write_arrays(path, view=np.stack(views), cover=np.stack(covers), scene=np.zeros(0, np.int32))
