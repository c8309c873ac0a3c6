"""Editors that know the truth: who is right by the rule, and who only looks right to other metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smartedit.bench.editors import built_in
from smartedit.bench.judge import judge
from smartedit.bench.measure import all_values
from smartedit.bench.oracles import ORACLES, wrong_object
from smartedit.bench.rendered import mini_cases


@pytest.fixture(scope="module")
def case():
    """A small picture of an understanding case, rendered once."""
    return replace(mini_cases()[1], size=96).render()


def verdict(case, result):
    return judge(*(np.asarray(picture) for picture in (case.picture, result)), [np.asarray(truth) for truth in case.truths])


@pytest.mark.parametrize(("name", "right"), [
    ("identity", False), ("oracle", True), ("oracle-strong", True), ("oracle-faint", False), ("oracle-wrong-object", False), ("noise", False),
])  # fmt: skip
def test_who_is_right(case, name, right):
    assert verdict(case, ORACLES[name](case, 5)).success is right


def test_every_oracle_answers_the_same_for_the_same_seed(case):
    for name, oracle in ORACLES.items():
        first, again = (np.asarray(oracle(case, 3)) for _ in range(2))
        assert first.shape == np.asarray(case.picture).shape and np.array_equal(first, again), name


def test_the_wrong_object_is_a_real_edit_elsewhere(case):
    result = np.asarray(wrong_object(case, 0))
    assert (result != np.asarray(case.picture)).any() and (result != np.asarray(case.truths[0])).any()


def test_luck_is_right_on_odd_seeds(case):
    lucky = ORACLES["oracle-or-nothing"]
    assert verdict(case, lucky(case, 1)).success and lucky(case, 2) == case.picture


def test_preservation_cannot_tell_the_truth_from_nothing(case):
    """What the trust table is about, on one case: PSNR prefers the copy, the distance to the truth does not."""
    copy, truth = (all_values(case, picture) for picture in (case.picture, case.truths[0]))
    assert copy["strict.psnr"] >= truth["strict.psnr"] and copy["fixed.psnr"] >= truth["fixed.psnr"]
    assert truth["truth.l1"] == 0 < copy["truth.l1"]


def test_every_oracle_is_an_editor_by_name():
    assert {built_in(name).name for name in ORACLES} == set(ORACLES) and all(built_in(name).sees_case for name in ORACLES)
