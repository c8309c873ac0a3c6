"""Which pairs a training step sees: the paper's mixture of editing, perception and a little complex data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartedit.data.cache import COMPLEX, EDITING, PERCEPTION, Cache


@dataclass(frozen=True)
class Mixture:
    """Shares of the three kinds of editing data; they need not add up to one (paper, section 3.3; 15 % complex)."""

    editing: float = 0.65
    perception: float = 0.20
    complex: float = 0.15

    def draw(self, cache: Cache, count: int, rng: np.random.Generator) -> list[int]:
        """`count` pair indices; a kind of which the cache holds nothing is passed over."""
        shares = {EDITING: self.editing, PERCEPTION: self.perception, COMPLEX: self.complex}
        kinds = [kind for kind in shares if len(cache.by_kind[kind]) and shares[kind] > 0]
        weights = np.array([shares[kind] for kind in kinds])
        chosen = rng.choice(len(kinds), size=count, p=weights / weights.sum())
        return [int(rng.choice(cache.by_kind[kinds[k]])) for k in chosen]
