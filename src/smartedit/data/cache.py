"""Shards of the rendered world as arrays that training can draw from at random.

Pictures are turned into latents once: the tiny autoencoder's encoder is a fixed linear basis, so latents stay valid for
every later stage. One `.npz` and one `.jsonl` per parquet shard; a shard that is there is never made twice.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from PIL import Image

from smartedit.data.sample import EditBatch, PictureBatch
from smartedit.errors import TrainingError
from smartedit.world.edit_json import edit_from_json
from smartedit.world.render import Rendered, mirror_masks, object_masks
from smartedit.world.replies import located
from smartedit.world.scene import Scene
from smartedit.world.shards import IDS_OFFSET

#: A patch belongs to an object that covers this share of it, and to nothing when all objects cover less than the second.
OWNED, EMPTY = 0.35, 0.1
#: Most objects of a scene.
MOST_OBJECTS = 8
#: Latent cells in a row or column of a picture.
CELLS = 16

#: How the names of shards of recoloured things begin.
RECOLOURED = "recoloured"
#: How the names of shards of scenes in other settings begin.
SETTINGS = "settings"
#: How the names of shards of things in others' place, and of things put somewhere, begin.
REPLACED, LANDINGS = "replaced", "landings"

PERCEPTION, COMPLEX, EDITING = "perception", "complex", "editing"


def kind_of_data(op: str, group: str) -> str:
    """Which of the paper's three kinds of training data a pair is: perception, complex (reasoning) or editing."""
    return PERCEPTION if op == "paint" else COMPLEX if group == "reasoning" else EDITING


def read_png(cell: dict) -> np.ndarray:
    """A parquet image cell as a uint8 array."""
    return np.asarray(Image.open(io.BytesIO(cell["bytes"])))


def shard_pictures(folder: Path, count: int) -> np.ndarray:
    """The first `count` before and after pictures of a folder of shards, uint8 (N, H, W, 3)."""
    pictures: list[np.ndarray] = []
    for path in shards_of(folder):
        table = parquet.read_table(path, columns=["before", "after"]).to_pylist()
        pictures += [read_png(row["before"])[..., :3] for row in table[::3]] + [
            read_png(row["after"])[..., :3] for row in table
        ]
        if len(pictures) >= count:
            break
    return np.stack(pictures[:count])


def build_cache(
    shards: Path, out: Path, encode: Callable[[torch.Tensor], torch.Tensor], view_size: int, patch: int
) -> int:
    """Encode every shard that is not in the cache yet; returns how many were added.

    `encode` maps pictures (N, 3, H, W) in [-1, 1] to latents (N, C, h, w).
    """
    out.mkdir(parents=True, exist_ok=True)
    added = 0
    for path in shards_of(shards):
        if not (out / f"{path.stem}.npz").exists():
            _encode_shard(path, out, encode, view_size, patch)
            added += 1
    return added


def shards_of(folder: Path) -> list[Path]:
    """The shards of a folder, in order; TrainingError if there is none."""
    found = sorted(folder.glob("*.parquet"))
    if not found:
        raise TrainingError(
            f"no shards in {folder}; make some with: smartedit world build --pairs 20000 --out {folder}"
        )
    return found


def _encode_shard(path: Path, out: Path, encode, view_size: int, patch: int) -> None:
    rows = parquet.read_table(path).to_pylist()
    for row in rows:
        row |= {key: read_png(row[key])[..., :3] for key in ("before", "after")}
        row |= {"mask": read_png(row["mask"]) > 0, "region_ids": read_png(row["region_ids"]).astype(int) - IDS_OFFSET}
        row["edit"] = json.loads(row["edit"])
    encode_pairs(rows, out / f"{path.stem}.npz", encode, view_size, patch)


