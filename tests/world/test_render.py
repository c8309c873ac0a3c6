"""The renderer is exact about what is where, and changes nothing that it need not change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from smartedit.errors import SceneError
from smartedit.world.edits import Recolour
from smartedit.world.render import coloured_by, mirror_masks, object_masks, render, repaint, scene_arrays
from smartedit.world.scene import Camera, Mirror, Object, Scene
from smartedit.world.shading import PIXEL
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS
from smartedit.world.tracing import tone as compiled_tone

tone = njit(lambda light: compiled_tone(light))
MUG = Object("mug-1", "mug", "red", -0.7, 0.2, yaw=0.4)
CAT = Object("cat-1", "cat", "orange", 0.6, -0.6, material="matte")
GLASS = Object("glass-1", "glass", "white", 0.0, 0.6)
SCENE = Scene(3, (MUG, CAT), "oak wood", "cream", "day")
HUNG = replace(SCENE, mirror=Mirror(0.2, 0.75, 1.6, 0.9))


def moved(thing: Object, **changes) -> Object:
    return replace(thing, **changes)


def grown(mask: np.ndarray) -> np.ndarray:
    """The mask and its four neighbours: pixels on an edge are mixed with the other side."""
    wide = mask.copy()
    for axis, way in ((0, 1), (0, -1), (1, 1), (1, -1)):
        wide |= np.roll(mask, way, axis)
    return wide


def differs(a, b) -> np.ndarray:
    return (a.picture != b.picture).any(-1)


def test_the_same_scene_gives_the_same_bytes():
    one, two = render(HUNG, 96), render(HUNG, 96)
    assert one.picture.tobytes() == two.picture.tobytes()
    assert one.ids.tobytes() == two.ids.tobytes()


def test_pictures_have_the_promised_form():
    rendered = render(SCENE, 64)
    assert rendered.picture.shape == (64, 64, 3) and rendered.picture.dtype == np.uint8
    assert rendered.ids.shape == (64, 64) and rendered.ids.dtype == np.int16
    assert set(np.unique(rendered.ids)) == {0, 1, 2}


def test_masks_are_the_ids_by_name():
    rendered = render(HUNG, 96)
    masks, images = object_masks(HUNG, rendered), mirror_masks(HUNG, rendered)
    assert list(masks) == list(images) == ["mug-1", "cat-1"]
    for k, name in enumerate(masks, start=1):
        assert np.array_equal(masks[name], rendered.ids == k)
        assert np.array_equal(images[name], rendered.ids == -k)
    assert mirror_masks(SCENE, rendered) == {}


def test_objects_are_where_the_scene_says():
    masks = object_masks(SCENE, render(SCENE, 96))
    (mug_y, mug_x), (cat_y, cat_x) = (np.argwhere(masks[name]).mean(0) for name in ("mug-1", "cat-1"))
    assert mug_x < 48 < cat_x
    assert mug_y > cat_y  # nearer to the camera is lower in the picture


def test_a_nearer_object_hides_a_farther_one():
    behind = moved(CAT, x=0.0, z=-0.6)
    alone = render(replace(SCENE, objects=(behind,)), 96).ids == 1
    hidden = render(replace(SCENE, objects=(behind, moved(CAT, id="cat-2", x=0.0, z=0.4, size=1.3))), 96).ids
    assert (hidden[alone] == 2).any()
    assert ((hidden == 1) <= alone).all()


def test_the_order_of_objects_does_not_change_the_picture():
    other = replace(SCENE, objects=SCENE.objects[::-1])
    assert np.array_equal(render(SCENE, 64).picture, render(other, 64).picture)


@pytest.mark.parametrize("change", [{"colour": "blue"}, {"size": 1.3}, {"kind": "teapot"}, {"yaw": -0.9}])
def test_changing_an_object_leaves_everything_out_of_its_reach_identical(change):
    before, after = render(SCENE, 128), render(replace(SCENE, objects=(moved(MUG, **change), CAT)), 128)
    changed = differs(before, after)
    assert changed[before.ids == 1].mean() > 0.2
    assert not changed[:24, :].any()  # the wall above
    assert not changed[:, 116:].any()  # the far side, away from the light
    assert not changed[before.ids == 2].any()


def test_recolouring_stays_on_the_object_and_its_image():
    before, after = render(HUNG, 128), render(replace(HUNG, objects=(moved(MUG, colour="green"), CAT)), 128)
    assert np.array_equal(before.ids, after.ids)
    assert not differs(before, after)[~grown(np.abs(before.ids) == 1)].any()


def test_the_mirror_shows_objects_on_their_mirrored_side():
    rendered = render(HUNG, 128)
    for k in (1, 2):
        (there_y, there_x), (here_y, here_x) = (np.argwhere(rendered.ids == sign * k).mean(0) for sign in (-1, 1))
        assert (rendered.ids == -k).sum() > 20
        assert there_y < here_y  # behind the wall is farther, hence higher
        assert abs(there_x - 64) < abs(here_x - 64)  # and nearer to the middle, on the same side
        assert (there_x - 64) * (here_x - 64) > 0
    assert not (render(SCENE, 128).ids < 0).any()


def test_what_the_mirror_shows_can_be_changed_alone():
    told = replace(HUNG, reflected=(moved(MUG, colour="blue"), moved(CAT, kind="dog", colour="white")))
    before, after = render(HUNG, 128), render(told, 128)
    changed = differs(before, after)
    assert changed.any() and changed[before.ids == -2].all()
    assert not changed[(before.ids > 0) & ~grown(before.ids <= 0)].any()
    assert not changed[64:].any()


def test_an_empty_mirror_and_an_empty_table_can_be_drawn():
    nothing = replace(HUNG, reflected=())
    assert not (render(nothing, 64).ids < 0).any()
    assert not render(replace(SCENE, objects=()), 32).ids.any()


def test_glass_shows_what_stands_behind_it():
    behind = moved(CAT, x=0.0, z=-0.3, colour="black")
    clear, full = (render(replace(SCENE, objects=things), 96) for things in ((GLASS,), (GLASS, behind)))
    through = (full.ids == 1) & (render(replace(SCENE, objects=(behind,)), 96).ids == 1)
    assert through.sum() > 20
    assert full.picture[through].mean() < clear.picture[through].mean() - 8


def test_things_throw_soft_shadows_away_from_the_light():
    bare, full = render(replace(SCENE, objects=()), 96), render(replace(SCENE, objects=(moved(CAT, x=0.0, z=0.2),)), 96)
    drop = bare.picture.astype(int).sum(-1) - full.picture.astype(int).sum(-1)
    floor = full.ids == 0
    right, left = drop[48:, 52:][floor[48:, 52:]].max(), drop[48:, :36][floor[48:, :36]].max()
    assert right > 60 and left < 20  # the day's light comes from the left
    values = np.unique(drop[floor & (drop > 0)])
    assert len(values) > 15  # a penumbra, not one step


@pytest.mark.parametrize("name", [*TABLES, *WALLS, *LIGHTS])
def test_every_surface_and_light_looks_different(name):
    part = "table" if name in TABLES else "wall" if name in WALLS else "light"
    other = {"table": "sand", "wall": "white", "light": "overcast"}[part]
    shown = render(replace(SCENE, **{part: name}), 48, samples=1).picture
    assert 12 < shown.mean() < 245
    if name != other:
        against = render(replace(SCENE, **{part: other}), 48, samples=1).picture
        assert np.abs(shown.astype(int) - against).mean() > 0.5


def test_edges_are_smoothed_and_flat_areas_left_alone():
    rough, smooth = render(SCENE, 96, samples=1), render(SCENE, 96, samples=3)
    changed = differs(rough, smooth)
    assert np.array_equal(rough.ids, smooth.ids)
    assert 0.02 < changed.mean() < 0.25
    assert not changed[:10].any()


@given(st.floats(0, 50), st.floats(0, 50))
def test_more_light_is_never_darker(a, b):
    low, high = sorted((a, b))
    assert 0.0 <= tone(low) <= tone(high) + 1e-9 <= 1.0 + 1e-9


def test_the_room_is_as_long_as_its_layout_says():
    room = scene_arrays(HUNG, 100)[2]
    assert len(room) == PIXEL + 1 and room[PIXEL] == HUNG.camera.spread / 100


@pytest.mark.parametrize(
    "change, word",
    [
        ({"table": "lava"}, "lava"),
        ({"wall": "ice"}, "ice"),
        ({"light": "laser"}, "laser"),
        ({"objects": (moved(MUG, kind="dragon"),)}, "dragon"),
        ({"camera": Camera(eye=(0.0, 3.0, 0.0), target=(0.0, 0.0, 0.0))}, "camera"),
        ({"camera": Camera(eye=(0.0, -1.0, 3.0))}, "camera"),
    ],
)
def test_an_impossible_scene_is_refused_in_words(change, word):
    with pytest.raises(SceneError, match=word):
        render(replace(SCENE, **change), 16)


@pytest.mark.parametrize("options", [{"size": 0}, {"samples": 0}, {"device": "tpu"}])
def test_impossible_options_are_refused_in_words(options):
    with pytest.raises(SceneError):
        render(SCENE, **({"size": 16} | options))


_ON_SIMULATOR = """
import json, sys
from smartedit.world.render import render
from smartedit.world.scene import Scene
scene = Scene.from_json(json.loads(sys.argv[1]))
shown = render(scene, 20, samples=2, device="cuda")
sys.stdout.buffer.write(shown.picture.tobytes() + shown.ids.tobytes())
"""


def test_the_cuda_kernels_paint_the_same_picture():
    """The kernels run in numba's simulator: plain Python, the same functions."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", _ON_SIMULATOR, json.dumps(HUNG.to_json())]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    picture = np.frombuffer(done.stdout[:1200], np.uint8).reshape(20, 20, 3)
    ids = np.frombuffer(done.stdout[1200:], np.int16).reshape(20, 20)
    here = render(HUNG, 20)
    assert (ids == here.ids).mean() > 0.99  # rounding may differ where a ray grazes
    assert np.mean(np.abs(picture.astype(int) - here.picture) <= 2) > 0.98


def test_a_missing_gpu_is_told_in_words():
    from numba import cuda

    if cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(SceneError, match="CUDA"):
        render(SCENE, 16, device="cuda")


@pytest.mark.parametrize("scene", [SCENE, HUNG, replace(SCENE, objects=(MUG, CAT, moved(GLASS, x=-0.65, z=0.6)))])
@pytest.mark.parametrize("id", ["mug-1", "cat-1"])
def test_a_recoloured_thing_needs_its_own_pixels_only(scene, id):
    before = render(scene, 128)
    changed = Recolour((id,), "black").apply(scene)
    where = coloured_by(scene, before, id)
    assert where.mean() < 0.5
    assert np.array_equal(repaint(changed, before.picture, where), render(changed, 128).picture)


def test_repainting_takes_over_what_it_is_not_asked_for():
    other = np.full((64, 64, 3), 77, np.uint8)
    where = np.zeros((64, 64), bool)
    where[20:40, 10:50] = True
    painted = repaint(SCENE, other, where)
    assert (painted[~where] == 77).all() and np.array_equal(painted[where], render(SCENE, 64).picture[where])
