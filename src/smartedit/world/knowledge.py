"""What is known about things: facts that are true of some kinds, each worded several ways.

A wording completes "the thing that ..." and, with a subject, "a knife ...". `kinds` are those of which the fact is
clearly true; `unsure` are those a reader might also accept, so that neither may stand beside the intended object.
The facts are kept as text in `facts/*.txt`, one a line:

    id | kinds | unsure kinds | wording | wording | wording ...

where `@animal` stands for every kind whose generic noun is "animal".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from smartedit.world.lexicon import GENERIC, NOUNS
from smartedit.world.splits import fact_role

_FOLDER = Path(__file__).with_name("facts")


@dataclass(frozen=True)
class Fact:
    """Something that is true of `kinds`, arguable for `unsure`, and can be said with each of `wordings`."""

    id: str
    kinds: frozenset[str]
    unsure: frozenset[str]
    wordings: tuple[str, ...]

    def may_be(self, kind: str) -> bool:
        """Whether a reader might take the fact to mean this kind."""
        return kind in self.kinds or kind in self.unsure


@lru_cache(maxsize=1)
def facts() -> dict[str, Fact]:
    """Every fact by its id."""
    lines = [line for path in sorted(_FOLDER.glob("*.txt")) for line in path.read_text("utf-8").splitlines()]
    return {fact.id: fact for fact in map(_read, lines) if fact is not None}


def fact(id: str) -> Fact:
    """The fact with this id; KeyError where there is none."""
    return facts()[id]


@cache
def facts_of(kind: str, role: str | None = None) -> tuple[Fact, ...]:
    """The facts that are true of a kind; with `role` ("edit", "validation", "test") only those of that role."""
    return tuple(f for f in facts().values() if kind in f.kinds and role in (None, fact_role(f.id)))


def _read(line: str) -> Fact | None:
    if not line.strip() or line.startswith("#"):
        return None
    id, kinds, unsure, *wordings = (part.strip() for part in line.split("|"))
    return Fact(id, _kinds(kinds), _kinds(unsure) - _kinds(kinds), tuple(wordings))


def _kinds(words: str) -> frozenset[str]:
    named = {kind for word in words.split() for kind in NOUNS if word in (kind, f"@{GENERIC[kind]}")}
    unknown = [w for w in words.split() if w not in NOUNS and w.lstrip("@") not in GENERIC.values()]
    if unknown:
        raise ValueError(f"unknown kinds in the facts: {', '.join(unknown)}")
    return frozenset(named)
