"""Ranks and agreement against hand-worked and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smartedit.bench.statistics import krippendorff_alpha, mean_with_interval, pairs_right, rank_correlation, ranks

numbers = st.lists(st.integers(-5, 5), min_size=2, max_size=30)


def test_equal_values_share_their_ranks():
    assert list(ranks(np.array([10.0, 20.0, 10.0, 5.0]))) == [2.5, 4, 2.5, 1]


@given(numbers)
def test_a_rising_function_keeps_the_correlation_and_a_falling_one_turns_it(values):
    assume(len(set(values)) > 1)
    assert rank_correlation(values, [math.exp(v) for v in values]) == pytest.approx(1)
    assert rank_correlation(values, [-v for v in values]) == pytest.approx(-1)


def test_correlation_of_a_known_example():
    """1 - 6 * sum(d^2) / (n (n^2 - 1)) without ties."""
    assert rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=15))
def test_pairs_are_counted_as_by_hand(answers):
    values, success = np.array([v for v, _ in answers], float), np.array([s for _, s in answers])
    pairs = [(a, b) for a in values[success] for b in values[~success]]
    assert pairs_right(values, success) == (pytest.approx(sum((a > b) + (a == b) / 2 for a, b in pairs)), len(pairs))


def test_infinity_is_the_largest():
    assert pairs_right(np.array([np.inf, 3.0]), np.array([True, False])) == (1, 1)
    value = mean_with_interval([np.inf, 3.0, 4.0])
    assert value["rate"] == np.inf == value["high"] and not np.isnan(value["low"])


def test_both_infinities_have_no_mean():
    assert mean_with_interval([np.inf, -np.inf, 1.0]) == {"cases": 3, "rate": None, "low": None, "high": None}


def test_alpha_of_the_published_example():
    """Krippendorff 2011, example C (four observers, twelve units, missing data): interval alpha 0.849."""
    table = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    rows = [row.split() for row in table]
    units = [{str(r): float(row[u]) for r, row in enumerate(rows) if row[u] != "."} for u in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.849, abs=5e-4)


def test_alpha_at_its_ends():
    assert krippendorff_alpha([{"a": 0, "b": 0}, {"a": 1, "b": 1}]) == 1
    assert krippendorff_alpha([{"a": 0, "b": 1}, {"a": 1, "b": 0}]) < 0
    assert krippendorff_alpha([{"a": 1}]) is None and krippendorff_alpha([{"a": 1, "b": 1}]) is None
