"""Nothing that is used for training is used for validation or test: seeds, combinations, wordings, knowledge."""

from __future__ import annotations

from collections import Counter

import pytest

from smartedit.world import knowledge
from smartedit.world.checks import colours_of
from smartedit.world.edit_json import edit_from_json
from smartedit.world.engine import make_case, make_pairs
from smartedit.world.objects import KINDS
from smartedit.world.proposals import GROUPS
from smartedit.world.scene import Scene
from smartedit.world.splits import SEEDS, SPLITS, combination_split, fact_role, split_of_seed, wording_split
from smartedit.world.surfaces import TABLES

SCENES = 30


@pytest.fixture(scope="module")
def pairs():
    return {split: [pair for index in range(SCENES) for pair in make_pairs(split, index, 64)] for split in SPLITS}


def combinations(scene: Scene) -> set[tuple[str, str, str]]:
    things = scene.objects + (scene.reflected or ())
    return {(thing.kind, thing.colour, scene.table) for thing in things}


def test_seed_ranges_are_disjoint_and_own_their_seeds():
    ordered = sorted(SEEDS.values(), key=lambda seeds: seeds.start)
    assert all(one.stop <= other.start for one, other in zip(ordered, ordered[1:], strict=False))
    for split, seeds in SEEDS.items():
        assert {split_of_seed(seeds[0]), split_of_seed(seeds[-1])} == {split}
    with pytest.raises(ValueError, match="belongs to no split"):
        split_of_seed(-1)


def test_every_combination_has_one_split_in_the_promised_shares():
    every = [(kind, colour, table) for kind in KINDS for colour in colours_of(kind) for table in TABLES]
    shares = Counter(combination_split(*one) for one in every)
    assert sum(shares.values()) == len(every) > 3000
    for split, share in {"train": 0.8, "validation": 0.1, "test": 0.1}.items():
        assert shares[split] / len(every) == pytest.approx(share, abs=0.02)


def test_before_pictures_hold_only_combinations_of_their_split(pairs):
    for split in SPLITS:
        for pair in pairs[split]:
            assert pair.seed in SEEDS[split]
            assert {combination_split(*one) for one in combinations(Scene.from_json(pair.scene))} == {split}


def test_after_pictures_never_leak_into_training(pairs):
    for split in ("train", "validation"):
        for pair in pairs[split]:
            after = edit_from_json(pair.edit).apply(Scene.from_json(pair.scene))
            assert {combination_split(*one) for one in combinations(after)} <= {split}


def test_wordings_of_the_splits_are_disjoint(pairs):
    used = {split: {pair.wording for pair in pairs[split]} for split in SPLITS}
    for split in SPLITS:
        assert {wording_split(wording) for wording in used[split]} == {split}
    assert sum(map(len, used.values())) == len(set.union(*used.values()))


def test_facts_of_edits_and_of_evaluation_are_disjoint(pairs):
    role = {"train": "edit", "validation": "validation", "test": "test"}
    for split in SPLITS:
        facts = {pair.fact for pair in pairs[split]} - {None}
        assert facts
        assert {fact_role(fact) for fact in facts} == {role[split]}


def test_at_most_a_quarter_of_the_facts_may_occur_in_edits():
    roles = ("edit", "validation", "test")
    facts = {fact.id for kind in KINDS for role in roles for fact in knowledge.facts_of(kind, role)}
    shares = Counter(fact_role(fact) for fact in facts)
    assert shares["edit"] <= 0.25 * len(facts)
    assert all(shares[role] for role in roles)


@pytest.mark.parametrize("group", GROUPS)
def test_cases_keep_to_their_split(group):
    for split in ("validation", "test"):
        case = make_case(split, 1, group, size=64)
        assert case.seed in SEEDS[split] and wording_split(case.wording) == split
        assert {combination_split(*one) for one in combinations(Scene.from_json(case.scene))} == {split}
        assert case.fact is None or fact_role(case.fact) == split
