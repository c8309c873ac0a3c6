"""Finding words that single out given objects: `refer` proposes references of a group and keeps what fits exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from smartedit.world import knowledge
from smartedit.world.references import RELATIONS, Reference, objects_of, resolve, visible
from smartedit.world.scene import Scene

GROUPS = ("plain", "left-right", "relative-size", "mirror", "colour", "multiple", "reasoning", "add")

_SIDES = ("left", "right", "leftmost", "rightmost", "middle", "left", "right", "front", "back")
_SIZES = ("smaller", "bigger", "smallest", "largest")


def refer(
    scene: Scene | Mapping,
    ids: Sequence[str],
    rng: np.random.Generator,
    group: str,
    split: str = "train",
    described: Mapping | None = None,
) -> Reference | None:
    """A reference of the group that resolves to exactly these ids, or None where there is none.

    `described` is the description of the scene (`describe`), which knows what is visible; without it every object is
    taken as visible and no mirror image is. Raises ValueError for an unknown group.
    """
    if group not in GROUPS:
        raise ValueError(f"unknown group {group!r}; the groups are {', '.join(GROUPS)}")
    things = objects_of(scene if described is None else described, mirror=group == "mirror")
    wanted = [thing for thing in visible(things, group == "mirror") if thing["id"] in ids]
    if len(wanted) != len(set(ids)):
        return None
    view = {"objects": things}
    for reference in _proposals(group, wanted, things, rng, split):
        if set(resolve(reference, view)) == set(ids):
            return reference
    return None


def _proposals(
    group: str, wanted: list[Mapping], things: Sequence[Mapping], rng: np.random.Generator, split: str
) -> Iterator[Reference]:
    if group == "multiple":
        return _multiple(wanted, things, rng)
    if len(wanted) != 1:
        return iter(())
    target = wanted[0]
    twins = Counter(t["kind"] for t in visible(things, group == "mirror"))[target["kind"]] > 1
    if group in ("plain", "add", "mirror"):
        return _plain(target, rng, mirror=group == "mirror")
    if group == "reasoning":
        return _reasoning(target, rng, split)
    if group == "left-right":
        return _sides(target, things, rng, twins)
    if not twins:
        return iter(())
    return _colour(target, rng) if group == "colour" else _sizes(target, rng)


def _plain(target: Mapping, rng: np.random.Generator, mirror: bool = False) -> Iterator[Reference]:
    if rng.random() < 0.7:
        yield Reference(kind=target["kind"], mirror=mirror)
    yield Reference(kind=target["kind"], colour=target["colour"], mirror=mirror)


def _colour(target: Mapping, rng: np.random.Generator) -> Iterator[Reference]:
    if rng.random() < 0.15:
        yield Reference(colour=target["colour"])
    yield Reference(kind=target["kind"], colour=target["colour"])


def _shuffled(options: list[Reference], rng: np.random.Generator) -> Iterator[Reference]:
    return (options[int(i)] for i in rng.permutation(len(options)))


def _sides(target: Mapping, things: Sequence[Mapping], rng: np.random.Generator, twins: bool) -> Iterator[Reference]:
    kind, colour = target["kind"], target["colour"]
    options = [Reference(pick=pick) for pick in ("leftmost", "rightmost")]
    if twins:
        options = [Reference(kind=kind, pick=pick) for pick in _SIDES] + options
        others = Counter(t["kind"] for t in visible(things))
        anchors = [Reference(kind=k) for k, count in others.items() if count == 1]
        options += [Reference(kind=kind, relation=r, anchor=a) for r in RELATIONS for a in anchors]
    elif rng.random() < 0.5:
        anchors = [Reference(kind=t["kind"]) for t in visible(things) if t is not target]
        options += [Reference(relation="next to", anchor=a) for a in anchors]
    yield from _shuffled(options, rng)
    yield from _shuffled([Reference(kind=kind, colour=colour, pick=pick) for pick in _SIDES], rng)


def _sizes(target: Mapping, rng: np.random.Generator) -> Iterator[Reference]:
    yield from _shuffled([Reference(kind=target["kind"], pick=pick) for pick in _SIZES], rng)
    yield from (Reference(kind=target["kind"], colour=target["colour"], pick=pick) for pick in _SIZES)


def _reasoning(target: Mapping, rng: np.random.Generator, split: str) -> Iterator[Reference]:
    role = "edit" if split == "train" else split
    facts = knowledge.facts_of(target["kind"], role)
    return (Reference(fact=facts[int(i)].id) for i in rng.permutation(len(facts)))


def _multiple(wanted: list[Mapping], things: Sequence[Mapping], rng: np.random.Generator) -> Iterator[Reference]:
    number = {0: "one", 1: "one", 2: "both"}.get(len(wanted), "all")
    kinds, colours = {t["kind"] for t in wanted}, {t["colour"] for t in wanted}
    if number == "one":
        return
    if len(kinds) == 1:
        yield Reference(kind=wanted[0]["kind"], number=number)
        if len(colours) == 1:
            yield Reference(kind=wanted[0]["kind"], colour=wanted[0]["colour"], number=number)
    if len(colours) == 1:
        yield Reference(colour=wanted[0]["colour"], number=number)
    if len(wanted) == 2:
        yield from _pairs(wanted, things, rng)


def _pairs(wanted: list[Mapping], things: Sequence[Mapping], rng: np.random.Generator) -> Iterator[Reference]:
    """Such as "the apple and the knife": each half must itself be sure of its object."""
    order = [wanted[int(i)] for i in rng.permutation(2)]
    view = {"objects": things}
    halves = []
    for thing in order:
        sure = [r for r in _plain(thing, rng) if resolve(r, view) == (thing["id"],)]
        if not sure:
            return
        halves.append(sure[0])
    first, second = halves
    yield Reference(kind=first.kind, colour=first.colour, also=second)
