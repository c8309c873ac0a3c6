"""What comes in the place of things: cut out of the pictures that rendering gives, and told where it stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartedit.data.replaced import AROUND, OTHERS, THINGS, ask_replaced, draw_replaced
from smartedit.errors import SceneError
from smartedit.models.similarity import MEASURES, measured
from smartedit.models.sprite import CANVAS, cut_out
from smartedit.training import lessons
from smartedit.world.edits import Remove, Replace
from smartedit.world.placing import project, screen_box
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


def scene_of(stored: dict, row: int, scenes: list[Scene]):
    """The scene in which something came to stand where a row says; with that, which is told too; and what was there."""
    kind, colour = lessons.KINDS[stored["kind"][row]], lessons.PAINTS[stored["colour"][row]]
    for scene in scenes:
        for old, changed, new in newcomers(scene, kind, colour):
            if np.allclose(square(scene, new), stored["place"][row], atol=1e-6):
                return scene, changed, new, old
    raise AssertionError(f"no scene has a place for the {colour} {kind} of row {row}")


def test_squares_are_cut_out_of_what_rendering_gives(mini_run):
    stored, scenes = mini_run.shop.train.replaced, [Scene.from_json(scene) for scene in mini_run.shop.train.scenes]
    assert 10 < len(stored["kind"]) <= len({pair.seed for pair in mini_run.pairs}) * THINGS * OTHERS
    for row in range(0, len(stored["kind"]), 7):
        before, changed, _, old = scene_of(stored, row, scenes)
        at = torch.from_numpy(stored["place"][row])[None]
        for key, truth in (("under", Remove((old.id,)).apply(before)), ("shown", changed)):
            x = torch.from_numpy(render(truth).picture).permute(2, 0, 1)[None].float()
            cut = cut_out(x, at)[0]
            assert (cut - torch.from_numpy(stored[key][row]).float()).abs().max() <= 0.51
        np.testing.assert_allclose(stored["mean"][row], render(before).picture.mean((0, 1)) / 127.5 - 1, atol=1e-4)
        assert np.abs(stored["shown"][row].astype(int) - stored["under"][row]).max() > 20
        assert combination_split(lessons.KINDS[stored["kind"][row]], lessons.PAINTS[stored["colour"][row]], before.table) == "train"


def test_where_a_newcomer_stands_is_around_what_is_seen_of_it(mini_run):
    stored, scenes = mini_run.shop.train.replaced, [Scene.from_json(scene) for scene in mini_run.shop.train.scenes]
    for row in range(0, len(stored["kind"]), 7):
        _, changed, new, _ = scene_of(stored, row, scenes)
        seen = np.argwhere(object_masks(changed, render(changed))[new.id])[:, ::-1]
        middle, half = stored["place"][row, :2], stored["place"][row, 2]
        assert (np.abs((2 * seen + 1) / 256 - 1 - middle).max(1) <= half).mean() > 0.97


def test_measures_are_of_what_is_seen_of_the_old_thing(mini_run):
    stored, scenes = mini_run.shop.train.replaced, [Scene.from_json(scene) for scene in mini_run.shop.train.scenes]
    for row in range(0, len(stored["kind"]), 7):
        before, _, _, old = scene_of(stored, row, scenes)
        assert lessons.KINDS[stored["was"][row]] == old.kind
        mask = torch.from_numpy(object_masks(before, render(before))[old.id]).float()[None, None]
        np.testing.assert_allclose(stored["measures"][row], measured(mask)[0], atol=1e-6)
        (x, y), seen = stored["stood"][row], (2 * np.argwhere(mask[0, 0].numpy() > 0)[:, ::-1] + 1) / 256 - 1
        assert abs(x - seen[:, 0].mean()) < 0.2 and seen[:, 1].mean() < y < seen[:, 1].max() + 0.05, "low in the thing, in its middle"


def test_a_lesson_is_a_little_unsure_where_things_were(mini_run):
    given = lessons.sprite(mini_run.shop, np.random.default_rng(0), 64)
    assert given.under.shape == given.shown.shape == (64, 3, CANVAS, CANVAS) and given.standing.measures.shape == (64, MEASURES)
    for which in (given.standing.comes, given.standing.was, given.colour):
        assert torch.equal(which.sum(1), torch.ones(64))
    assert -1 <= given.shown.min() < -0.3 < 0.3 < given.shown.max() <= 1
    off = (given.standing.measures[:, None] - torch.from_numpy(mini_run.shop.train.replaced["measures"])).norm(dim=2).amin(1)
    assert (off > 0).all() and 0.5 < off.mean() / (lessons.UNSURE * MEASURES**0.5) < 1.1


def test_what_is_asked_for_fits_the_scene_and_the_split(mini_run):
    rng, found = np.random.default_rng(0), 0
    for described in mini_run.shop.train.scenes * 3:
        if not (asked := ask_replaced(described, rng)):
            continue
        (words, place, stood), scene = asked, Scene.from_json(described)
        said = set(words.replace("grey", "gray").split())
        named = [(kind, colour) for kind in lessons.KINDS for colour in lessons.PAINTS if {kind, colour} <= said]
        allowed = [one for one in named if combination_split(*one, scene.table) == "train"]
        fitting = [old for one in allowed for old, changed, new in newcomers(scene, *one) if np.allclose(place, square(scene, new), atol=1e-6)]
        points = [project(scene.camera, old.x, 0.0, old.z) for old in fitting]
        found += any(np.allclose(stood, 2 * np.array(point) - 1, atol=1e-6) for point in points)
    assert found >= 5


def test_a_shard_is_drawn_once(mini_run):
    assert draw_replaced(mini_run.data / "train", mini_run.out / "cache" / "train", cut_out, measured) == 0


@pytest.mark.parametrize("key", ["under", "shown"])
def test_the_arrays_of_all_shards_are_read_together(mini_run, key):
    folder = mini_run.out / "cache" / "train"
    assert sum(len(np.load(path)[key]) for path in folder.glob("replaced-*.npz")) == len(mini_run.shop.train.replaced[key])
