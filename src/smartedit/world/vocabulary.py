"""Every word that the world's language can use: what a word-level tokenizer must know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from smartedit.world import grammar, knowledge, naming, questions
from smartedit.world.edits import PAINTS
from smartedit.world.lexicon import ANYTHING, GENERIC, NOUNS, NUMBERS, indefinite, plural, split_words
from smartedit.world.replies import GRID
from smartedit.world.scene import COLOURS
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS
from smartedit.world.templates import GRAMMAR

_REPLY_WORDS = "means remove recolour replace by bigger smaller move to add paint at and in the mirror table : ."
_ANSWER_WORDS = "yes no nothing there is are true false a an on , mirror wall light"
_SLOT = re.compile(r"\{[a-z]+\}")


@lru_cache(maxsize=1)
def vocabulary() -> tuple[str, ...]:
    """All words, numbers (0 ... 15) and punctuation marks that can occur, sorted."""
    texts = (_SLOT.sub(" ", text) for text in (*_templates(), *_texts()))
    return tuple(sorted({word for text in texts for word in split_words(text)}))


def _templates() -> Iterator[str]:
    yield from (sentence for key in GRAMMAR for sentence in grammar.sentences(key))
    yield from _flat(table.values() for table in (naming.PICKS, naming.RELATED, naming.PLACES, naming.SPOTS))
    yield from _flat((naming.PLAIN, naming.MIRROR, naming.COLOURED, naming.BOTH, naming.ALL, naming.FACT))
    yield from _flat((questions.FRAMES, *questions.TEMPLATES))


def _texts() -> Iterator[str]:
    yield from _flat((COLOURS, PAINTS, TABLES, WALLS, LIGHTS, GENERIC.values(), NOUNS, NUMBERS, ANYTHING))
    yield from _flat((map(plural, NOUNS), map(plural, ANYTHING), map(indefinite, NOUNS), map(str, range(GRID))))
    yield from _flat(fact.wordings for fact in knowledge.facts().values())
    yield from ("grey left right bigger larger smaller", _REPLY_WORDS, _ANSWER_WORDS)


def _flat(values: Iterable) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from _flat(value)
