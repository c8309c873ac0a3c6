"""What references resolve to, and that words and meaning go together one to one."""

from itertools import product

import numpy as np
import pytest
from handmade import COLOURS, KINDS, described, mirrored, scenes, thing
from hypothesis import given
from hypothesis import strategies as st

from smartedit.world import knowledge
from smartedit.world.naming import FACT, PICKS, RELATED, noun_phrase, templates
from smartedit.world.references import VISIBLE_PIXELS, Reference, resolve
from smartedit.world.referring import GROUPS, refer
from smartedit.world.scene import Object, Scene

TABLE = described(
    mirrored(thing("cat-1", "red", -1.0, 0.5, 0.7)),
    thing("cat-2", "blue", 0.6, -0.4, 1.4),
    thing("mug-1", "red", 0.0, 0.3),
    thing("dog-1", "gray", 1.1, 0.4),
    mirror=True,
)
MUG = Reference(kind="mug")


@pytest.mark.parametrize(
    ("reference", "ids"),
    [
        (MUG, ["mug-1"]),
        (Reference(kind="cat"), ["cat-1", "cat-2"]),
        (Reference(kind="cat", colour="blue"), ["cat-2"]),
        (Reference(colour="red"), ["cat-1", "mug-1"]),
        (Reference(kind="cat", pick="left"), ["cat-1"]),
        (Reference(kind="cat", pick="rightmost"), ["cat-2"]),
        (Reference(pick="rightmost"), ["dog-1"]),
        (Reference(kind="cat", pick="front"), ["cat-1"]),
        (Reference(kind="cat", pick="back"), ["cat-2"]),
        (Reference(kind="cat", pick="smaller"), ["cat-1"]),
        (Reference(kind="cat", pick="largest"), ["cat-2"]),
        (Reference(kind="cat", relation="left of", anchor=MUG), ["cat-1"]),
        (Reference(kind="cat", relation="right of", anchor=MUG), ["cat-2"]),
        (Reference(kind="dog", relation="left of", anchor=MUG), []),
        (Reference(relation="next to", anchor=Reference(kind="dog")), ["cat-2"]),
        (Reference(kind="cat", mirror=True), ["cat-1"]),
        (Reference(kind="dog", mirror=True), []),
        (Reference(kind="mug", also=Reference(kind="dog")), ["mug-1", "dog-1"]),
        (Reference(kind="cat", number="both"), ["cat-1", "cat-2"]),
        (Reference(fact=knowledge.facts_of("dog")[0].id), ["dog-1"]),
    ],
)
def test_resolves(reference, ids):
    if reference.relation == "next to":
        assert set(ids) <= set(resolve(reference, TABLE))
    else:
        assert list(resolve(reference, TABLE)) == ids


def test_what_is_too_close_to_call_stays_ambiguous():
    near = described(thing("cat-1", x=0.0, size=1.0), thing("cat-2", x=0.1, size=1.2), thing("mug-1", x=0.05))
    for pick in ("left", "right", "front", "back", "smaller", "largest"):
        assert len(resolve(Reference(kind="cat", pick=pick), near)) == 2, pick
    assert resolve(Reference(kind="cat", relation="left of", anchor=MUG), near) == ()


def test_size_needs_picture_and_world_to_agree():
    looks_larger = thing("cat-1", x=-1, size=0.7) | {"box": [0.1, 0.1, 0.3, 0.9]}
    assert len(resolve(Reference(kind="cat", pick="smaller"), described(looks_larger, thing("cat-2", x=1)))) == 2


def test_two_of_three_are_not_a_pair():
    three = described(*(thing(f"cat-{i}", x=float(i - 1)) for i in range(3)))
    assert len(resolve(Reference(kind="cat", pick="left"), three)) == 3
    assert resolve(Reference(kind="cat", pick="middle"), three) == ("cat-1",)
    assert resolve(Reference(kind="cat", pick="leftmost"), three) == ("cat-0",)


