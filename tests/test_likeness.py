"""The world is told from photographs and drawings."""

from __future__ import annotations

import numpy as np
import pytest
from made_pictures import noise_picture, photo_like
from PIL import Image, ImageDraw

from smartedit.likeness import grain, level_step, looks_rendered
from smartedit.world.render import render
from smartedit.world.sampling import sample_scene


@pytest.mark.parametrize("seed", range(0, 8))
def test_rendered_scenes_are_recognised(seed):
    picture = Image.fromarray(render(sample_scene(seed * 1009), 256).picture)
    assert looks_rendered(picture) and looks_rendered(picture.resize((400, 400), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("seed", range(8))
def test_photographs_are_not(seed):
    assert not looks_rendered(photo_like(256, 256, seed))


def drawing() -> Image.Image:
    page = Image.new("RGB", (256, 256), "white")
    pen = ImageDraw.Draw(page)
    pen.ellipse((60, 60, 180, 180), fill="red", outline="black", width=3)
    pen.line((110, 60, 140, 20), fill="green", width=5)
    return page


@pytest.mark.parametrize("picture", [drawing(), noise_picture(256, 256), Image.new("RGB", (256, 256), "teal"), Image.linear_gradient("L").convert("RGB")])
def test_drawings_noise_and_plain_colours_are_not(picture):
    assert not looks_rendered(picture)


def test_grain_ignores_slopes_and_edges():
    slope = np.linspace(0, 255, 256, dtype=np.float32)[:, None, None].repeat(256, 1).repeat(3, 2)
    edge = slope.copy()
    edge[100:] = 0
    assert grain(slope) < 0.01 and grain(edge) < 0.01 and level_step(edge)[0] > 20
    assert grain(slope + np.random.default_rng(0).normal(0, 3, slope.shape).astype(np.float32)) > 4.2
