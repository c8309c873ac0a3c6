"""Words for things: what a kind is called alone, in number and in general, and how text is cut into words."""

from __future__ import annotations

import re
from functools import cache

_GENERIC = {
    "animal": "cat dog rabbit duck turtle elephant fish",
    "food": "apple banana lemon pear carrot bread egg cake",
    "vehicle": "car train boat",
    "tool": "hammer scissors pencil key",
    "thing": "knife fork spoon mug glass bowl plate teapot bottle pan clock candle lamp book umbrella vase plant hat "
    "shoe ball die robot drum guitar",
}

#: Kind -> the noun that names its class ("animal", "food", "vehicle", "tool", else "thing").
GENERIC: dict[str, str] = {kind: noun for noun, kinds in _GENERIC.items() for kind in kinds.split()}

#: Every kind this language can talk about.
NOUNS: tuple[str, ...] = tuple(GENERIC)

#: Nouns for an object of unknown kind.
ANYTHING = ("object", "thing", "item")

_PLURALS = {"knife": "knives", "glass": "glasses", "die": "dice", "fish": "fish", "scissors": "pairs of scissors"}
_PLURALS |= {"bread": "loaves of bread"}
_COUNTED = {"scissors": "pair of", "bread": "loaf of"}

#: Number words of counting answers.
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_TOKEN = re.compile(r"[a-z]+|[0-9]+|[^\sa-z0-9]")


def split_words(text: str) -> list[str]:
    """`text` in lower case, cut into words, whole numbers and single punctuation marks."""
    return _TOKEN.findall(text.lower())


def join(*parts: str | None) -> str:
    """The non-empty parts with single spaces between them."""
    return " ".join(part for part in parts if part)


def article(word: str) -> str:
    """`"an"` before a vowel, else `"a"`."""
    return "an" if word[0] in "aeiou" else "a"


@cache
def indefinite(kind: str, colour: str | None = None) -> str:
    """`"an orange cat"`, `"a pair of red scissors"`."""
    phrase = join(_COUNTED.get(kind), colour, kind)
    return f"{article(phrase)} {phrase}"


@cache
def plural(kind: str, colour: str | None = None) -> str:
    """`"red knives"`, `"pairs of red scissors"`."""
    words = _PLURALS.get(kind, kind + "s")
    head, _, tail = words.rpartition(" ")
    return join(head, colour, tail)


def is_plural(kind: str) -> bool:
    """Whether the bare noun takes a plural verb ("the scissors are")."""
    return kind == "scissors"
