"""Where masks are, and pictures seen through similarities."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from smartedit.models.similarity import FAINT, SHARES, extent, measured, resampled, similarity

SIDE = 256


def disc(x: float, y: float, radius: float) -> Tensor:
    """A disc (1, 1, SIDE, SIDE) in places of -1 ... 1."""
    at = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return ((at - x).square() + (at[:, None] - y).square() < radius**2).float()[None, None]


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.15, 0.45))
def test_a_mask_is_measured(x, y, radius):
    across, down, size = measured(disc(x, y, radius)).split([len(SHARES), len(SHARES), 1], dim=1)
    for places, middle in ((across[0], x), (down[0], y)):
        assert (places.diff() > 0).all()
        torch.testing.assert_close(places[[0, 2, -1]], middle + radius * torch.tensor([-0.9, 0.0, 0.9]), atol=0.02, rtol=0)
    torch.testing.assert_close(size[0, 0], torch.tensor(radius * math.sqrt(math.pi) / 2), atol=0.02, rtol=0)


def test_the_extent_of_a_mask_is_that_of_the_box_around_it():
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., 64:96, 128:224] = 1
    middle, half = extent(measured(mask))
    torch.testing.assert_close(middle, torch.tensor([[0.375, -0.375]]), atol=0.01, rtol=0)
    torch.testing.assert_close(half, torch.tensor([[0.375 + FAINT]]), atol=0.02, rtol=0)


def test_an_empty_mask_has_finite_measures():
    assert torch.isfinite(measured(torch.zeros(2, 1, SIDE, SIDE))).all()


def test_a_picture_is_resampled_by_a_similarity():
    picture = disc(0.5, -0.25, 0.2)
    torch.testing.assert_close(resampled(picture, similarity(torch.ones(1, 1), torch.zeros(1, 2))), picture)
    moved = resampled(picture, similarity(torch.full((1, 1), 0.5), torch.tensor([[0.5, -0.25]])))
    assert (moved - disc(0.0, 0.0, 0.4)).abs().mean() < 0.02
