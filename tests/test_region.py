"""Keep what is not edited: the region follows the difference, and everything outside it is the user's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import noise_picture
from PIL import Image

from smartedit import images, region
from smartedit.errors import PictureError


def plate(value: int = 120, size: int = 96) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def test_no_difference_is_an_empty_region():
    assert not region.changed_region(plate(), plate()).any()


def test_faint_differences_are_the_decoders_own():
    noisy = plate() + np.random.default_rng(0).integers(0, 8, (96, 96, 3)).astype(np.uint8)
    assert not region.changed_region(plate(), noisy).any()


def test_the_edit_stands_out_of_a_models_wobble():
    noise = np.random.default_rng(0).normal(0, 8, (96, 96, 3))
    edited = (plate() + noise).round()
    edited[30:60, 30:60] = 250
    weight = region.changed_region(plate(), edited.clip(0, 255).astype(np.uint8))
    assert (weight[30:60, 30:60] == 1).all()
    assert (weight > 0).mean() < 1.8 * 38 * 38 / 96**2, "little more than the edit and its grown band"


def test_specks_are_dropped():
    edited = plate()
    edited[10:13, 10:13] = 250
    assert not region.changed_region(plate(), edited).any()


@given(st.integers(8, 60), st.integers(8, 60), st.integers(8, 30), st.integers(8, 30))
def test_the_region_covers_the_edit_and_little_more(x, y, width, height):
    edited = plate()
    edited[y : y + height, x : x + width] = 220
    weight = region.changed_region(plate(), edited)
    assert (weight[y : y + height, x : x + width] == 1).all()
    outside = np.ones((96, 96), bool)
    outside[max(0, y - 9) : y + height + 9, max(0, x - 9) : x + width + 9] = False
    assert not weight[outside].any()
    assert weight.min() >= 0 and weight.max() <= 1 and weight.dtype == np.float32


def test_weak_parts_count_only_where_they_touch_strong_ones():
    edited = plate()
    edited[20:40, 20:40] = 200
    edited[20:40, 40:60] = 136  # a shadow beside the edit
    edited[70:90, 70:90] = 136  # the same difference alone
    weight = region.changed_region(plate(), edited)
    assert weight[30, 55] == 1 and weight[80, 80] == 0


def test_gaps_are_closed_and_picture_edges_are_not_feathered():
    edited = plate()
    edited[0:30, 0:30] = 220
    edited[14:16, 0:30] = 120
    weight = region.changed_region(plate(), edited)
    assert (weight[:30, :30] == 1).all()


def test_a_change_of_everything_is_the_whole_picture():
    assert (region.changed_region(plate(60), plate(200)) == 1).all()


@pytest.mark.parametrize("least", [7, 15, 40])
def test_another_light_is_the_whole_picture_however_dim(least):
    """Every pixel moves the same way, bright ones further: the middling change is the edit, no wobble."""
    picture = np.asarray(noise_picture(96, 96)).astype(float)
    shift = least + picture.mean(-1, keepdims=True) / 10
    lighter = (picture * 0.7 + shift).round().clip(0, 255).astype(np.uint8)
    darker = (picture * 0.7).round().astype(np.uint8)
    assert (region.changed_region(darker, lighter) == 1).all()


def test_a_wobble_as_strong_as_a_dim_light_is_not_a_light():
    noise = np.random.default_rng(0).normal(0, 12, (96, 96, 3))
    edited = (plate() + noise).round().clip(0, 255).astype(np.uint8)
    assert not region.changed_region(plate(), edited).any()


def test_a_surface_of_most_of_the_picture_is_all_of_it():
    """Its middling change is the edit: the faint end of it is not taken for wobble."""
    edited = plate()
    edited[30:] = np.linspace(132, 200, 96).astype(np.uint8)[:, None]  # from 12 above the source to 80
    weight = region.changed_region(plate(), edited)
    assert (weight[31:] == 1).all() and not weight[:20].any()


@pytest.mark.parametrize("size", [(96, 96), (301, 170), (50, 400), (1, 1), (1000, 20)])
def test_outside_the_region_every_pixel_is_the_users_own(size):
    original = noise_picture(*size)
    fitted = images.fit(original, 96)
    weight = np.zeros((96, 96), np.float32)
    weight[40:60, 30:50] = 1
    weight[40:60, 50:54] = 0.5
    edited = noise_picture(*size, seed=1)
    result, mask = region.compose(original, edited, weight, fitted)
    inside = np.asarray(mask) > 0
    assert result.size == mask.size == size
    assert np.array_equal(np.asarray(result)[~inside], np.asarray(original)[~inside])
    if size == (96, 96):
        assert inside.sum() == 20 * 24
        assert np.array_equal(np.asarray(result)[40:60, 30:50], np.asarray(edited)[40:60, 30:50])


def test_within_a_mask_edits_stay_and_black_is_the_original():
    original, edited = noise_picture(40, 30), noise_picture(40, 30, seed=1)
    mask = Image.new("L", (40, 30))
    mask.paste(255, (5, 5, 20, 20))
    mask.paste(128, (20, 5, 25, 20))
    picture, changed = region.within(region.bound(mask, (40, 30)), original, edited, Image.new("L", (40, 30), 255))
    got, before, after, allowed = (np.asarray(p) for p in (picture, original, edited, mask))
    assert np.array_equal(got[allowed == 0], before[allowed == 0]) and np.array_equal(got[allowed == 255], after[allowed == 255])
    blend = got[allowed == 128].astype(int) - (before[allowed == 128].astype(int) + after[allowed == 128]) // 2
    assert np.abs(blend).max() <= 2
    assert np.array_equal(np.asarray(changed) > 0, allowed > 0)


@pytest.mark.parametrize(("mask", "says"), [
    ("mask.png", "PIL image"), (Image.new("L", (4, 5)), "is 4x5 and the picture 5x4"), (Image.new("RGBA", (5, 4)), "transparent")])  # fmt: skip
def test_masks_that_do_not_fit(mask, says):
    with pytest.raises(PictureError, match=says):
        region.bound(mask, (5, 4))


def test_box_of_a_region():
    mask = Image.new("L", (10, 8))
    assert region.box(mask) is None
    mask.paste(255, (2, 3, 6, 5))
    assert region.box(mask) == [2, 3, 6, 5]


@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_parts_are_the_connected_ones(seed, density):
    mask = np.random.default_rng(seed).random((17, 23)) < density
    found = region.parts(mask)
    assert ((found > 0) == mask).all()
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        here, there = found[: 17 - dy, : 23 - dx], found[dy:, dx:]
        assert (here == there)[(here > 0) & (there > 0)].all(), "what touches has one number"
    assert len(np.unique(found[found > 0])) == _flooded(mask)


def _flooded(mask: np.ndarray) -> int:
    """The number of connected parts, counted the plain way."""
    left, count = {(int(y), int(x)) for y, x in np.argwhere(mask)}, 0
    while left:
        count, edge = count + 1, [left.pop()]
        while edge:
            y, x = edge.pop()
            near = {(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)} & left
            left -= near
            edge += near
    return count


def test_growing_and_shrinking_are_discs_and_undo_each_other():
    dot = np.zeros((15, 15), bool)
    dot[7, 7] = True
    y, x = np.ogrid[:15, :15]
    assert np.array_equal(region.grown(dot, 4), (y - 7) ** 2 + (x - 7) ** 2 <= 16)
    assert np.array_equal(region.shrunk(region.grown(dot, 4), 4), dot)
    assert region.shrunk(np.ones((5, 5), bool), 2).all(), "the picture's edge is no edge of the region"


def test_feather_rises_in_even_steps_within_the_grown_band():
    edited = plate()
    edited[:, 48:] = 220
    row = region.changed_region(plate(), edited)[48]
    rising = row[(row > 0) & (row < 1)]
    assert rising.tolist() == [0.25, 0.5, 0.75] and row[48:].min() == 1
