"""What comes in the place of things: cut out of the pictures that rendering gives, and told where it stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartedit.data.replaced import AROUND, OTHERS, THINGS, draw_replaced
from smartedit.errors import SceneError
from smartedit.models.similarity import MEASURES, measured
from smartedit.models.sprite import CANVAS, cut_out
from smartedit.training import lessons
from smartedit.world.edits import Remove, Replace
from smartedit.world.placing import screen_box
from smartedit.world.render import object_masks, render
from smartedit.world.scene import Scene
from smartedit.world.splits import combination_split


def newcomers(scene: Scene, kind: str, colour: str):
    """Every scene that one of this kind and colour in the place of a thing makes, with that thing and the newcomer."""
    for old in scene.objects:
        try:
            changed = Replace((old.id,), kind, colour).apply(scene)
        except SceneError:
            continue
        yield old, changed, next(thing for thing in changed.objects if thing not in scene.objects)


def square(scene: Scene, thing) -> np.ndarray:
    x0, y0, x1, y1 = screen_box(scene.camera, thing, thing.x, thing.z)
    return np.array([x0 + x1 - 1, y0 + y1 - 1, AROUND * max(x1 - x0, y1 - y0)], np.float32)


def scene_of(stored: dict, row: int, scenes: list[Scene]) -> tuple[Scene, Scene, Scene]:
    """The scene in which something came to stand where a row says; without what was there; and with what came."""
    kind, colour = lessons.KINDS[stored["kind"][row]], lessons.PAINTS[stored["colour"][row]]
    for scene in scenes:
        for old, changed, new in newcomers(scene, kind, colour):
            if np.allclose(square(scene, new), stored["place"][row], atol=1e-6):
                return scene, Remove((old.id,)).apply(scene), changed
    raise AssertionError(f"no scene has a place for the {colour} {kind} of row {row}")


def test_squares_are_cut_out_of_what_rendering_gives(mini_run):
    stored, scenes = mini_run.shop.train.replaced, [Scene.from_json(scene) for scene in mini_run.shop.train.scenes]
    assert 10 < len(stored["kind"]) <= len({pair.seed for pair in mini_run.pairs}) * THINGS * OTHERS
    for row in range(0, len(stored["kind"]), 7):
        before, gone, changed = scene_of(stored, row, scenes)
        at = torch.from_numpy(stored["place"][row])[None]
        for key, truth in (("under", gone), ("shown", changed)):
            x = torch.from_numpy(render(truth).picture).permute(2, 0, 1)[None].float()
            cut = cut_out(x, at)[0]
            assert (cut - torch.from_numpy(stored[key][row]).float()).abs().max() <= 0.51
        np.testing.assert_allclose(stored["mean"][row], render(before).picture.mean((0, 1)) / 127.5 - 1, atol=1e-4)
        assert np.abs(stored["shown"][row].astype(int) - stored["under"][row]).max() > 20
        assert combination_split(lessons.KINDS[stored["kind"][row]], lessons.PAINTS[stored["colour"][row]], before.table) == "train"


def test_where_a_newcomer_stands_is_around_what_is_seen_of_it(mini_run):
    stored = mini_run.shop.train.replaced
    pairs = [pair for pair in mini_run.pairs if pair.op == "replace" and isinstance(pair.edit["target"], str) and not pair.edit.get("mirror")]
    assert len(pairs) == len(stored["comes"]) > 0 and stored["measures"].shape == (len(pairs), MEASURES)
    for row, pair in enumerate(pairs):
        scene = Scene.from_json(pair.scene)
        ((old, changed, new),) = [
            one for one in newcomers(scene, pair.edit["kind"], pair.edit["colour"]) if one[0].id == pair.edit["target"]
        ]
        seen = np.argwhere(object_masks(changed, render(changed))[new.id])[:, ::-1]
        middle, half = stored["stands"][row, :2], stored["stands"][row, 2]
        assert (np.abs((2 * seen + 1) / 256 - 1 - middle).max(1) <= half).mean() > 0.97
        assert (lessons.KINDS[stored["was"][row]], lessons.KINDS[stored["comes"][row]]) == (old.kind, new.kind)


def test_a_lesson_holds_as_many_of_both(mini_run):
    given = lessons.sprite(mini_run.shop, np.random.default_rng(0), 8)
    assert given.under.shape == given.shown.shape == (8, 3, CANVAS, CANVAS) and given.known.shape[1] == 2 * len(lessons.KINDS) + MEASURES
    assert len(given.stands) == 8 and torch.equal(given.kind.sum(1), torch.ones(8)) and torch.equal(given.colour.sum(1), torch.ones(8))
    assert -1 <= given.shown.min() < -0.3 < 0.3 < given.shown.max() <= 1


def test_a_shard_is_drawn_once(mini_run):
    assert draw_replaced(mini_run.data / "train", mini_run.out / "cache" / "train", cut_out, measured) == 0


@pytest.mark.parametrize("key", ["under", "shown"])
def test_the_arrays_of_all_shards_are_read_together(mini_run, key):
    folder = mini_run.out / "cache" / "train"
    assert sum(len(np.load(path)[key]) for path in folder.glob("replaced-*.npz")) == len(mini_run.shop.train.replaced[key])
