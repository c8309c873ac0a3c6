"""The rule itself: exact at its bounds, honest with the oracles, monotone in between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartedit.bench.judge import INSIDE_BOUND, MARGIN, OUTSIDE_BOUND, Verdict, grow, iou, judge

SIZE = 40


@st.composite
def edits(draw):
    """A noisy source and a truth that differs in one rectangle by at least 20 somewhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    source = rng.integers(0, 200, (SIZE, SIZE, 3)).astype(np.uint8)
    top, left = draw(st.integers(0, SIZE - 4)), draw(st.integers(0, SIZE - 4))
    height, width = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    truth = source.copy()
    truth[top : top + height, left : left + width] += draw(st.integers(20, 55))
    return source, truth


def blend(source, truth, share):
    return np.round(source + share * (truth.astype(float) - source)).astype(np.uint8)


@given(edits())
def test_identity_fails_and_the_truth_succeeds(edit):
    source, truth = edit
    lazy, perfect = judge(source, source, [truth]), judge(source, truth, [truth])
    assert (lazy.success, lazy.inside_ratio, lazy.outside_change, lazy.region_iou) == (False, 1.0, 0.0, 0.0)
    assert (perfect.success, perfect.inside_ratio, perfect.region_iou) == (True, 0.0, 1.0)
    assert perfect.outside_change == 0.0


@given(edits(), st.floats(0, 1), st.floats(0, 1))
def test_nearer_to_the_truth_is_never_worse(edit, one, other):
    source, truth = edit
    low, high = sorted((one, other))
    assert judge(source, blend(source, truth, high), [truth]).excess <= judge(
        source, blend(source, truth, low), [truth]
    ).excess


@given(edits(), st.integers(0, 55), st.integers(0, 55))
def test_more_damage_outside_is_never_better(edit, one, other):
    source, truth = edit
    low, high = sorted((one, other))
    outside = ~grow(np.abs(truth.astype(int) - source).max(axis=2) > 6, MARGIN)
    damaged = [truth + (outside[..., None] * np.uint8(amount)).astype(np.uint8) for amount in (low, high)]
    verdicts = [judge(source, picture, [truth]) for picture in damaged]
    assert verdicts[0].outside_change <= verdicts[1].outside_change
    assert [v.success for v in verdicts] == [amount <= 2 or not outside.any() for amount in (low, high)]


@settings(max_examples=50)
@given(edits(), edits(), st.floats(0, 1))
def test_one_more_right_answer_never_hurts(edit, other, share):
    source, truth = edit
    result, second = blend(source, truth, share), np.where(other[1] > other[0], source + 40, source).astype(np.uint8)
    assert judge(source, result, [truth, second]).excess <= judge(source, result, [truth]).excess
    assert judge(source, second, [truth, second]).truth == 1


def square(side=10, value=100):
    source = np.full((SIZE, SIZE, 3), 50, np.uint8)
    truth = source.copy()
    truth[:side, :side] += value
    return source, truth


def test_inside_bound_is_exact():
    source, truth = square()
    result = source.copy()
    result[:10, :10] += 60  # 40 of 100 are left
    assert judge(source, result, [truth]).inside_ratio == INSIDE_BOUND
    assert judge(source, result, [truth]).success
    result[0, 0, 0] -= 1
    assert not judge(source, result, [truth]).success


def test_outside_bound_is_exact():
    source, truth = square()
    result = truth.copy()
    result[~grow((truth != source).any(axis=2), MARGIN)] += 2
    verdict = judge(source, result, [truth])
    assert verdict.outside_change == pytest.approx(OUTSIDE_BOUND) and verdict.success
    result[-1, -1, 0] += 1
    assert not judge(source, result, [truth]).success


def test_damage_within_the_margin_is_forgiven():
    source, truth = square()
    result = truth.copy()
    result[0, 10:16] = 255  # columns 10..15 are at most 6 away from column 9
    assert judge(source, result, [truth]).outside_change == 0
    result[0, 16] = 255
    assert judge(source, result, [truth]).outside_change > 0


def test_an_edit_of_the_whole_picture_has_no_outside():
    source, truth = square(side=SIZE)
    assert judge(source, truth, [truth]).success


def test_painting_the_wrong_place_fails():
    source, truth = square()
    wrong = source.copy()
    wrong[-10:, -10:] += 100
    verdict = judge(source, wrong, [truth])
    assert (verdict.success, verdict.inside_ratio, verdict.region_iou) == (False, 1.0, 0.0)


@pytest.mark.parametrize("truths", [[], [square()[0]], [np.zeros((8, 8, 3), np.uint8)]])
def test_what_cannot_be_judged_is_refused(truths):
    source, _ = square()
    with pytest.raises(ValueError):
        judge(source, source, truths)


def test_a_result_of_another_size_is_refused():
    source, truth = square()
    with pytest.raises(ValueError, match="result"):
        judge(source, source[:8], [truth])


@given(st.integers(0, 7), st.integers(0, 15), st.integers(0, 15))
def test_growing_makes_a_disc(radius, y, x):
    region = np.zeros((16, 16), bool)
    region[y, x] = True
    rows, columns = np.mgrid[:16, :16]
    assert np.array_equal(grow(region, radius), (rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def test_iou_of_halves_and_of_nothing():
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:2] = True, True
    assert iou(left, top) == pytest.approx(1 / 3)
    assert iou(left & ~left, top & ~top) == 1


def test_excess_names_the_stricter_bound():
    assert Verdict(0.2, 4 / 255, 1).excess == pytest.approx(2)
    assert Verdict(0.8, 1 / 255, 1).excess == pytest.approx(2)
