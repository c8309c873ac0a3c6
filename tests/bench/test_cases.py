"""The world suite: the same list every time, balanced at every length, every kind of plain edit in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartedit.bench.cases import _PLACES, MOST_CASES, PLAIN_SHARES, SHARES, SUITE_SEEDS, UNDERSTANDING, world_cases
from smartedit.bench.judge import judge
from smartedit.errors import SceneError
from smartedit.world.pairs import _CASE_SCENES, make_case
from smartedit.world.proposals import GROUPS
from smartedit.world.splits import SEEDS


@settings(max_examples=30)
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_shorter_list_begins_a_longer_one(one, other):
    short, long = sorted((one, other))
    assert world_cases("test", short) == world_cases("test", long)[:short]


@settings(max_examples=30)
@given(st.integers(1, 400), st.integers(0, 5))
def test_groups_keep_their_shares(count, seed):
    cases = world_cases("validation", count, seed)
    assert len({case.id for case in cases}) == len({case.number for case in cases}) == count
    for group, share in SHARES.items():
        assert abs(sum(case.group == group for case in cases) - share * count) <= 1


def test_shares_are_a_whole_and_name_the_groups_of_the_paper():
    assert sum(SHARES.values()) == pytest.approx(1)
    assert set(UNDERSTANDING) < set(SHARES) and SHARES["plain"] == 0.30 and SHARES["reasoning"] == 0.20


def test_seeds_and_splits_do_not_overlap():
    keys = [{(c.split, c.number) for c in world_cases(s, 40, seed)} for s in ("validation", "test") for seed in (0, 1)]
    assert len(set.union(*keys)) == 160


@pytest.mark.parametrize(
    ("call", "word"),
    [(("exam", 3), "no split"), (("test", 0), "1 to"), (("test", 10_001), "1 to"), (("test", 3, SUITE_SEEDS), "seed")],
)
def test_senseless_suites_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        world_cases(*call)


def test_every_plain_operation_is_asked_for():
    cases = world_cases("test", 300)
    assert {case.op for case in cases if case.group == "plain"} == set(PLAIN_SHARES)
    assert {case.op for case in cases if case.group != "plain"} == {None}


def test_all_places_lie_within_the_split():
    last = (SUITE_SEEDS * MOST_CASES * _PLACES) * len(GROUPS) * _CASE_SCENES
    assert last <= min(len(SEEDS["validation"]), len(SEEDS["test"]))


@pytest.fixture(scope="module")
def rendered():
    return [planned.render() for planned in world_cases("validation", 12, size=64)]


def test_rendered_cases_are_what_was_planned(rendered):
    for planned, case in zip(world_cases("validation", 12, size=64), rendered, strict=True):
        assert (case.id, case.group, case.picture.size) == (planned.id, planned.group, (64, 64))
        assert planned.op in (None, case.op) and case.instruction.strip() and case.edit["op"] == case.op
        assert case.op != "paint"
        assert all(truth.size == (64, 64) for truth in case.truths)


def test_rendering_again_gives_the_same_question(rendered):
    planned = world_cases("validation", 12, size=64)[3]
    assert planned.render().fingerprint == rendered[3].fingerprint
    assert len({case.fingerprint for case in rendered}) == len(rendered)


def test_oracles_are_honest_about_the_world(rendered):
    for case in rendered:
        source, *truths = (np.asarray(picture) for picture in (case.picture, *case.truths))
        assert not judge(source, source, truths).success
        assert [judge(source, truth, truths).success for truth in truths] == [True] * len(truths)
        assert case.mask.shape == (64, 64) and case.mask.any()


def test_an_edit_that_the_rule_cannot_judge_is_no_case(monkeypatch):
    """The first place offers an edit that changes everything faintly; the case comes from the second."""
    (planned,) = world_cases("validation", 1, size=64)
    offered = []

    def make(split, place, *rest):
        pair = make_case(split, place, *rest)
        veiled = replace(pair, after=np.where(pair.mask[..., None], pair.after, np.minimum(pair.before, 250) + 5))
        offered.append(pair if offered else veiled)
        return offered[-1]

    monkeypatch.setattr("smartedit.bench.cases.make_case", make)
    case = planned.render()
    assert len(offered) == 2 and np.array_equal(np.asarray(case.truths[0]), offered[1].after)


def test_a_place_without_a_scene_says_so():
    with pytest.raises(SceneError, match="another --seed"):
        replace(world_cases("validation", 1, size=64)[0], group="add", op="light").render()
