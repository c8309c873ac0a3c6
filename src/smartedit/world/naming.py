"""How a reference is said: `noun_phrase` words one in many ways, never two different ones alike."""

from __future__ import annotations

import numpy as np

from smartedit.world import knowledge
from smartedit.world.lexicon import ANYTHING, GENERIC, is_plural, join, plural
from smartedit.world.references import Reference

#: Pick -> templates; {n} is the noun with its colour ("red cat"), {s} the plural noun.
PICKS: dict[str, tuple[str, ...]] = {
    "left": (
        "the {n} on the left",
        "the {n} on the left side",
        "the {n} on the left hand side",
        "the left {n}",
        "the left hand {n}",
        "the {n} to the left",
        "the {n} that is on the left",
        "the {n} standing on the left",
        "the left one of the {s}",
        "the left one of the two {s}",
    ),
    "leftmost": (
        "the leftmost {n}",
        "the {n} furthest to the left",
        "the {n} on the far left",
        "the {n} farthest left",
        "the first {n} from the left",
        "the leftmost of the {s}",
    ),
    "middle": (
        "the {n} in the middle",
        "the middle {n}",
        "the {n} in the centre",
        "the {n} in the center",
        "the {n} between the other two",
        "the middle one of the {s}",
    ),
    "front": (
        "the {n} in front",
        "the front {n}",
        "the {n} at the front",
        "the {n} closer to us",
        "the nearer {n}",
        "the {n} nearer to the viewer",
        "the closer {n}",
    ),
    "back": (
        "the {n} at the back",
        "the back {n}",
        "the {n} in the back",
        "the {n} further away",
        "the {n} farther away",
        "the {n} nearer to the wall",
        "the {n} closer to the wall",
    ),
    "smaller": (
        "the smaller {n}",
        "the smaller of the {s}",
        "the smaller of the two {s}",
        "the {n} that is smaller",
        "the tinier {n}",
        "the little {n}",
        "the small {n}",
        "the smaller one of the {s}",
        "the {n} of smaller size",
    ),
    "bigger": (
        "the bigger {n}",
        "the larger {n}",
        "the bigger of the {s}",
        "the larger of the two {s}",
        "the bigger of the two {s}",
        "the {n} that is bigger",
        "the {n} that is larger",
        "the big {n}",
        "the large {n}",
        "the bigger one of the {s}",
        "the {n} of larger size",
    ),
    "smallest": (
        "the smallest {n}",
        "the tiniest {n}",
        "the smallest of the {s}",
        "the {n} that is smallest",
        "the smallest of all the {s}",
        "the {n} of the smallest size",
    ),
    "largest": (
        "the largest {n}",
        "the biggest {n}",
        "the biggest of the {s}",
        "the largest of the {s}",
        "the {n} that is largest",
        "the {n} that is biggest",
        "the largest of all the {s}",
    ),
}


def _mirrored(templates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(t.replace("left", "right") for t in templates)


PICKS |= {"right": _mirrored(PICKS["left"]), "rightmost": _mirrored(PICKS["leftmost"])}

RELATED: dict[str, tuple[str, ...]] = {
    "left of": (
        "the {n} left of {a}",
        "the {n} to the left of {a}",
        "the {n} on the left of {a}",
        "the {n} that is left of {a}",
        "the {n} on the left side of {a}",
    ),
    "next to": (
        "the {n} next to {a}",
        "the {n} beside {a}",
        "the {n} closest to {a}",
        "the {n} nearest to {a}",
        "the {n} by {a}",
        "the {n} right beside {a}",
        "the {n} near {a}",
    ),
}
RELATED["right of"] = _mirrored(RELATED["left of"])

MIRROR = (
    "the {n} in the mirror",
    "the {n} that is seen in the mirror",
    "the {n} inside the mirror",
    "the {n} shown in the mirror",
    "the reflection of the {n}",
    "the mirror image of the {n}",
    "the reflected {n}",
    "the {n} reflected in the mirror",
    "the {n} as seen in the mirror",
    "the image of the {n} in the mirror",
)
PLAIN = ("the {n}",)
COLOURED = ("the {n}", "the {n}", "the {n}", "the {p} that is {c}", "the {p} which is {c}", "the {c} coloured {p}")
BOTH = ("both {s}", "both of the {s}", "both the {s}", "the two {s}")
ALL = ("all {s}", "all the {s}", "all of the {s}", "every {n}", "each {n}", "every single {n}", "every one of the {s}")
FACT = ("the {g} that {f}", "the {g} which {f}", "the {g} here that {f}", "the one {g} that {f}", "whatever {f}")

#: Relation of a move or an addition -> ways to say where; {a} is the anchor.
PLACES: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of {a}", "left of {a}", "on the left of {a}", "to the left side of {a}"),
    "right of": ("to the right of {a}", "right of {a}", "on the right of {a}", "to the right side of {a}"),
    "in front of": ("in front of {a}", "directly in front of {a}", "just in front of {a}", "at the front of {a}"),
    "behind": ("behind {a}", "directly behind {a}", "just behind {a}", "at the back of {a}"),
}

#: Relation without an anchor -> (after a verb of motion, after a verb of rest).
SPOTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    side: (
        (f"to the {name} of the table", f"to the {name} side of the table", f"over to the {name} of the picture"),
        (f"{place} of the table", f"{place} of the picture", f"{place} of the scene"),
    )
    for side, name, place in (
        ("on the left", "left", "on the left side"),
        ("on the right", "right", "on the right side"),
        ("in the middle", "middle", "in the middle"),
        ("at the front", "front", "at the front"),
        ("at the back", "back", "at the back"),
    )
}


def noun_phrase(reference: Reference, rng: np.random.Generator) -> str:
    """One way to say the reference, in lower case without final punctuation."""
    first = _single(reference, rng)
    return first if reference.also is None else f"{first} and {_single(reference.also, rng)}"


def _choose(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _single(reference: Reference, rng: np.random.Generator) -> str:
    if reference.fact is not None:
        return _by_fact(reference, rng)
    bare = reference.kind or _choose(ANYTHING, rng)
    colour = _spelt(reference.colour, rng)
    anchor = "" if reference.anchor is None else noun_phrase(reference.anchor, rng)
    words = {"n": join(colour, bare), "p": bare, "c": colour, "s": plural(bare, colour), "a": anchor}
    phrase = _choose(templates(reference), rng).format(**words)
    return phrase.replace(" is ", " are ") if is_plural(bare) else phrase


def templates(reference: Reference) -> tuple[str, ...]:
    """The noun phrase templates that fit a reference without a fact."""
    if reference.mirror:
        return MIRROR
    if reference.number != "one":
        return BOTH if reference.number == "both" else ALL
    if reference.pick is not None:
        return PICKS[reference.pick]
    if reference.anchor is not None:
        return RELATED[reference.relation]
    return PLAIN if reference.colour is None else COLOURED


def _spelt(colour: str | None, rng: np.random.Generator) -> str | None:
    return "grey" if colour == "gray" and rng.random() < 0.5 else colour


def _by_fact(reference: Reference, rng: np.random.Generator) -> str:
    fact = knowledge.fact(reference.fact)
    kind = next(iter(sorted(fact.kinds)))
    generic = {GENERIC[k] for k in fact.kinds}
    noun = GENERIC[kind] if len(generic) == 1 and rng.random() < 0.5 else _choose(ANYTHING, rng)
    return _choose(FACT, rng).format(g=noun, f=_choose(fact.wordings, rng))
