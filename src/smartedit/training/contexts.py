"""What the QFormer says about pairs, read once: nothing of it changes where BIM alone learns, and a step is then many times cheaper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from smartedit.data.cache import Cache, batches_of, write_arrays
from smartedit.data.sample import Batch
from smartedit.errors import TrainingError

#: Pairs in a file.
PAIRS = 128


@dataclass
class Said(Batch):
    """context: (B, n, C) of edits; features: (B, P, W), the pictures as BIM sees them; where: (B, 1, side, side), the share of
    every patch that changes, 0 ... 1."""

    context: Tensor
    features: Tensor
    where: Tensor


#: Contexts (B, n, C) and features (B, P, W) of the pairs with these indices.
Read = Callable[[list[int]], tuple[Tensor, Tensor]]


class Contexts:
    """Contexts of pairs of a cache in memory, drawn from at random."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        stored = []
        for path in sorted(folder.glob("*.npz")):
            with np.load(path) as file:
                stored.append({key: file[key] for key in file.files})
        if not stored:
            raise TrainingError(f"no contexts in {folder}; run this stage again with another --out")
        at = {pair["id"]: number for number, pair in enumerate(cache.pairs)}
        self.pair = np.array([at[id] for one in stored for id in one["id"].tolist()])
        self.context, self.features = (np.concatenate([one[key] for one in stored]) for key in ("context", "features"))
        firsts = np.cumsum([0, *(len(one["features"]) for one in stored)])
        self.row = np.concatenate([one["row"] + first for one, first in zip(stored, firsts, strict=False)])
        self.cache = cache

    def draw(self, count: int, rng: np.random.Generator) -> Said:
        """`count` of them, each as likely as any."""
        some = rng.integers(len(self.pair), size=count)
        context, features = (torch.from_numpy(values).float() for values in (self.context[some], self.features[self.row[some]]))
        return Said(context, features, self.cache.changed_patches(self.pair[some], features.shape[1]))


def read_contexts(cache: Cache, count: int, folder: Path, read: Read) -> None:
    """Add files to a folder until it has contexts of the first `count` pairs, or of as many as there are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(folder.glob("*.npz"))
    known = {id for path in paths for id in np.load(path)["id"].tolist()}
    missing = [number for number, pair in enumerate(cache.pairs[:count]) if pair["id"] not in known]
    number = int(paths[-1].stem) + 1 if paths else 0
    for some in batches_of(len(missing), PAIRS):
        pairs = [missing[i] for i in some]
        context, features = (values.half().cpu().numpy() for values in read(pairs))
        _, firsts, row = np.unique([cache.scene_of(pair) for pair in pairs], return_index=True, return_inverse=True)
        ids = np.array([cache.pairs[pair]["id"] for pair in pairs])
        write_arrays(folder / f"{number:05d}.npz", id=ids, context=context, features=features[firsts], row=row)
        number += 1
