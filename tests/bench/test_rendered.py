"""The rendered suites: the same list every time, balanced at every length; mini-reason-edit apart from all others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartedit.bench.cases import UNDERSTANDING
from smartedit.bench.judge import judge
from smartedit.bench.reason_edit import LAYOUT
from smartedit.bench.rendered import (
    _PLACES,
    MINI_COUNTS,
    MOST_CASES,
    PLAIN_SHARES,
    SHARES,
    SUITE_SEEDS,
    clip_words,
    mini_cases,
    world_cases,
)
from smartedit.errors import SceneError
from smartedit.world.pairs import _CASE_SCENES, make_case
from smartedit.world.proposals import GROUPS
from smartedit.world.splits import SEEDS, combination_split


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
    last = max(case.number for seed in (0, SUITE_SEEDS - 1) for case in (*mini_cases(seed), *world_cases("test", MOST_CASES, seed)))
    assert (last + 1) * _PLACES * len(GROUPS) * _CASE_SCENES <= min(len(SEEDS["validation"]), len(SEEDS["test"]))


def test_mini_reason_edit_has_the_groups_and_number_of_the_published_set():
    cases = mini_cases()
    assert len(cases) == 219 == len({case.id for case in cases}) and cases == mini_cases()
    assert tuple(dict.fromkeys(case.group for case in cases)) == tuple(LAYOUT) == tuple(MINI_COUNTS)
    assert Counter(case.group for case in cases) == MINI_COUNTS and {case.split for case in cases} == {"test"}


def test_mini_reason_edit_shares_no_scene_with_any_other_suite():
    """Places of the world are numbers; those of every suite and seed are apart, and training owns other scene seeds."""
    mini = [case.number for seed in range(SUITE_SEEDS) for case in mini_cases(seed)]
    world = [world_cases("test", 1, seed)[0].number for seed in range(SUITE_SEEDS)]
    assert len(mini) == len(set(mini)) and min(mini) >= max(world) + MOST_CASES
    assert SEEDS["train"].stop <= SEEDS["validation"].start and SEEDS["validation"].stop <= SEEDS["test"].start


def test_a_mini_case_is_of_the_test_split():
    """Its scene has a seed of the test split, and nothing in it stands in a combination that training may show."""
    case = replace(mini_cases()[60], size=64).render()
    assert case.scene["seed"] in SEEDS["test"]
    assert {combination_split(o["kind"], o["colour"], case.scene["table"]) for o in case.scene["objects"]} == {"test"}
    assert case.clip_words and case.mask.any() and case.truths


@pytest.mark.parametrize(("edit", "words"), [
    ({"op": "remove", "target": "mug-1"}, "an oak wood table"),
    ({"op": "remove", "target": "mug-1", "mirror": True}, "a mirror"),
    ({"op": "replace", "target": "mug-1", "kind": "apple", "colour": "red"}, "a red apple"),
    ({"op": "add", "kind": "apple", "colour": "green", "relation": "left"}, "a green apple"),
    ({"op": "recolour", "target": ["mug-1", "cat-1"], "colour": "blue"}, "a blue mug and a blue cat"),
    ({"op": "resize", "target": "mug-1", "factor": 1.5}, "a large mug"),
    ({"op": "resize", "target": "mug-1", "factor": 0.65}, "a small mug"),
    ({"op": "move", "target": "cat-1", "relation": "left"}, "a cat"),
    ({"op": "surface", "part": "wall", "to": "brick"}, "brick wall"),
    ({"op": "light", "to": "night lamp"}, "night lamp light"),
])  # fmt: skip
def test_clip_words_say_what_is_seen_afterwards(edit, words):
    scene = {"table": "oak wood", "objects": [{"id": "mug-1", "kind": "mug"}, {"id": "cat-1", "kind": "cat"}]}
    assert clip_words(edit, scene) == words


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

    monkeypatch.setattr("smartedit.bench.rendered.make_case", make)
    case = planned.render()
    assert len(offered) == 2 and np.array_equal(np.asarray(case.truths[0]), offered[1].after)


def test_a_place_without_a_scene_says_so():
    with pytest.raises(SceneError, match="another --seed"):
        replace(world_cases("validation", 1, size=64)[0], group="add", op="light").render()
