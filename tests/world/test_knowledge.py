"""Knowledge: enough of it for every kind, clearly worded, and fairly divided."""

from collections import Counter

import pytest

from smartedit.world.knowledge import Fact, fact, facts, facts_of
from smartedit.world.lexicon import NOUNS, split_words
from smartedit.world.objects import KINDS
from smartedit.world.splits import SPLITS, fact_role

ROLES = ("edit", "validation", "test")


def test_language_and_world_have_the_same_kinds():
    assert set(NOUNS) == set(KINDS)


@pytest.mark.parametrize("kind", NOUNS)
def test_every_kind_is_well_known(kind):
    known = facts_of(kind)
    own = [f for f in known if f.kinds == {kind}]
    assert len(known) >= 12 and len(own) >= 4
    assert all(Counter(fact_role(f.id) for f in own)[role] >= 2 for role in ROLES)
    assert set(known) == {f for role in ROLES for f in facts_of(kind, role)}


def test_few_facts_are_for_training_edits():
    roles = Counter(fact_role(id) for id in facts())
    assert set(roles) == set(ROLES) and set(ROLES) - {"edit"} <= set(SPLITS)
    assert roles["edit"] <= 0.25 * len(facts())


def test_wordings_are_short_plain_and_unmistakable():
    wordings = [w for f in facts().values() for w in f.wordings]
    assert len(wordings) == len(set(wordings))
    assert all(len(f.wordings) >= 3 for f in facts().values())
    assert all(w == " ".join(split_words(w)) and w.replace(" ", "").isalpha() and len(w.split()) <= 8 for w in wordings)


def test_no_wording_of_a_fact_gives_its_kind_away():
    for f in facts().values():
        names = {form for kind in f.kinds for form in (kind, kind + "s")}
        assert not any(names & set(w.split()) for w in f.wordings), f.id


def test_unsure_kinds_are_kept_apart():
    for f in facts().values():
        assert f.kinds and not f.kinds & f.unsure
        assert all(f.may_be(kind) for kind in f.kinds | f.unsure)
        assert sum(f.may_be(kind) for kind in NOUNS) == len(f.kinds | f.unsure)


@pytest.mark.parametrize(
    ("words", "kinds", "not_kinds"),
    [
        ("cuts fruit", {"knife"}, {"fork", "spoon"}),
        ("tells the time", {"clock"}, {"lamp", "robot"}),
        ("catches mice", {"cat"}, {"dog", "elephant"}),
        ("is a kind of fruit", {"apple", "banana", "lemon", "pear"}, {"carrot", "cake"}),
        ("keeps you dry in the rain", {"umbrella"}, {"book"}),
        ("has wheels", {"car", "train"}, {"boat"}),
    ],
)
def test_well_known_truths(words, kinds, not_kinds):
    (found,) = [f for f in facts().values() if words in f.wordings]
    assert found.kinds == kinds
    assert not any(found.may_be(kind) for kind in not_kinds)
    assert isinstance(fact(found.id), Fact)
