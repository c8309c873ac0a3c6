"""Suites of the rendered world, where every right answer is known. Listed at once, rendered when they are needed.

`world_cases` takes any number of cases of a split. `mini_cases` is Reason-Edit in small: its seven groups, 219 cases, from
places of the test split that `world_cases` never reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case
from smartedit.bench.judge import judge
from smartedit.errors import SceneError
from smartedit.world.checks import article, listed
from smartedit.world.edits import changed_region
from smartedit.world.pairs import LEAST_CHANGED, Pair, make_case
from smartedit.world.splits import SPLITS

#: Share of each group in the world suite. The groups of `UNDERSTANDING` are also reported together.
SHARES: dict[str, float] = {
    "plain": 0.30,
    "left-right": 0.10,
    "relative-size": 0.10,
    "mirror": 0.07,
    "colour": 0.09,
    "multiple": 0.09,
    "reasoning": 0.20,
    "add": 0.05,
}
#: Share of each operation among the plain cases; the other groups take what their scenes allow.
PLAIN_SHARES: dict[str, float] = {
    "remove": 0.22,
    "recolour": 0.20,
    "replace": 0.20,
    "resize": 0.10,
    "move": 0.10,
    "surface": 0.10,
    "light": 0.08,
}
#: Cases of each group of `mini-reason-edit`. The published folders hold 219 in all; how many each holds was not to be
#: found. 22 is what is left of 219 when another work's 197 are taken away (most likely the supplementary "add" folder),
#: 60 fits every published reasoning score (all are multiples of 1/180: 60 items, three raters); the rest is even.
MINI_COUNTS: dict[str, int] = {
    "left-right": 28,
    "relative-size": 28,
    "mirror": 27,
    "colour": 27,
    "multiple": 27,
    "reasoning": 60,
    "add": 22,
}

#: Cases that one suite seed may have, places of the world looked at for each, and the number of suite seeds.
MOST_CASES, _PLACES, SUITE_SEEDS = 10_000, 4, 16


@dataclass(frozen=True)
class WorldCase:
    """A case of the rendered world that is not rendered yet; the same fields always render the same case.

    `op` is the operation asked for, None for any that the group allows; pictures are `size` x `size`.
    """

    id: str
    group: str
    op: str | None
    split: str
    number: int
    size: int = 256

    def render(self) -> Case:
        """The rendered case. Raises SceneError when the world has none at the places kept for it."""
        places = range(self.number * _PLACES, (self.number + 1) * _PLACES)
        found = (make_case(self.split, place, self.group, self.op, self.size) for place in places)
        pair = next((pair for pair in found if pair is not None and _fair(pair, pair.after)), None)
        if pair is None:
            raise SceneError(f"the world has no scene for {self.id} ({self.op or 'any operation'}); use another --seed")
        return Case(
            id=self.id,
            group=self.group,
            picture=Image.fromarray(pair.before),
            instruction=pair.instruction,
            mask=pair.mask,
            truths=tuple(Image.fromarray(answer) for answer in pair.truths if _fair(pair, answer)),
            op=pair.op,
            edit=pair.edit,
            scene=pair.scene,
            clip_words=clip_words(pair.edit, pair.scene),
        )


def clip_words(edit: Mapping, scene: Mapping) -> str:
    """What the place of the edit should show afterwards, for the CLIP score: "a red mug", "an oak wood table"."""
    op, target = edit["op"], edit.get("target", ())
    targets = (target,) if isinstance(target, str) else tuple(target)
    kinds = {thing["id"]: thing["kind"] for thing in scene["objects"]}
    if op == "remove":
        return "a mirror" if edit.get("mirror") else article(f"{scene['table']} table")
    if op in ("surface", "light"):
        return f"{edit['to']} {edit.get('part', op)}"
    if op in ("add", "replace"):
        return article(f"{edit['colour']} {edit['kind']}")
    quality = {"recolour": edit.get("colour"), "resize": "large" if edit.get("factor", 0) > 1 else "small"}.get(op)
    return listed(article(f"{quality} {kinds[id]}" if quality else kinds[id]) for id in targets)


def mini_cases(seed: int = 0, size: int = 256) -> list[WorldCase]:
    """The 219 cases of `mini-reason-edit`, group after group; ids are those of the exported files (`colour-0003`).

    Raises ValueError for a seed outside 0 ... 15.
    """
    _check_seed(seed)
    wanted = [(group, k) for group, count in MINI_COUNTS.items() for k in range(1, count + 1)]
    first = SUITE_SEEDS * MOST_CASES + seed * 1000
    return [WorldCase(f"{group}-{k:04d}", group, None, "test", first + n, size) for n, (group, k) in enumerate(wanted)]


def _check_seed(seed: int) -> None:
    if not 0 <= seed < SUITE_SEEDS:
        raise ValueError(f"a suite seed is one of 0 to {SUITE_SEEDS - 1}, not {seed}")


def _fair(pair: Pair, answer: np.ndarray) -> bool:
    """Whether the rule can judge this answer: it shows, and would itself be found right.

    A table that becomes another one of nearly the same colour changes faintly almost everywhere, and little anywhere.
    """
    shows = changed_region(pair.before, answer).mean() * 256**2 >= LEAST_CHANGED
    return shows and judge(pair.before, answer, [answer]).success


def world_cases(split: str, count: int, seed: int = 0, size: int = 256) -> list[WorldCase]:
    """`count` cases of the world in the proportions of `SHARES`, the same list for the same arguments.

    A shorter list is the beginning of a longer one; another `seed` gives other scenes. Raises ValueError for an unknown
    split, a count outside 1 ... 10,000 or a seed outside 0 ... 15.
    """
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are {', '.join(SPLITS)}")
    if not 1 <= count <= MOST_CASES:
        raise ValueError(f"a suite has 1 to {MOST_CASES} cases, not {count}")
    _check_seed(seed)
    groups = _in_turn(SHARES, count)
    plain = iter(_in_turn(PLAIN_SHARES, groups.count("plain")))
    return [
        WorldCase(
            id=f"{split}-{seed}-{index:04d}-{group}",
            group=group,
            op=next(plain) if group == "plain" else None,
            split=split,
            number=seed * MOST_CASES + index,
            size=size,
        )
        for index, group in enumerate(groups)
    ]


def _in_turn(shares: Mapping[str, float], count: int) -> list[str]:
    """`count` names: always the one that lags furthest behind its share, so that every beginning is balanced."""
    taken = dict.fromkeys(shares, 0)
    order = []
    for position in range(1, count + 1):
        name = max(shares, key=lambda name: shares[name] * position - taken[name])
        taken[name] += 1
        order.append(name)
    return order
