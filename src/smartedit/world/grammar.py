"""Ways to tell an edit: requests (politeness x verb phrase) and wishes for every operation, each with its own name.

A template with its operation, such as `remove|could you take {x} away?`, is a wording; `splits.wording_split` says in
which split it may be used.
"""

from __future__ import annotations

from functools import cache

from smartedit.world.splits import wording_split
from smartedit.world.templates import GRAMMAR, REQUESTS, WISHES

#: Operation of an edit -> the keys of `GRAMMAR` that word it.
KEYS = {"resize": ("bigger", "smaller"), "surface": ("table", "wall")}


@cache
def sentences(key: str, split: str | None = None) -> tuple[str, ...]:
    """All templates of one row of `GRAMMAR`, or those of one split."""
    verbs, wishes = GRAMMAR[key]
    every = [request.replace("{v}", verb) for request in REQUESTS for verb in verbs]
    every += [wish.replace("{w}", sentence) for wish in WISHES for sentence in wishes]
    return tuple(s for s in every if split is None or wording_split(wording_id(key, s)) == split)


def wording_id(key: str, sentence: str) -> str:
    """The name under which `splits.wording_split` knows a template."""
    return f"{key}|{sentence}"


def wordings(op: str) -> list[str]:
    """The ids of every wording of an operation ("remove", ..., "resize", "surface", "light", "paint")."""
    return [wording_id(key, sentence) for key in KEYS.get(op, (op,)) for sentence in sentences(key)]


def operation(edit: object) -> str:
    """The name of an edit's operation: "remove", "replace", ..., "paint"."""
    return type(edit).__name__.lower()
