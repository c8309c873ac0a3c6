"""Instructions: enough wordings, fenced by split, and always about exactly the edited objects."""

import re

import numpy as np
import pytest
from handmade import described, mirrored, scenes, thing
from hypothesis import given
from hypothesis import strategies as st

from smartedit.world import knowledge
from smartedit.world.edits import Add, Light, Move, Paint, Recolour, Remove, Replace, Resize, Surface
from smartedit.world.grammar import sentences
from smartedit.world.lexicon import split_words
from smartedit.world.phrasing import instruct, vocabulary, wordings
from smartedit.world.references import resolve
from smartedit.world.referring import GROUPS
from smartedit.world.splits import SPLITS, fact_role, wording_split
from smartedit.world.templates import GRAMMAR

OPS = ("remove", "replace", "recolour", "resize", "move", "add", "surface", "light", "paint")
KNOWN = set(vocabulary())
TABLE = described(
    mirrored(thing("cat-1", "red", -1.0, 0.5, 0.7)),
    thing("cat-2", "blue", 0.6, -0.4, 1.4),
    thing("mug-1", "red", 0.0, 0.3),
    thing("knife-1", "silver", 1.1, 0.4),
    mirror=True,
)


def _edits(targets: tuple[str, ...], mirror: bool) -> list:
    made = [Remove(targets, mirror=mirror), Replace(targets, "pear", "green", mirror=mirror)]
    made += [kind(targets, "green", mirror=mirror) for kind in (Recolour, Paint)]
    return made if mirror else [*made, *(Resize(targets, f) for f in (1.5, 0.65)), Move(targets[:1], "on the left")]


@pytest.mark.parametrize("op", OPS)
def test_an_operation_has_many_wordings_in_every_split(op):
    ids = wordings(op)
    assert len(ids) == len(set(ids)) >= 30
    assert {wording_split(id) for id in ids} == set(SPLITS)
    assert sum(wording_split(id) == "train" for id in ids) > 0.55 * len(ids)


@pytest.mark.parametrize("key", GRAMMAR)
def test_templates_have_their_slots(key):
    wanted = {"replace": {"x", "new"}, "recolour": {"x", "c"}, "paint": {"x", "c"}}
    wanted |= {key: {"s"} for key in ("table", "wall", "light")}
    for sentence in sentences(key):
        slots = re.findall(r"{(\w+)}", sentence)
        assert len(slots) == len(set(slots)), sentence
        places = {"to", "at"} & set(slots)
        if key in ("move", "add"):
            assert len(places) == 1 and set(slots) - places == {"x" if key == "move" else "new"}, sentence
        else:
            assert set(slots) == wanted.get(key, {"x"}), sentence


def test_training_wordings_use_every_word():
    def words(split):
        return {w for key in GRAMMAR for s in sentences(key, split) for w in split_words(re.sub(r"{\w+}", "", s))}

    assert words(None) == words("train")


def test_painting_is_never_taken_for_recolouring():
    assert not set(sentences("paint")) & set(sentences("recolour"))
    mark = re.compile("pixels|mask|mark|highlight|layer|segment")
    assert all(mark.search(s) for s in sentences("paint"))
    assert not any(mark.search(s) for s in sentences("recolour"))


@given(scenes(), st.sampled_from(GROUPS), st.sampled_from(SPLITS), st.integers(0, 999))
def test_instructions_mean_exactly_the_targets(scene, group, split, seed):
    rng = np.random.default_rng(seed)
    ids = [t["id"] for t in scene["objects"]]
    count = min(len(ids), 2 if group == "multiple" else 1)
    targets = tuple(ids[int(i)] for i in rng.permutation(len(ids))[:count])
    for edit in _edits(targets, group == "mirror"):
        told = instruct(scene, edit, rng, group, split, scene)
        if told is None:
            continue
        assert set(resolve(told.reference, scene)) == set(targets[:1] if isinstance(edit, Move) else targets)
        assert wording_split(told.wording_id) == split
        assert (told.fact_id is not None) == (group == "reasoning")
        assert told.words == told.words.lower() and "{" not in told.words and "  " not in told.words
        assert 3 <= len(split_words(told.words)) <= 34
        assert set(split_words(told.words)) <= KNOWN


@given(st.integers(0, 10_000))
def test_reasoning_uses_only_facts_of_its_split(seed):
    for split, role in (("train", "edit"), ("validation", "validation"), ("test", "test")):
        told = instruct(TABLE, Remove(("knife-1",)), np.random.default_rng(seed), "reasoning", split, TABLE)
        assert fact_role(told.fact_id) == role
        fact = knowledge.fact(told.fact_id)
        assert [t["id"] for t in TABLE["objects"] if fact.may_be(t["kind"])] == ["knife-1"]
        assert any(wording in told.words for wording in fact.wordings)
        assert "knife" not in told.words


def test_a_colour_never_runs_into_the_new_colour():
    rng = np.random.default_rng(0)
    said = [instruct(TABLE, Recolour(("cat-1",), "green"), rng, "colour", "train", TABLE).words for _ in range(300)]
    assert not any("red green" in words or "grey green" in words for words in said)


@pytest.mark.parametrize(
    ("edit", "group", "words"),
    [
        (Add("ball", "red", "left of", "mug-1"), "add", "a red ball"),
        (Add("scissors", "orange", "on the left"), "add", "a pair of orange scissors"),
        (Surface("table", "oak wood"), "plain", "oak wood"),
        (Surface("wall", "brick"), "plain", "brick"),
        (Light("night lamp"), "plain", "night lamp"),
        (Replace(("cat-1", "cat-2"), "knife", "red"), "multiple", "red knives"),
        (Replace(("mug-1",), "egg", "orange"), "plain", "an orange egg"),
        (Move(("mug-1",), "behind", "knife-1"), "plain", "the knife"),
    ],
)
def test_the_new_thing_is_named(edit, group, words):
    said = [instruct(TABLE, edit, np.random.default_rng(seed), group, "train", TABLE).words for seed in range(20)]
    assert sum(words in sentence for sentence in said) > 8
    assert len(set(said)) > 12


@pytest.mark.parametrize(
    ("edit", "group"),
    [
        (Remove(("cat-1",), mirror=True), "plain"),
        (Remove(("cat-1",)), "mirror"),
        (Remove(("cat-1",)), "add"),
        (Remove(("cat-2",), mirror=True), "mirror"),
        (Add("ball", "red", "on the left"), "plain"),
        (Light("night lamp"), "colour"),
        (Remove(("mug-1",)), "colour"),
        (Remove(("mug-1",)), "relative-size"),
    ],
)
def test_what_a_group_cannot_say_is_not_said(edit, group):
    assert instruct(TABLE, edit, np.random.default_rng(0), group, "train", TABLE) is None


def test_an_unknown_group_is_an_error():
    with pytest.raises(ValueError, match="unknown group 'plainly'"):
        instruct(TABLE, Remove(("cat-1",)), np.random.default_rng(0), "plainly", "train", TABLE)


def test_the_same_seed_gives_the_same_words():
    edit = Remove(("cat-1",))
    said = [instruct(TABLE, edit, np.random.default_rng(seed), "left-right", "test", TABLE) for seed in (5, 5, 6)]
    assert said[0] == said[1] != said[2]
