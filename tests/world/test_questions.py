"""Captions, questions and knowledge texts: every answer is true and in known words."""

import re

import numpy as np
import pytest
from handmade import COLOURS, described, mirrored, scenes, thing
from hypothesis import given
from hypothesis import strategies as st

from smartedit.world.knowledge import facts
from smartedit.world.lexicon import NOUNS, NUMBERS, split_words
from smartedit.world.phrasing import vocabulary
from smartedit.world.questions import (
    TEMPLATES,
    TEXT_WHAT,
    caption,
    explained_texts,
    knowledge_texts,
    questions,
    region_phrases,
    said_again,
    sentences,
)
from smartedit.world.references import visible
from smartedit.world.replies import cells, parse_reply
from smartedit.world.splits import SPLITS

KNOWN = set(vocabulary())
TABLE = described(
    mirrored(thing("cat-1", "orange", -1.0, 0.5, 0.7)),
    thing("cat-2", "black", 0.6, -0.4, 1.4),
    thing("knife-1", "silver", 1.1, 0.4),
    mirror=True,
)


#: The questions that need a picture.
_PICTURED = TEMPLATES[: TEMPLATES.index(TEXT_WHAT)]


def _asked(scene: dict, n: int, seed: int = 0, split: str = "train") -> list[tuple[str, str]]:
    return questions(scene, np.random.default_rng(seed), n, split)


def test_vocabulary_is_complete_and_small():
    words = vocabulary()
    assert list(words) == sorted(set(words)) and len(words) <= 2600
    assert {str(n) for n in range(16)} <= KNOWN and {".", ",", "?", ":", "grey", "knives", "zero"} <= KNOWN
    assert not any("{" in word or " " in word for word in words)


def test_captions():
    said = caption(TABLE, np.random.default_rng(1))
    names, _, setting = said.partition(" on ")
    assert re.fullmatch(r"(an? \w+ \w+( , | and )?)+", names)
    assert setting == "white marble , cream wall , a mirror on the wall , day light"
    assert {"an orange cat", "a black cat", "a silver knife"} == set(re.split(" , | and ", names))
    assert caption(described(), np.random.default_rng(0)) == "nothing on white marble , cream wall , day light"


def test_region_phrases():
    hidden = thing("dog-1") | {"visible": 10}
    assert region_phrases(described(thing("scissors-1", "red"), hidden)) == {"scissors-1": "a pair of red scissors"}


@given(scenes(), st.sampled_from(SPLITS), st.integers(0, 999))
def test_answers_point_at_what_is_there(scene, split, seed):
    seen = {(t["kind"], t["colour"], cells(t["box"]), False) for t in visible(scene["objects"])}
    seen |= {(t["kind"], t["colour"], cells(t["mirror_box"]), True) for t in visible(scene["objects"], mirror=True)}
    for question, answer in _asked(scene, 8, seed, split):
        assert {(f["kind"], f["colour"], f["box"], f["mirror"]) for f in parse_reply(answer)} <= seen
        assert set(split_words(question + " " + answer)) <= KNOWN
        assert "{" not in question and question == question.lower()


@given(scenes(), st.integers(0, 999))
def test_counts_and_presence_are_true(scene, seed):
    things = visible(scene["objects"])
    for question, answer in _asked(scene, 30, seed):
        if answer in NUMBERS and re.search("(objects|things|items)", question):
            colour = next((word for word in split_words(question) if word in COLOURS), None)
            assert NUMBERS[sum(colour in (None, t["colour"]) for t in things)] == answer
        if answer in ("yes", "no"):
            kind = next(word for word in split_words(question) if word in NOUNS)
            assert answer == "no" or any(t["kind"] == kind for t in things)


def test_known_answers():
    answers = dict(_asked(TABLE, 3000))
    here = {q.split(": ")[-1].removeprefix("in this picture, ").removeprefix("now, "): a for q, a in answers.items()}
    assert here["how many cats are there?"] == "two"
    assert here["is there a knife?"] == "yes"
    assert {a for q, a in here.items() if a in ("yes", "no") and "dog" in q} == {"no"}
    assert here["what is the table made of?"] == "white marble"
    assert here["which cat is bigger?"].startswith("black cat at")
    assert here["where is the knife?"].startswith("silver knife at")
    assert here["what is in the mirror?"].startswith("orange cat in the mirror at")
    assert here["what is left of the knife?"].startswith("orange cat at")
    assert here["what colour is the knife?"] == "silver"
    known = [a for a in here.values() if " means knife . " in a]
    assert len(known) > 20 and all(a.partition(" . ")[2].startswith("silver knife at") for a in known)


def test_an_empty_table_can_be_asked_about():
    assert len(_asked(described(), 20)) == 20


@pytest.mark.parametrize("split", SPLITS)
def test_every_question_can_be_asked_in_every_split(split):
    assert all(sentences(templates, split) for templates in _PICTURED)
    others = {s for other in SPLITS if other != split for templates in _PICTURED for s in sentences(templates, other)}
    assert not others & {s for templates in _PICTURED for s in sentences(templates, split)}


def test_training_questions_use_every_word():
    def words(splits):
        found = (s for split in splits for templates in _PICTURED for s in sentences(templates, split))
        return {w for s in found for w in split_words(s)}

    assert words(SPLITS) == words(["train"])


def test_the_same_seed_gives_the_same_questions():
    assert _asked(TABLE, 20, 3) == _asked(TABLE, 20, 3) != _asked(TABLE, 20, 4)


def test_knowledge_texts_tell_every_fact_truly():
    texts = dict(knowledge_texts())
    assert knowledge_texts() == knowledge_texts()
    assert {w for text in texts.items() for part in text for w in split_words(part)} <= KNOWN
    for fact in facts().values():
        for words in fact.wordings:
            assert set(texts[f"what {words}?"].split(" , ")) == fact.kinds
    by_wording = {words: fact for fact in facts().values() for words in fact.wordings}
    for question, answer in texts.items():
        if answer in ("true", "false"):
            told = re.fullmatch(r".*a thing like an? (?:pair of |loaf of )?(\w+) (.*?)\??", question)
            kind, words = told.groups()
            fact = by_wording[words]
            assert kind in fact.kinds if answer == "true" else not fact.may_be(kind), question


def test_explained_texts_repeat_the_words_of_a_fact_and_say_what_is_meant():
    told = {
        words: kind for fact in facts().values() if len(fact.kinds) == 1 for kind in fact.kinds for words in fact.wordings
    }
    texts = explained_texts()
    assert len(texts) >= 2 * len(told)
    for question, answer in texts:
        words, kind = answer.split(" means ")
        assert told[words] == kind and question.endswith(f" {words}?")
    assert {answer.split(" means ")[0] for _, answer in texts} == set(told)


@given(st.integers(0, 10**6))
def test_words_said_again_are_those_asked_for_and_known(seed):
    question, answer = said_again(np.random.default_rng(seed))
    assert question.endswith(f" {answer}") and question != answer
    assert 3 <= len(answer.split()) <= 8 and set(split_words(question)) <= KNOWN
