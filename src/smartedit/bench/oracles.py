"""Editors that know the truth, honest and dishonest: they keep the judge honest, and show what each metric notices.

Every one is a function (case, seed) -> picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageFilter

from smartedit.bench.cases import Case
from smartedit.errors import SceneError
from smartedit.world.edit_json import edit_from_json
from smartedit.world.edits import changed_region
from smartedit.world.objects import KINDS
from smartedit.world.render import render
from smartedit.world.scene import Scene

Oracle = Callable[[Case, int], Image.Image]


def identity(case: Case, seed: int = 0) -> Image.Image:
    """The picture itself: nothing done."""
    return case.picture


def truth(case: Case, seed: int = 0) -> Image.Image:
    """The first right answer."""
    return case.truths[0]


def blurred(case: Case, seed: int = 0) -> Image.Image:
    """The truth out of focus everywhere (Gaussian, radius 1.5)."""
    return case.truths[0].filter(ImageFilter.GaussianBlur(1.5))


def shifted(case: Case, seed: int = 0) -> Image.Image:
    """The truth two pixels further right."""
    values = np.asarray(case.truths[0])
    return Image.fromarray(np.concatenate([values[:, :2], values[:, :-2]], axis=1))


def noisy(case: Case, seed: int = 0) -> Image.Image:
    """The truth under Gaussian noise (sigma 6 of 255)."""
    values = np.asarray(case.truths[0], np.float64)
    grains = np.random.default_rng(seed).normal(0, 6, values.shape)
    return Image.fromarray((values + grains).round().clip(0, 255).astype(np.uint8))


def compressed(case: Case, seed: int = 0) -> Image.Image:
    """The truth as a JPEG of quality 90."""
    data = io.BytesIO()
    case.truths[0].save(data, "JPEG", quality=90, subsampling=0)
    return Image.open(data).convert("RGB")


def strong(case: Case, seed: int = 0) -> Image.Image:
    """Three quarters of the way from the picture to the truth: within the rule."""
    return Image.blend(case.picture, case.truths[0], 0.75)


def faint(case: Case, seed: int = 0) -> Image.Image:
    """Half of the way from the picture to the truth: not within the rule."""
    return Image.blend(case.picture, case.truths[0], 0.5)


def noise(case: Case, seed: int = 0) -> Image.Image:
    """Independent random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (case.picture.height, case.picture.width, 3), np.uint8))


def wrong_object(case: Case, seed: int = 0) -> Image.Image:
    """The right operation, rendered exactly, on the wrong object; the picture itself where no other one shows anything."""
    scene = Scene.from_json(case.scene)
    data = dict(case.edit)
    others = list(_mistaken(data, scene))
    for k in np.random.default_rng(seed).permutation(len(others)):
        try:
            changed = edit_from_json({**data, **others[k]}).apply(scene)
        except SceneError:
            continue
        picture = render(changed, case.picture.height).picture
        if changed_region(np.asarray(case.picture), picture).any():
            return Image.fromarray(picture)
    return case.picture


def _mistaken(edit: dict, scene: Scene) -> Iterator[dict]:
    """What to change in an edit so that it hits another object: one target exchanged, or another kind added."""
    if edit["op"] == "add":
        yield from ({"kind": kind, "colour": KINDS[kind].colours[0]} for kind in KINDS if kind != edit["kind"])
        return
    meant = [edit["target"]] if isinstance(edit.get("target"), str) else list(edit.get("target", ()))
    things = scene.shown_in_mirror if edit.get("mirror") else scene.objects
    others = [thing.id for thing in things if thing.id not in meant and thing.id != edit.get("anchor")]
    yield from ({"target": [*meant[:-1], other]} for other in others if meant)


def sometimes(right: Oracle, wrong: Oracle) -> Oracle:
    """Right on every second case on average (by the case's seed), wrong on the others."""
    return lambda case, seed: (right if seed % 2 else wrong)(case, seed)


#: Name -> oracle. The first two stand in every table; the others are what `smartedit bench trust` is about.
ORACLES: dict[str, Oracle] = {
    "identity": identity,
    "oracle": truth,
    "oracle-jpeg": compressed,
    "oracle-strong": strong,
    "oracle-faint": faint,
    "oracle-blur": blurred,
    "oracle-shift": shifted,
    "oracle-noisy": noisy,
    "oracle-wrong-object": wrong_object,
    "oracle-or-nothing": sometimes(truth, identity),
    "oracle-or-wrong-object": sometimes(truth, wrong_object),
    "noise": noise,
}


def named(name: str) -> Oracle:
    """The oracle of a name; a function so that other processes can be told about it."""
    return ORACLES[name]