def test_hidden_objects_are_not_meant():
    hidden = thing("cat-1") | {"visible": VISIBLE_PIXELS - 1}
    assert resolve(Reference(kind="cat"), described(hidden, thing("cat-2"))) == ("cat-2",)


def test_an_undescribed_scene_resolves_by_position():
    objects = (Object("cat-1", "cat", "red", -1.0, 0.0), Object("cat-2", "cat", "red", 1.0, 0.0))
    scene = Scene(0, objects, "sand", "cream", "day")
    assert resolve(Reference(kind="cat", pick="left"), scene) == ("cat-1",)
    assert resolve(Reference(kind="cat", mirror=True), scene) == ()


def test_the_mirror_is_believed_about_what_it_shows():
    scene = TABLE | {"reflected": [o | {"colour": "green"} for o in TABLE["objects"]]}
    assert resolve(Reference(kind="cat", colour="green", mirror=True), scene) == ("cat-1",)
    assert resolve(Reference(kind="cat", colour="green"), scene) == ()


@given(scenes(), st.sampled_from(GROUPS), st.integers(0, 999))
def test_refer_gives_exactly_what_was_asked_for(scene, group, seed):
    rng = np.random.default_rng(seed)
    ids = [t["id"] for t in scene["objects"]]
    wanted = {ids[int(i)] for i in rng.permutation(len(ids))[: 2 if group == "multiple" else 1]}
    reference = refer(scene, sorted(wanted), rng, group, "test", scene)
    if reference is not None:
        assert set(resolve(reference, scene)) == wanted
        assert reference.mirror == (group == "mirror") and (reference.fact is not None) == (group == "reasoning")


def test_every_group_finds_words():
    rng = np.random.default_rng(0)
    for group, ids in (
        ("plain", ["mug-1"]),
        ("left-right", ["cat-1"]),
        ("relative-size", ["cat-2"]),
        ("mirror", ["cat-1"]),
        ("colour", ["cat-1"]),
        ("multiple", ["cat-1", "cat-2"]),
        ("multiple", ["mug-1", "dog-1"]),
        ("reasoning", ["dog-1"]),
    ):
        assert refer(TABLE, ids, rng, group, "train", TABLE) is not None, group
    assert refer(TABLE, ["mug-1"], rng, "colour", "train", TABLE) is None
    assert refer(TABLE, ["cat-1"], rng, "reasoning", "train", TABLE) is None


def _every_reference() -> list[Reference]:
    kinds, colours = (*KINDS, None), (*COLOURS, None)
    picks, relations = tuple(PICKS), tuple(RELATED)
    some = [(k, c) for k, c in product(kinds, colours) if k or c]
    found = [Reference(kind=k, colour=c, mirror=m) for (k, c), m in product(some, (False, True))]
    found += [Reference(kind=k, colour=c, pick=p) for k, c, p in product(kinds, colours, picks)]
    found += [Reference(kind=k, colour=c, number=n) for (k, c), n in product(some, ("both", "all"))]
    anchors = [Reference(kind=k) for k in KINDS]
    found += [Reference(kind=k, relation=r, anchor=a) for k, r, a in product(kinds, relations, anchors)]
    return found


def test_the_same_words_never_mean_different_things():
    """Whatever the scene: two references that can share words are one and the same, or cannot both be unambiguous."""
    meaning: dict[str, Reference] = {}
    rng = np.random.default_rng(0)
    for reference in _every_reference():
        for _ in range(4 * len(templates(reference))):
            words = noun_phrase(reference, rng)
            assert meaning.setdefault(words, reference) == reference, words


def test_facts_share_no_wording_and_no_phrase_hides_another():
    rng = np.random.default_rng(0)
    facts = list(knowledge.facts().values())
    words = [noun_phrase(Reference(fact=fact.id), rng) for fact in facts]
    assert len(set(words)) == len(facts)
    assert len(FACT) > 3 and all("  " not in phrase and "{" not in phrase for phrase in words)
