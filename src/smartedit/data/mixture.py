"""Which pairs a training step sees: the paper's mixture of editing, perception and a little complex data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from smartedit.data.cache import COMPLEX, EDITING, PERCEPTION, Cache


@dataclass(frozen=True)
class Mixture:
    """Shares of the three kinds of editing data; they need not add up to one (paper, section 3.3; 15 % complex).

    A pair of an operation in `eager` is so many times as likely as any other pair of its kind: what is learned last.
    """

    editing: float = 0.65
    perception: float = 0.20
    complex: float = 0.15
    eager: Mapping[str, float] = field(default_factory=lambda: {"replace": 6.0, "move": 6.0, "add": 4.0, "resize": 3.0})

    def draw(self, cache: Cache, count: int, rng: np.random.Generator) -> list[int]:
        """`count` pair indices; a kind of which the cache holds nothing is passed over."""
        shares = {EDITING: self.editing, PERCEPTION: self.perception, COMPLEX: self.complex}
        kinds = [kind for kind in shares if len(cache.by_kind[kind]) and shares[kind] > 0]
        weights = np.array([shares[kind] for kind in kinds])
        chosen = rng.choice(len(kinds), size=count, p=weights / weights.sum())
        return [self._one(cache, cache.by_kind[kinds[k]], rng) for k in chosen]

    def _one(self, cache: Cache, pairs: np.ndarray, rng: np.random.Generator) -> int:
        while True:
            pair = int(rng.choice(pairs))
            if rng.random() * max(self.eager.values(), default=1.0) < self.eager.get(cache.pairs[pair]["op"], 1.0):
                return pair
