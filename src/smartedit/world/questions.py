"""What the language model learns to say about pictures: captions, questions with answers, and pure knowledge.

Answers point with the same located phrase as replies ("silver knife at 3 9 7 11"), so that what is learned here carries
over to editing. `described` is the description of a scene (`describe`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from smartedit.world import knowledge
from smartedit.world.lexicon import ANYTHING, NOUNS, NUMBERS, indefinite, is_plural, join, plural
from smartedit.world.naming import noun_phrase
from smartedit.world.references import SIDE_MARGIN, SIZE_RATIO, VISIBLE_PIXELS, centre, mirrored, visible
from smartedit.world.referring import refer
from smartedit.world.replies import all_located, box_words, located
from smartedit.world.scene import COLOURS
from smartedit.world.splits import wording_split

Answer = tuple[str, str]

#: What may come before a question.
FRAMES = ("{q}", "{q}", "look: {q}", "look closely: {q}", "in this picture, {q}", "now, {q}")
FRAMES += ("please: {q}", "please look: {q}")

WHERE = ("where is {x}?", "find {x}", "locate {x}", "point at {x}", "point out {x}", "where do you see {x}?")
COUNT = ("how many {s} are there?", "how many {s} do you see?", "count the {s}", "what is the number of {s}?")
COLOUR = ("what colour is {x}?", "what color is {x}?", "which colour has {x}?", "what is the colour of {x}?")
THERE = ("is there {x}?", "do you see {x}?", "is {x} in the picture?", "does the picture show {x}?", "can you see {x}?")
FACT = ("which {g} {f}?", "which {g} here {f}?", "find the {g} that {f}", "where is the {g} that {f}?")
FACT += ("what here {f}?",)
AT = ("what is at {b}?", "what stands at {b}?", "name the object at {b}", "what do you see at {b}?")
TABLE = ("what is the table made of?", "which table is it?", "what is the surface of the table?")
WALL = ("what is the wall like?", "which wall is it?", "what is the background?")
LIGHT = ("what is the light like?", "which light is it?", "how is the scene lit?")
MIRROR = ("what is in the mirror?", "what do you see in the mirror?", "what does the mirror show?")
EVERYTHING = ("what is on the table?", "what do you see?", "name all the objects", "which objects are in the picture?")
BESIDE = ("what is {side} of {x}?", "what stands {side} of {x}?", "which objects are {side} of {x}?")
BIGGER = ("which {k} is {size}?", "which of the {s} is {size}?", "find the {size} one of the {s}")
FURTHER = ("which is further {side}, {x} or {y}?", "what is further to the {side}, {x} or {y}?")
TEXT_WHAT = ("what {f}?", "name something that {f}", "which thing {f}?")
TEXT_TRUE = ("true or false: {a} {f}", "is it true that {a} {f}?")
TEXT_ABOUT = ("what do you know about {a}?", "tell me something about {a}")
TEXT_MEANS = ("what is meant by the thing that {f}?", "which object is the one that {f}?")
TEXT_SAY = ("say {w}", "say again: {w}")

#: Every list of templates above.
TEMPLATES = (WHERE, COUNT, COLOUR, THERE, FACT, AT, TABLE, WALL, LIGHT, MIRROR, EVERYTHING, BESIDE, BIGGER, FURTHER)
TEMPLATES += (TEXT_WHAT, TEXT_TRUE, TEXT_ABOUT, TEXT_MEANS, TEXT_SAY)

_WHERE_GROUPS = ("plain", *("plain", "left-right", "colour") * 2, "relative-size", "mirror", "multiple")


def caption(described: Mapping, rng: np.random.Generator) -> str:
    """One line about the whole picture: "a red apple and a silver knife on oak wood , cream wall , day light"."""
    things = sorted(visible(described["objects"]), key=centre)
    if rng.random() < 0.5:
        things = [things[int(i)] for i in rng.permutation(len(things))]
    names = _listed([indefinite(t["kind"], t["colour"]) for t in things]) or "nothing"
    mirror = ", a mirror on the wall " if described.get("mirror") else ""
    return f"{names} on {described['table']} , {described['wall']} wall {mirror}, {described['light']} light"


def region_phrases(described: Mapping) -> dict[str, str]:
    """Id -> "a silver knife" for every visible object."""
    return {thing["id"]: indefinite(thing["kind"], thing["colour"]) for thing in visible(described["objects"])}


def questions(described: Mapping, rng: np.random.Generator, n: int, split: str = "train") -> list[Answer]:
    """n questions about the picture, asked in words of the split, with their answers."""
    found: list[Answer] = []
    while len(found) < n:
        answer = _ASKERS[int(rng.integers(len(_ASKERS)))](described, rng, split)
        if answer is not None:
            found.append(answer)
    return found


def _choose(options, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


@cache
def sentences(templates: tuple[str, ...], split: str) -> tuple[str, ...]:
    """The templates in every frame, those that belong to the split."""
    every = [frame.replace("{q}", template) for template in templates for frame in FRAMES]
    return tuple(s for s in every if wording_split(f"question|{s}") == split)


def _ask(templates: tuple[str, ...], split: str, rng: np.random.Generator, **slots: str) -> str:
    return _choose(sentences(templates, split), rng).format(**slots)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (" , ".join(words[:-1]), words[-1]))) if words else ""


def _where(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    group = _choose(_WHERE_GROUPS, rng)
    things = visible(mirrored(described) if group == "mirror" else described["objects"], group == "mirror")
    if len(things) < (2 if group == "multiple" else 1):
        return None
    many = int(rng.integers(2, min(len(things), 3) + 1)) if group == "multiple" else 1
    chosen = [things[int(i)] for i in rng.permutation(len(things))[:many]]
    if many > 1 and rng.random() < 0.5:
        chosen = [t for t in things if t["kind"] == chosen[0]["kind"]]
    reference = refer(described, [t["id"] for t in chosen], rng, group, described=described)
    if reference is None:
        return None
    question = _ask(WHERE, split, rng, x=noun_phrase(reference, rng))
    many = len(chosen) > 1 or is_plural(chosen[0]["kind"])
    single = re.search("every|each|reflection|image", question)
    return _agree(question, many and not single), all_located(chosen, reference.mirror)


def _agree(question: str, many: bool) -> str:
    return re.sub("(where|what colour|what color) is", r"\1 are", question) if many else question


def _pointed(described: Mapping, rng: np.random.Generator) -> tuple[Mapping, str] | None:
    """A random visible object with a noun phrase that singles it out."""
    things = visible(described["objects"])
    if not things:
        return None
    thing = _choose(things, rng)
    for group in (_choose(("plain", "left-right", "relative-size"), rng), "plain"):
        reference = refer(described, (thing["id"],), rng, group, described=described)
        if reference is not None and reference.colour is None:
            return thing, noun_phrase(reference, rng)
    return None


def _colour(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    pointed = _pointed(described, rng)
    if pointed is None:
        return None
    thing, phrase = pointed
    return _agree(_ask(COLOUR, split, rng, x=phrase), is_plural(thing["kind"])), thing["colour"]


def _at(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    things = visible(described["objects"])
    boxes = [box_words(t["box"]) for t in things if t.get("box")]
    if not things or len(set(boxes)) < len(things):
        return None
    index = int(rng.integers(len(things)))
    return _ask(AT, split, rng, b=boxes[index]), f"{things[index]['colour']} {things[index]['kind']}"


def _count(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    things = described["objects"]
    if any(0 < t.get("visible", VISIBLE_PIXELS) < VISIBLE_PIXELS for t in things):
        return None  # a sliver of an object may or may not count
    things = visible(things)
    kind = _some_kind(things, rng)
    colour = None if not things or rng.random() < 0.7 else _choose(things, rng)["colour"]
    if rng.random() < 0.2:
        kind = None
    number = sum(kind in (None, t["kind"]) and colour in (None, t["colour"]) for t in things)
    return _ask(COUNT, split, rng, s=plural(kind or _choose(ANYTHING, rng), colour)), NUMBERS[number]


def _some_kind(things: list[Mapping], rng: np.random.Generator) -> str:
    return _choose(NOUNS, rng) if not things or rng.random() < 0.3 else _choose(things, rng)["kind"]


def _there(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    everything = described["objects"]
    things = visible(everything)
    kind = _choose(NOUNS, rng) if not things or rng.random() < 0.5 else _choose(things, rng)["kind"]
    colour = None if rng.random() < 0.5 else _choose([t["colour"] for t in things] or list(COLOURS), rng)
    hits = [t for t in everything if t["kind"] == kind and colour in (None, t["colour"])]
    seen = [t for t in hits if t.get("visible", VISIBLE_PIXELS) >= VISIBLE_PIXELS]
    if hits and not seen:
        return None
    return _ask(THERE, split, rng, x=indefinite(kind, colour)), "yes" if seen else "no"


def _beside(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    pointed = _pointed(described, rng)
    if pointed is None:
        return None
    thing, phrase = pointed
    side = _choose(("left", "right"), rng)
    sign = -1 if side == "left" else 1
    others = [(t, sign * (centre(t) - centre(thing))) for t in visible(described["objects"]) if t is not thing]
    if any(abs(offset) <= SIDE_MARGIN for _, offset in others):
        return None
    answer = all_located([t for t, offset in others if offset > 0]) or "nothing"
    return _ask(BESIDE, split, rng, side=_choose((side, f"to the {side}"), rng), x=phrase), answer


def _further(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    things = visible(described["objects"])
    kinds = [t["kind"] for t in things]
    alone = [t for t in things if kinds.count(t["kind"]) == 1]
    if len(alone) < 2:
        return None
    first, second = (alone[int(i)] for i in rng.permutation(len(alone))[:2])
    offset = centre(second) - centre(first)
    if abs(offset) <= SIDE_MARGIN:
        return None
    side = _choose(("left", "right"), rng)
    answer = first if (offset > 0) == (side == "left") else second
    question = _ask(FURTHER, split, rng, side=side, x=f"the {first['kind']}", y=f"the {second['kind']}")
    return question, located(answer)


def _bigger(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    things = visible(described["objects"])
    kinds = [t["kind"] for t in things]
    pairs = [kind for kind in sorted(set(kinds)) if kinds.count(kind) == 2 and not is_plural(kind)]
    if not pairs:
        return None
    kind = _choose(pairs, rng)
    small, large = sorted((t for t in things if t["kind"] == kind), key=lambda t: t["size"])
    if large["size"] / small["size"] < SIZE_RATIO:
        return None
    size = _choose(("bigger", "larger", "smaller"), rng)
    return _ask(BIGGER, split, rng, k=kind, s=plural(kind), size=size), located(small if size == "smaller" else large)


def _fact(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    things = visible(described["objects"])
    if not things:
        return None
    thing = _choose(things, rng)
    fact = _choose(knowledge.facts_of(thing["kind"]), rng)
    if sum(fact.may_be(t["kind"]) for t in described["objects"]) != 1:
        return None
    said = _choose(fact.wordings, rng)
    question = _ask(FACT, split, rng, g=_choose(ANYTHING, rng), f=said)
    return question, f"{said} means {thing['kind']} . {located(thing)}"


def _mirror(described: Mapping, rng: np.random.Generator, split: str) -> Answer | None:
    if not described.get("mirror"):
        return (_ask(MIRROR, split, rng), "there is no mirror") if rng.random() < 0.2 else None
    shown = visible(mirrored(described), mirror=True)
    return _ask(MIRROR, split, rng), all_located(shown, mirror=True) or "nothing"


def _setting(described: Mapping, rng: np.random.Generator, split: str) -> Answer:
    part, asked = _choose((("table", TABLE), ("wall", WALL), ("light", LIGHT)), rng)
    return _ask(asked, split, rng), described[part]


def _everything(described: Mapping, rng: np.random.Generator, split: str) -> Answer:
    return _ask(EVERYTHING, split, rng), all_located(visible(described["objects"])) or "nothing"


#: Questions by how often they are asked: pointing and knowledge matter most to editing.
_ASKERS: tuple[Callable, ...] = (
    *(_where,) * 6,
    *(_fact,) * 16,
    *(_at, _beside, _further, _bigger) * 2,
    *(_colour, _count, _there, _mirror, _setting, _everything),
)


def knowledge_texts() -> list[Answer]:
    """Every fact in every wording as questions without a picture, always the same list."""
    return [text for fact in knowledge.facts().values() for words in fact.wordings for text in _texts(fact, words)]


def explained_texts() -> list[Answer]:
    """Those of `knowledge_texts` whose answers repeat the words of the fact before they say what is meant, as replies do."""
    return [text for fact in knowledge.facts().values() for words in fact.wordings for text in _explained(fact, words)]


def said_again(rng: np.random.Generator) -> Answer:
    """A few words of facts in any order, to be said again: what is no sentence cannot be known by heart, only read."""
    words = rng.choice(_fact_words(), size=rng.integers(3, 9))
    return _choose(TEXT_SAY, rng).format(w=" ".join(words)), " ".join(words)


@cache
def _fact_words() -> tuple[str, ...]:
    return tuple(sorted({word for fact in knowledge.facts().values() for said in fact.wordings for word in said.split()}))


def _explained(fact: knowledge.Fact, words: str) -> list[Answer]:
    if len(fact.kinds) > 1:
        return []
    (kind,) = fact.kinds
    return [(ask.format(f=words), f"{words} means {kind}") for ask in TEXT_MEANS]


def _texts(fact: knowledge.Fact, words: str) -> list[Answer]:
    kinds = [kind for kind in NOUNS if kind in fact.kinds]
    texts = [(ask.format(f=words), " , ".join(kinds)) for ask in TEXT_WHAT]
    texts += _explained(fact, words)
    wrong = [kind for kind in NOUNS if not fact.may_be(kind)]
    pick = len(words) * 7 + sum(map(ord, words))  # any fixed number that differs between wordings
    for kind in kinds:
        false = wrong[(pick + NOUNS.index(kind)) % len(wrong)]
        texts.append((TEXT_TRUE[pick % 2].format(a=join("a thing like", indefinite(kind)), f=words), "true"))
        texts.append((TEXT_TRUE[(pick + 1) % 2].format(a=join("a thing like", indefinite(false)), f=words), "false"))
        texts.append((TEXT_ABOUT[pick % 2].format(a=indefinite(kind)), words))
    return texts
