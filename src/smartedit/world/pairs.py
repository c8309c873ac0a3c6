"""Pairs: picture before, instruction, picture after, and everything that is known about them.

`make_pairs` and `make_case` are pure functions of their arguments, so any number of processes give the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smartedit.errors import SceneError
from smartedit.world.describe import describe
from smartedit.world.edit_json import edit_from_json, edit_to_json
from smartedit.world.edits import Add, Light, Move, Paint, Replace, Surface, changed_region
from smartedit.world.grammar import operation
from smartedit.world.phrasing import instruct
from smartedit.world.proposals import GROUPS, OPS, groups_of, in_split, possible_groups, propose, weighted
from smartedit.world.references import Instruction
from smartedit.world.render import Rendered, mirror_masks, object_masks, render
from smartedit.world.replies import reply
from smartedit.world.sampling import sample_scene
from smartedit.world.scene import Scene
from smartedit.world.splits import SEEDS
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

#: A pair whose changed region has fewer pixels (of a 256 x 256 picture) shows nothing.
LEAST_CHANGED = 40
#: A new or moved object must show at least this many pixels (of a 256 x 256 picture).
LEAST_VISIBLE = 60
#: At most this many pairs per scene.
MOST_PAIRS = 3
#: At most this many right answers are rendered for an addition or a move.
MOST_TRUTHS = 24

#: Groups that few scenes allow, so that one scene may give several pairs of them, and the one that all allow.
_AGAIN = {"plain", "relative-size", "colour", "mirror"}

#: What of a scene's setting can be another one.
_SETTINGS = {"light": LIGHTS, "table": TABLES, "wall": WALLS}

_DRAWS, _PROPOSALS, _CASE_SCENES, _CASE_PROPOSALS = 6, 5, 16, 12

#: Group -> compositions in which cases of it are looked for.
_COMPOSITIONS = {
    "left-right": ("twins", "family"),
    "relative-size": ("twins",),
    "colour": ("twins", "family"),
    "mirror": ("mirror",),
    "multiple": ("family", "twins", "free"),
}


@dataclass(frozen=True, eq=False)
class Pair:
    """One training or test example.

    `before`, `after`: uint8 (H, W, 3). `mask`: bool (H, W), the changed region. `region_ids`: int16 (H, W), which
    object of the before picture each pixel shows (0 none, k the k-th object, -k its mirror image). `scene` is the
    described scene before the edit (`describe`), `edit` the edit as JSON. `fact` is the id of the knowledge that the
    instruction needs, or None; `wording` the id of the sentence pattern. `seed` is the scene's.
    """

    id: str
    before: np.ndarray
    after: np.ndarray
    mask: np.ndarray
    region_ids: np.ndarray
    instruction: str
    reply: str
    group: str
    op: str
    scene: dict
    edit: dict
    seed: int
    wording: str
    fact: str | None

    @property
    def truths(self) -> list[np.ndarray]:
        """All right answers, `after` first, as pictures like it; rendered when asked.

        Words leave open where exactly a thing is added or moved to, so those two operations have up to `MOST_TRUTHS`.
        """
        scene, edit = Scene.from_json(self.scene), edit_from_json(self.edit)
        if not isinstance(edit, (Add, Move)):
            return [self.after]
        others = edit.alternatives(scene, MOST_TRUTHS)[1:]
        return [self.after] + [render(other, self.before.shape[0]).picture for other in others]


@dataclass(frozen=True)
class _Stage:
    """A scene rendered and described, waiting for edits."""

    scene: Scene
    split: str
    rendered: Rendered
    described: dict

    @classmethod
    def of(cls, scene: Scene, split: str, size: int) -> _Stage:
        rendered = render(scene, size)
        return cls(scene, split, rendered, describe(scene, rendered))

    @property
    def size(self) -> int:
        return self.rendered.ids.shape[0]


def make_pairs(split: str, index: int, size: int = 256) -> list[Pair]:
    """Up to three pairs, of different operations and groups, of the split's scene number `index`."""
    seed = SEEDS[split].start + index
    stage = _Stage.of(sample_scene(seed), split, size)
    rng = np.random.default_rng([seed, 7])
    pairs: list[Pair] = []
    for _ in range(_DRAWS):
        ops = {op: weight for op, weight in OPS.items() if op not in [pair.op for pair in pairs]}
        pair = _pair_of(stage, weighted(ops, rng), {pair.group for pair in pairs}, rng, f"{split}-{seed}-{len(pairs)}")
        pairs += [pair] if pair else []
        if len(pairs) == MOST_PAIRS:
            break
    return pairs


def make_case(split: str, index: int, group: str, op: str | None = None, size: int = 256) -> Pair | None:
    """The split's case number `index` of a group and, where given, an operation; None where none is found.

    Cases of different groups or indices come from different scenes.
    """
    seeds = SEEDS[split]
    first = (index * len(GROUPS) + list(GROUPS).index(group)) * _CASE_SCENES
    for seed in (seeds[(first + attempt) % len(seeds)] for attempt in range(_CASE_SCENES)):
        rng = np.random.default_rng([seed, 11])
        compositions = _COMPOSITIONS.get(group, ("free", "twins"))
        scene = sample_scene(seed, str(rng.choice(compositions)))
        pair = _case_of(_Stage.of(scene, split, size), group, op, rng, f"{split}-{group}-{index}")
        if pair is not None:
            return pair
    return None


