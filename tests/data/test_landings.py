"""Where things land that are put somewhere: geometry of edits that nobody paints."""

from __future__ import annotations

import json

import numpy as np
import torch

from smartedit.data.landings import EACH, RELATIONS, ask_landing, draw_landings
from smartedit.models.similarity import MEASURES, measured
from smartedit.training import lessons
from smartedit.world.placing import project, screen_box
from smartedit.world.render import object_masks, render
from smartedit.world.scene import Scene


def test_landings_are_drawn_once_and_said_in_numbers(mini_run):
    stored = mini_run.shop.train.landings
    count = len(stored["kind"])
    assert 10 < count <= len({pair.seed for pair in mini_run.pairs}) * 2 * EACH and 0 < stored["moved"].sum() < count
    assert stored["lands"].shape == (count, 3) and stored["half"].shape == (count, 1)
    assert (stored["half"] > 0.02).all() and (stored["lands"][:, 2] > 0.02).all() and (np.abs(stored["lands"][:, :2]) < 1).all()
    assert draw_landings(mini_run.data / "train", mini_run.out / "cache" / "train", measured) == 0


def test_measures_are_of_what_is_seen(mini_run):
    """Of the thing that is moved, and of that beside which something is put, or of nothing."""
    stored = mini_run.shop.train.landings
    masks = [mask for scene in mini_run.shop.train.scenes for mask in object_masks(Scene.from_json(scene), render(Scene.from_json(scene))).values()]
    known = torch.cat([measured(torch.from_numpy(mask).float()[None, None]) for mask in [np.zeros_like(masks[0]), *masks]])
    for key in ("beside", "meant"):
        off = np.abs(stored[key][:, None] - known.numpy()).max(2)
        assert (off.min(1) < 1e-6).all()
        empty = off.argmin(1) == 0
        assert np.array_equal(~empty, stored["moved"]) if key == "meant" else 0 < empty.sum() < len(empty)
        part = np.isin(stored["relation"], [RELATIONS.index(one) for one in RELATIONS if " the " in one])
        assert key == "meant" or np.array_equal(part, empty)


def test_what_is_asked_for_lands_where_the_relation_says(mini_run):
    rng, found = np.random.default_rng(0), 0
    for described in mini_run.shop.train.scenes * 8:
        if not (asked := ask_landing(described, rng)):
            continue
        words, moved, lands, half = asked
        assert moved.shape == half.shape == (1,) and lands.shape == (3,) and words
        scene = Scene.from_json(json.loads(json.dumps(described)))
        if not moved[0]:
            assert lands[2] == half[0]
            continue
        boxes = [screen_box(scene.camera, thing, thing.x, thing.z) for thing in scene.objects]
        sizes = [1.1 * max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes]
        assert min(abs(half[0] / lands[2] - size) for size in sizes) < 1e-5, "so many times as large as one that is there"
        feet = [2 * np.array(project(scene.camera, thing.x, 0.0, thing.z)) - 1 for thing in scene.objects]
        assert min(np.abs(lands[:2] - foot).max() for foot in feet) > 0.02, "and where none is yet"
        found += 1
    assert found >= 3


def test_a_lesson_is_a_little_unsure_of_what_is_seen(mini_run):
    given = lessons.sprite(mini_run.shop, np.random.default_rng(0), 64).landed
    assert given.moved.shape == (64, 1) and given.kind.sum() == given.relation.sum() == 64 and given.beside.shape == (64, MEASURES)
    for key in ("beside", "meant"):
        off = (getattr(given, key)[:, None] - torch.from_numpy(mini_run.shop.train.landings[key])).norm(dim=2).amin(1)
        assert (off > 0).all() and 0.4 < off.mean() / (lessons.UNSURE * MEASURES**0.5) < 1.1
