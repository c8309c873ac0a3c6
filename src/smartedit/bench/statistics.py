"""Means with intervals, rank correlation, and agreement of raters (numpy; every resampling is seeded)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Resamplings of a bootstrap.
DRAWS = 2000


def mean_with_interval(values: Sequence[float], seed: int = 0) -> dict:
    """`cases`, `rate` (the mean) and its 95 % percentile bootstrap interval `low`, `high`; None where no mean exists.

    That is for no values, and for both infinities among them: each of two editors may leave a picture alone.
    """
    data = np.asarray(values, dtype=np.float64)
    if not len(data) or {-np.inf, np.inf} <= set(data):
        return {"cases": len(data), "rate": None, "low": None, "high": None}
    picks = np.random.default_rng(seed).integers(0, len(data), size=(DRAWS, len(data)))
    method = "linear" if np.isfinite(data).all() else "nearest"  # nothing lies between a number and infinity
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5], method=method)
    return {"cases": len(data), "rate": float(data.mean()), "low": float(low), "high": float(high)}


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value from 1 on, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rho in [-1, 1]; nan where either does not vary."""
    first, second = (ranks(np.asarray(values, np.float64)) for values in (one, other))
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale else float("nan")


def pairs_right(values: np.ndarray, success: np.ndarray) -> tuple[float, int]:
    """Of all pairs of a success and a failure, how many the values put in the right order (ties half), and all of them."""
    order, wins = ranks(values), int(success.sum())
    losses = len(success) - wins
    return float(order[success].sum() - wins * (wins + 1) / 2), wins * losses


def krippendorff_alpha(scores: Sequence[Mapping[str, float]]) -> float | None:
    """Agreement of raters on items, each {rater: score}, by the squared difference of scores: 1 perfect, 0 chance.

    Items with fewer than two raters say nothing; None when none is left or all scores are the same (Krippendorff 2011,
    "Computing Krippendorff's alpha-reliability", interval metric).
    """
    items = [np.array(list(item.values()), np.float64) for item in scores if len(item) > 1]
    if not items:
        return None
    everything = np.concatenate(items)
    expected = _squared_pairs(everything) / (len(everything) - 1)
    observed = sum(_squared_pairs(item) / (len(item) - 1) for item in items)
    return float(1 - observed / expected) if expected else None


def _squared_pairs(values: np.ndarray) -> float:
    """The squared differences of all ordered pairs, summed."""
    return 2 * (len(values) * float((values**2).sum()) - float(values.sum()) ** 2)