def make_settings(split: str, scene: Scene, part: str, count: int, each: int, size: int = 256) -> list[Pair]:
    """Pairs between pictures of one scene that differ in their `part` only, "light", "table" or "wall".

    `count` settings are drawn, the scene's own first, fewer where the split allows fewer; from every one there are pairs to
    `each` others, unless little changes.
    """
    rng = np.random.default_rng([scene.seed, 13])
    names = [name for name in _SETTINGS[part] if name != getattr(scene, part)]
    chosen = [getattr(scene, part), *map(str, rng.permutation(names))]
    settings = [setting for setting in (replace(scene, **{part: name}) for name in chosen) if in_split(setting, split)]
    stages = [_Stage.of(setting, split, size) for setting in settings[:count]]
    pairs = []
    for number, stage in enumerate(stages):
        others = [other for other in stages if other is not stage]
        for other in rng.permutation(len(others))[:each]:
            pair = _setting_pair(stage, others[other], part, rng, f"{split}-{scene.seed}-{part}-{number}-{other}")
            pairs += [pair] if pair else []
    return pairs


def _setting_pair(stage: _Stage, other: _Stage, part: str, rng: np.random.Generator, id: str) -> Pair | None:
    new = getattr(other.scene, part)
    edit = Light(new) if part == "light" else Surface(part, new)
    told = instruct(stage.scene, edit, rng, "plain", stage.split, stage.described)
    return told and _told_pair(stage, edit, told, "plain", other.rendered.picture, other.described, id)


def _pair_of(stage: _Stage, op: str, used: set[str], rng: np.random.Generator, id: str) -> Pair | None:
    """A pair of the operation, in a group that is not used yet or may be used again."""
    groups = possible_groups(stage.described)
    told = {g: w for g, w in groups.items() if g in groups_of(op) and g not in used - _AGAIN}
    for _ in range(_PROPOSALS if told else 0):
        pair = _try_pair(stage, op, weighted(told, rng), rng, id)
        if pair is not None:
            return pair
    return None


def _case_of(stage: _Stage, group: str, op: str | None, rng: np.random.Generator, id: str) -> Pair | None:
    """A case of the group in one scene, or None."""
    ops = {name: weight for name, weight in OPS.items() if group in groups_of(name) and name != "paint"}
    if group not in possible_groups(stage.described):
        return None
    for _ in range(_CASE_PROPOSALS):
        pair = _try_pair(stage, op or weighted(ops, rng), group, rng, id)
        if pair is not None:
            return pair
    return None


def _try_pair(stage: _Stage, op: str, group: str, rng: np.random.Generator, id: str) -> Pair | None:
    """One pair of this operation and group, or None where it is impossible, unsayable, or hardly visible."""
    scene, split = stage.scene, stage.split
    edit = propose(op, group, scene, stage.described, split, rng)
    if edit is None:
        return None
    try:
        changed = edit.apply(scene)
    except SceneError:
        return None
    if split != "test" and not in_split(changed, split):
        return None
    told = instruct(scene, edit, rng, group, split, stage.described)
    if told is None:
        return None
    after, seen = _after(stage, edit, changed)
    return _told_pair(stage, edit, told, group, after, seen, id) if _shows(edit, scene, changed, seen) else None


def _told_pair(stage: _Stage, edit, told: Instruction, group: str, after: np.ndarray, seen: dict, id: str) -> Pair | None:
    """The pair of an edit whose words and result are known; None where it changes hardly anything."""
    mask = changed_region(stage.rendered.picture, after)
    if mask.mean() * 256**2 < LEAST_CHANGED:
        return None
    return Pair(
        id=id,
        before=stage.rendered.picture,
        after=after,
        mask=mask,
        region_ids=stage.rendered.ids,
        instruction=told.words,
        reply=reply(edit, stage.described, seen, told),
        group=group,
        op=operation(edit),
        scene=stage.described,
        edit=edit_to_json(edit),
        seed=stage.scene.seed,
        wording=told.wording_id,
        fact=told.fact_id,
    )


def _after(stage: _Stage, edit, changed: Scene) -> tuple[np.ndarray, dict]:
    """The picture after the edit and the description of what it shows."""
    if isinstance(edit, Paint):
        return painted(stage.scene, stage.rendered, edit), stage.described
    rendered = render(changed, stage.size)
    return rendered.picture, describe(changed, rendered)


def painted(scene: Scene, rendered: Rendered, edit: Paint) -> np.ndarray:
    """The rendered picture of a scene with a painting edit carried out."""
    masks = mirror_masks(scene, rendered) if edit.mirror else object_masks(scene, rendered)
    return edit.paint(rendered.picture, masks)


def _shows(edit, scene: Scene, changed: Scene, seen: dict) -> bool:
    """Whether new and moved objects can be seen well enough."""
    if not isinstance(edit, (Add, Move, Replace)) or getattr(edit, "mirror", False):
        return True
    old = {thing.id: thing for thing in scene.objects}
    news = {thing.id for thing in changed.objects if old.get(thing.id) != thing}
    return all(thing["visible"] >= LEAST_VISIBLE for thing in seen["objects"] if thing["id"] in news)
