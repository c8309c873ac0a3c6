"""Scenes from seeds: sound, varied, inside the picture, and of their own split."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartedit.errors import SceneError
from smartedit.world import placing
from smartedit.world.checks import check_scene
from smartedit.world.describe import SIZE_STEPS, describe, size_word
from smartedit.world.objects import KINDS
from smartedit.world.render import render
from smartedit.world.sampling import COMPOSITIONS, allowed, sample_scene
from smartedit.world.scene import Scene
from smartedit.world.splits import SEEDS, combination_split, split_of_seed
from smartedit.world.surfaces import TABLES

seeds = st.builds(lambda split, index: SEEDS[split][index], st.sampled_from(list(SEEDS)), st.integers(0, 500))
compositions = st.sampled_from([None, *COMPOSITIONS])


@given(seeds, compositions)
def test_a_scene_is_a_function_of_its_seed(seed, composition):
    scene = sample_scene(seed, composition)
    assert sample_scene(seed, composition) == scene
    assert check_scene(Scene.from_json(scene.to_json())) == scene


@given(seeds, compositions)
def test_objects_stand_apart_and_inside_the_picture(seed, composition):
    scene = sample_scene(seed, composition)
    for thing in scene.objects:
        box = placing.screen_box(scene.camera, thing, thing.x, thing.z)
        assert min(box) > 0 and max(box) < 1
    for one, other in combinations(scene.objects, 2):
        distance = np.hypot(one.x - other.x, one.z - other.z)
        assert distance >= placing.footprint(one) + placing.footprint(other)


@given(seeds, compositions)
def test_a_scene_holds_only_combinations_of_its_split(seed, composition):
    scene = sample_scene(seed, composition)
    splits = {combination_split(thing.kind, thing.colour, scene.table) for thing in scene.objects}
    assert splits == {split_of_seed(seed)}


@given(seeds)
def test_compositions_hold_what_they_promise(seed):
    def most_alike(name):
        return max(Counter(thing.kind for thing in sample_scene(seed, name).objects).values())

    assert [most_alike(name) for name in ("free", "twins", "family", "mirror")] == [1, 2, 3, 1]
    assert sample_scene(seed, "mirror").mirror is not None
    assert sample_scene(seed, "free").mirror is None


@given(seeds)
def test_ids_number_the_objects_of_a_kind(seed):
    things = sample_scene(seed, "family").objects
    for kind, count in Counter(thing.kind for thing in things).items():
        assert {t.id for t in things if t.kind == kind} == {f"{kind}-{n}" for n in range(1, count + 1)}


def test_most_objects_and_mirror_images_can_be_seen():
    hidden = images = total = 0
    for seed in range(12):
        scene = sample_scene(seed, "mirror")
        things = describe(scene, render(scene, 64))["objects"]
        total += len(things)
        hidden += sum(thing["visible"] < 60 for thing in things)
        images += sum(thing["mirror_visible"] >= 60 for thing in things)
    assert hidden == 0
    assert images >= 0.8 * total


def test_every_split_can_fill_every_table():
    for table in TABLES:
        for split in SEEDS:
            options = allowed(table, split)
            assert len(options) >= 5, (table, split)
            assert any(len(colours) > 1 for colours in options.values()), (table, split)


def test_every_kind_and_table_occurs():
    scenes = [sample_scene(seed) for seed in range(400)]
    assert {thing.kind for scene in scenes for thing in scene.objects} == set(KINDS)
    assert {scene.table for scene in scenes} == set(TABLES)
    assert 0.6 < np.mean([scene.light == "day" for scene in scenes]) < 0.8


@pytest.mark.parametrize("seed", [-1, SEEDS["test"].stop])
def test_a_seed_of_no_split_is_refused(seed):
    with pytest.raises(SceneError, match="seeds run from 0"):
        sample_scene(seed)


def test_an_unknown_composition_names_the_near_one():
    with pytest.raises(SceneError, match="did you mean twins"):
        sample_scene(1, "twin")


def test_descriptions_agree_with_the_picture():
    scene = sample_scene(3, "twins")
    rendered = render(scene, 128)
    data = describe(scene, rendered)
    assert Scene.from_json(data) == scene
    assert data["picture_size"] == 128
    for number, thing in enumerate(data["objects"], 1):
        rows, columns = np.nonzero(rendered.ids == number)
        assert thing["visible"] == len(rows) * 4
        expected = (columns.min() / 128, rows.min() / 128, (columns.max() + 1) / 128, (rows.max() + 1) / 128)
        assert thing["box"] == pytest.approx(expected, abs=1e-4)
        assert thing["size_word"] == size_word(thing["size"])
        assert thing["mirror_visible"] == 0 and thing["mirror_box"] is None


def test_size_words_change_at_the_steps():
    assert [size_word(s) for s in (0.5, SIZE_STEPS[0], SIZE_STEPS[1])] == ["small", "medium", "large"]
