"""Scenes of shards in other light, on other tables, before other walls: any two pictures of one make a pair.

Such edits leave nothing to find, only to paint, and nearly every pixel of the picture. Few pairs of a shard are of this sort,
and these cost less: one drawn picture serves several.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

from smartedit.data.cache import SETTINGS, encode_pairs, shards_of
from smartedit.world.engine import in_order
from smartedit.world.pairs import make_settings
from smartedit.world.proposals import weighted
from smartedit.world.scene import Scene

#: What of a setting is exchanged, and how often.
PARTS = {"light": 0.4, "table": 0.4, "wall": 0.2}
#: One scene in how many is drawn again, how many settings it has then, its own included, and pairs from each to others.
ONE_IN, SETTINGS_EACH, PAIRS_EACH = 8, 4, 2


def draw_settings(
    shards: Path, out: Path, encode: Callable[[torch.Tensor], torch.Tensor], view_size: int, patch: int, processes: int | None = None
) -> int:
    """Add scenes of every training shard in other settings to a cache folder; returns how many shards were added."""
    paths = [(path, out / f"{SETTINGS}-{path.stem}.npz") for path in shards_of(shards)]
    missing = [(path, end) for path, end in paths if not end.exists()]
    drawn = in_order(_draw_shard, ((path,) for path, _ in missing), processes if len(missing) > 1 else 1)
    for (_, end), rows in zip(missing, drawn, strict=True):
        encode_pairs(rows, end, encode, view_size, patch)
    return len(missing)


def _draw_shard(path: Path) -> list[dict]:
    """Pairs of one scene in `ONE_IN` of a shard, as `encode_pairs` takes them."""
    scenes = {row["seed"]: row["scene"] for row in parquet.read_table(path, columns=["seed", "scene"]).to_pylist()}
    pairs = []
    for seed, described in list(scenes.items())[::ONE_IN]:
        part = weighted(PARTS, np.random.default_rng([seed, 17]))
        scene = Scene.from_json(json.loads(described))
        every = (make_settings("train", scene, chosen, SETTINGS_EACH, PAIRS_EACH) for chosen in (part, "light"))
        pairs += next(filter(None, every), [])  # a scene's things may be allowed on no other table
    return [{**vars(pair), "scene": json.dumps(pair.scene)} for pair in pairs]