def encode_pairs(rows: list[dict], end: Path, encode: Callable[[torch.Tensor], torch.Tensor], view_size: int, patch: int) -> None:
    """Write pairs as a shard of a cache: dicts with what `smartedit.world.pairs.Pair` has, pictures as arrays, `scene` as JSON text."""
    firsts = list({row["scene"]: row for row in reversed(rows)}.values())[::-1]
    scenes = {row["scene"]: i for i, row in enumerate(firsts)}
    before, shown = np.stack([row["before"] for row in firsts]), [_shown(row) for row in rows]
    arrays = {
        "source": latents_of(before, encode),
        "target": latents_of(np.stack([row["after"] for row in rows]), encode),
        "view": _views(before, view_size),
        "cover": np.stack([coverage(row["region_ids"], view_size // patch) for row in firsts]),
        "region": np.stack([share(row["mask"], CELLS) for row in rows]),
        **{key: np.stack([one[key] for one in shown]) for key in ("meant", "beside")},
        "scene": np.array([scenes[row["scene"]] for row in rows], np.int32),
    }
    words = {
        "scenes": [json.loads(row["scene"]) for row in firsts],
        "pairs": [{k: row[k] for k in ("id", "instruction", "reply", "group", "op")} for row in rows],
    }
    end.with_suffix(".json").write_text(json.dumps(words))
    write_arrays(end, **arrays)


def _shown(row: dict) -> dict[str, np.ndarray]:
    """Which pixels of a pair's picture show what the edit has as targets, `meant`, and as anchor, `beside`, both `packed`; none where it
    has none."""
    edit, rendered = edit_from_json(row["edit"]), Rendered(row["before"], row["region_ids"])
    masks = mirror_masks if getattr(edit, "mirror", False) else object_masks
    shown = masks(Scene.from_json(json.loads(row["scene"])), rendered)
    named = {"meant": getattr(edit, "targets", ()), "beside": (getattr(edit, "anchor", None),)}
    nowhere = np.zeros(rendered.ids.shape, bool)
    return {key: packed(np.logical_or.reduce([nowhere, *(shown[id] for id in ids if id)])) for key, ids in named.items()}


def packed(mask: np.ndarray) -> np.ndarray:
    """A mask, bool (H, W), as bits: uint8 (H * W / 8,)."""
    return np.packbits(mask)


def _unpacked(rows: np.ndarray) -> torch.Tensor:
    """Square masks (B, n) of `packed` as bool (B, 1, H, H)."""
    bits = torch.from_numpy(np.unpackbits(rows, axis=1)).bool()
    side = math.isqrt(bits.shape[1])
    return bits.view(-1, 1, side, side)


def write_arrays(end: Path, **arrays: np.ndarray) -> None:
    """Write a shard's arrays under a temporary name, then rename."""
    temporary = end.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, end)


def latents_of(pictures: np.ndarray, encode: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """Latents of uint8 pictures (N, H, W, 3) as float16 (N, C, h, w)."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        return np.concatenate([encode(part).half().numpy() for part in x.split(32)])


def _views(pictures: np.ndarray, size: int) -> np.ndarray:
    return np.stack(
        [np.asarray(Image.fromarray(p).resize((size, size), Image.BICUBIC)).transpose(2, 0, 1) for p in pictures]
    )


def share(mask: np.ndarray, cells: int) -> np.ndarray:
    """Share of each cell of a cells x cells grid that a mask covers, as uint8 0 ... 255."""
    h, w = mask.shape
    return (mask.reshape(cells, h // cells, cells, w // cells).mean((1, 3)) * 255).round().astype(np.uint8)


def coverage(ids: np.ndarray, grid: int) -> np.ndarray:
    """How much of each patch each object fills, uint8 0 ... 255 (2, MOST_OBJECTS, grid * grid): itself, its mirror image.

    `ids` (H, W) says which object each pixel shows: k the k-th, -k its mirror image, 0 none.
    """
    edges = np.linspace(0, ids.shape[0], grid + 1).round().astype(int)[:-1]
    found = np.zeros((2, MOST_OBJECTS, grid * grid), np.uint8)
    area = _cells(np.ones(ids.shape, np.float32), edges)
    for id in np.unique(ids[ids != 0]):
        found[int(id < 0), abs(id) - 1] = (_cells((ids == id).astype(np.float32), edges) / area * 255).round().ravel()
    return found


def _cells(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.add.reduceat(np.add.reduceat(values, edges, axis=0), edges, axis=1)


def owners(cover: np.ndarray) -> np.ndarray:
    """Which object fills each patch, int64 (..., P): k = the k-th or its mirror image, 0 = none, -1 = mixed; of `coverage`."""
    share = cover.astype(np.float32).sum(-3) / 255
    best = share.argmax(-2)
    return np.where(share.max(-2) >= OWNED, best + 1, np.where(share.sum(-2) <= EMPTY, 0, -1))


class Cache:
    """Every shard of a cache folder in memory, drawn from by index.

    `pairs` holds one dict a pair (id, instruction, reply, group, op), `scenes` one description a picture, `pairs_of` the
    pairs of each scene (none where a scene was drawn for its view alone), `things` those that were drawn in other colours
    (see `recoloured`).
    """

    def __init__(self, folder: Path) -> None:
        self._drawn = {name: sorted(Path(folder).glob(f"{name}-*.npz")) for name in (REPLACED, LANDINGS)}
        every = sorted(set(Path(folder).glob("*.npz")) - {path for paths in self._drawn.values() for path in paths})
        paths = [path for path in every if not path.stem.startswith(RECOLOURED)]
        paths.sort(key=lambda path: path.stem.startswith(SETTINGS))  # so the shards' own pairs come first
        if not paths:
            raise TrainingError(
                f"no cached latents in {folder}; run the autoencoder stage first: smartedit train tiny --stage autoencoder"
            )
        self.arrays: list[dict[str, np.ndarray]] = []
        self.pairs: list[dict] = []
        self.scenes: list[dict] = []
        self._pair_at: list[tuple[int, int]] = []
        self._scene_at: list[tuple[int, int]] = []
        self._first_scene: list[int] = []
        self.pairs_of: list[list[int]] = []
        for number, path in enumerate(paths):
            self._add(number, path)
        kinds = np.array([kind_of_data(p["op"], p["group"]) for p in self.pairs])
        self.by_kind = {kind: np.flatnonzero(kinds == kind) for kind in (EDITING, PERCEPTION, COMPLEX)}
        self.things: list[dict] = []
        self._recolour([path for path in every if path not in paths], [path.stem for path in paths])

    def _add(self, number: int, path: Path) -> None:
        words = json.loads(path.with_suffix(".json").read_text())
        with np.load(path) as stored:
            self.arrays.append({key: stored[key] for key in stored.files})
        if words["pairs"] and "beside" not in self.arrays[-1]:
            raise TrainingError(f"{path} was made by an older version; delete {path.parent.parent} and run the same command again")
        first = len(self.scenes)
        self._first_scene.append(first)
        self.pairs_of += [[] for _ in words["scenes"]]
        for i in range(len(words["pairs"])):
            self.pairs_of[first + int(self.arrays[-1]["scene"][i])].append(len(self.pairs) + i)
        self._pair_at += [(number, i) for i in range(len(words["pairs"]))]
        self._scene_at += [(number, i) for i in range(len(words["scenes"]))]
        self.pairs += words["pairs"]
        self.scenes += words["scenes"]

    def _recolour(self, paths: list[Path], shards: list[str]) -> None:
        """Take in shards of recoloured things: each thing learns where its pictures are, the scene's own being the first."""
        for path in paths:
            shard = shards.index(path.stem.removeprefix(f"{RECOLOURED}-"))
            first = self._first_scene[shard]
            scene_of = {self.scenes[first + row]["seed"]: first + row for row in range(len(self.arrays[shard]["view"]))}
            with np.load(path) as stored:
                self.arrays.append({key: stored[key] for key in stored.files})
            for row, thing in enumerate(json.loads(path.with_suffix(".json").read_text())):
                others = len(thing["colours"]) - 1
                places = [("target", len(self.arrays) - 1, row * others + k) for k in range(others)]
                scene = scene_of[thing["seed"]]
                here = ("source", *self._scene_at[scene])
                self.things.append({**thing, "scene": scene, "pictures": [here, *places], "row": (len(self.arrays) - 1, row)})

    @cached_property
    def replaced(self) -> dict[str, np.ndarray]:
        """What comes in the place of things, the arrays of `replaced.draw_replaced`; read when first asked for."""
        return self._read(REPLACED)

    @cached_property
    def landings(self) -> dict[str, np.ndarray]:
        """Where things land, the arrays of `landings.draw_landings`; read when first asked for."""
        return self._read(LANDINGS)

    def _read(self, name: str) -> dict[str, np.ndarray]:
        shards = [dict(np.load(path)) for path in self._drawn[name]]
        keys = dict.fromkeys(key for shard in shards for key in shard)
        return {key: np.concatenate([shard[key] for shard in shards if key in shard]) for key in keys}

    def recolourings(self, count: int, rng: np.random.Generator) -> EditBatch:
        """Random pairs of pictures of one thing in two colours, each told by its grounded reply, as instruction too; the view
        shows the thing in the colour that the scene has."""
        chosen = [self.things[i] for i in rng.integers(len(self.things), size=count)]
        return self._recolourings([(thing, *rng.choice(len(thing["colours"]), size=2, replace=False)) for thing in chosen])

    def recolourings_as_seen(self, count: int, each: int, said: Callable, rng: np.random.Generator) -> EditBatch:
        """Random things of scenes as they are, `each` in as many other colours (some twice, where there are too few); `said`
        words the instruction: (scene, id, colour, rng) -> words, or None where the grounded reply has to do."""
        chosen = [self.things[i] for i in rng.integers(len(self.things), size=count)]
        rows = []
        for thing in chosen:
            others = len(thing["colours"]) - 1
            rows += [(thing, 0, 1 + new) for new in rng.choice(others, size=each, replace=others < each)]
        pairs = self._recolourings(rows)
        for i, (thing, _, new) in enumerate(rows):
            words = said(self.scenes[thing["scene"]], thing["id"], thing["colours"][new], rng)
            pairs.instruction[i] = words or pairs.reply[i]
        return pairs

    def _recolourings(self, rows: list[tuple[dict, int, int]]) -> EditBatch:
        """Things with the numbers of their old and new colours as pairs."""
        sources, targets, regions, meant, views, replies = [], [], [], [], [], []
        for thing, old, new in rows:
            sources.append(self._one(*thing["pictures"][old]))
            targets.append(self._one(*thing["pictures"][new]))
            regions.append(self._one("region", *thing["row"]))
            meant.append(self._one("meant", *thing["row"]))
            views.append(self._one("view", *self._scene_at[thing["scene"]]))
            told = next(t for t in self.scenes[thing["scene"]]["objects"] if t["id"] == thing["id"])
            replies.append(f"{located({**told, 'colour': thing['colours'][old]})} : recolour {thing['colours'][new]} .")
        source, target = (torch.from_numpy(np.stack(rows)).float() for rows in (sources, targets))
        region = torch.from_numpy(np.stack(regions))[:, None].float() / 255
        shown = _unpacked(np.stack(meant))
        view = torch.from_numpy(np.stack(views))
        return EditBatch(source, target, region, shown, torch.zeros_like(shown), view, list(replies), replies)

    def _one(self, key: str, shard: int, row: int) -> np.ndarray:
        return self.arrays[shard][key][row]

    def edits(self, indices) -> EditBatch:
        """The pairs with these indices; an empty batch where there are none, as chance may leave a lesson without pairs."""
        rows = [self._pair_at[i] for i in indices]
        scenes = [(s, int(self.arrays[s]["scene"][i])) for s, i in rows]
        words = [self.pairs[i] for i in indices]
        return EditBatch(
            source=self._gather("source", scenes).float(),
            target=self._gather("target", rows).float(),
            region=self.regions(indices),
            meant=_unpacked(self._gather("meant", rows).numpy()),
            beside=_unpacked(self._gather("beside", rows).numpy()),
            view=self._gather("view", scenes),
            instruction=[w["instruction"] for w in words],
            reply=[w["reply"] for w in words],
        )

    def pictures(self, indices) -> PictureBatch:
        """The scenes with these indices."""
        rows = [self._scene_at[i] for i in indices]
        cover = self._gather("cover", rows)
        patches = torch.from_numpy(owners(cover.numpy()))
        return PictureBatch(self._gather("view", rows), patches, cover, [self.scenes[i] for i in indices])

    def sources(self, indices) -> torch.Tensor:
        """Latents (B, C, h, w) of the scenes with these indices, all of which have pairs."""
        return self._gather("source", [self._scene_at[i] for i in indices]).float()

    def regions(self, indices) -> torch.Tensor:
        """How much of each latent cell the pairs with these indices change, (B, 1, h, w) in 0 ... 1."""
        return self._gather("region", [self._pair_at[i] for i in indices])[:, None].float() / 255

    def together(self, pair: int, count: int, rng: np.random.Generator) -> list[int]:
        """A pair and others of the same scene, `count` in all; where there are too few, some come twice."""
        others = [p for p in self.pairs_of[self.scene_of(pair)] if p != pair] or [pair]
        return [pair, *(int(p) for p in rng.choice(others, size=count - 1))]

    def scene_of(self, pair: int) -> int:
        """The index of a pair's scene."""
        shard, row = self._pair_at[pair]
        return self._first_scene[shard] + int(self.arrays[shard]["scene"][row])

    def _gather(self, key: str, rows: list[tuple[int, int]]) -> torch.Tensor:
        if not rows:
            return torch.from_numpy(next(shard[key] for shard in self.arrays if key in shard)[:0])
        return torch.from_numpy(np.stack([self.arrays[s][key][i] for s, i in rows]))


def batches_of(count: int, size: int) -> Iterator[range]:
    """Consecutive index ranges that cover `count` items."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
