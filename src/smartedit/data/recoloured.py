"""Things of shards in more colours: only their own pixels are painted again, so these pairs cost a fraction of others.

Any two of the pictures of a thing make a pair. What colours are called is learned from many such pairs: there are 13 names, on
every kind, in every light.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch

from smartedit.data.cache import CELLS, RECOLOURED, latents_of, packed, read_png, shards_of, share, write_arrays
from smartedit.world.edits import Recolour, changed_region
from smartedit.world.engine import in_order
from smartedit.world.render import Rendered, coloured_by, object_masks, repaint
from smartedit.world.sampling import allowed
from smartedit.world.scene import Scene
from smartedit.world.shards import IDS_OFFSET

#: Things of a scene that are drawn in other colours, and in how many; how many pixels must be seen of one.
THINGS, COLOURS_EACH, SEEN = 2, 3, 100


def draw_recoloured(
    shards: Path, out: Path, encode: Callable[[torch.Tensor], torch.Tensor], processes: int | None = None
) -> int:
    """Add the recoloured things of every training shard to a cache folder; returns how many shards were added."""
    paths = [(path, out / f"{RECOLOURED}-{path.stem}.npz") for path in shards_of(shards)]
    missing = [(path, end) for path, end in paths if not end.exists()]
    drawn = in_order(_draw_shard, ((path,) for path, _ in missing), processes if len(missing) > 1 else 1)
    for (_, end), (things, pictures, places) in zip(missing, drawn, strict=True):
        end.with_suffix(".json").write_text(json.dumps(things))
        write_arrays(end, target=latents_of(pictures, encode), **places)
    return len(missing)


def _draw_shard(path: Path) -> tuple[list[dict], np.ndarray, dict[str, np.ndarray]]:
    """Things (scene seed, id, the colours they come in, the first one being the scene's), `COLOURS_EACH` pictures of each,
    what changes among these, by latent cell, and which pixels show each."""
    rows = parquet.read_table(path, columns=["seed", "scene", "before", "region_ids"]).to_pylist()
    things, pictures, regions, meant = [], [], [], []
    for row in {row["seed"]: row for row in rows}.values():
        described = json.loads(row["scene"])
        rendered = Rendered(read_png(row["before"])[..., :3], read_png(row["region_ids"]).astype(int) - IDS_OFFSET)
        masks = object_masks(Scene.from_json(described), rendered)
        for id, colours in _some_things(described, np.random.default_rng(row["seed"])):
            new = [_recoloured(Scene.from_json(described), rendered, id, colour) for colour in colours[1:]]
            changed = np.logical_or.reduce([changed_region(rendered.picture, picture) for picture in new])
            things.append({"seed": row["seed"], "id": id, "colours": colours})
            pictures += new
            regions.append(share(changed, CELLS))
            meant.append(packed(masks[id]))
    side = read_png(rows[0]["before"]).shape[0]
    places = {
        "region": np.array(regions, np.uint8).reshape(-1, CELLS, CELLS),
        "meant": np.array(meant, np.uint8).reshape(-1, side**2 // 8),
    }
    return things, np.array(pictures, np.uint8).reshape(-1, side, side, 3), places


def _some_things(described: dict, rng: np.random.Generator) -> list[tuple[str, list[str]]]:
    """Ids of things that are well seen, each with its colour and others that it may have in training."""
    may_be = allowed(described["table"], "train")
    found = []
    for thing in rng.permutation([t for t in described["objects"] if t["visible"] >= SEEN]):
        others = [colour for colour in may_be.get(thing["kind"], ()) if colour != thing["colour"]]
        if len(others) >= COLOURS_EACH:
            found.append((thing["id"], [thing["colour"], *map(str, rng.choice(others, COLOURS_EACH, replace=False))]))
    return found[:THINGS]


def _recoloured(scene: Scene, rendered: Rendered, id: str, colour: str) -> np.ndarray:
    changed = Recolour((id,), colour).apply(scene)
    return repaint(changed, rendered.picture, coloured_by(scene, rendered, id))
