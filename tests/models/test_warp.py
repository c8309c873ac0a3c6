"""One similarity of places for all that an edit means."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from smartedit.models.warp import MOST, SHARES, Warp, measured, resampled, similarity

SIDE = 64


def disc(x: float, y: float, radius: float) -> Tensor:
    """A disc (1, 1, SIDE, SIDE) in places of -1 ... 1."""
    at = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return ((at - x).square() + (at[:, None] - y).square() < radius**2).float()[None, None]


@pytest.fixture
def warp() -> Warp:
    torch.manual_seed(0)
    return Warp(known=3, hidden=8)


def asked(mask: Tensor, factor: float, wanted: float = 1.0) -> dict:
    seen = mask.expand(-1, 3, -1, -1) - 0.5
    return {
        "known": torch.zeros(1, 3), "wanted": torch.full((1, 1), wanted), "growth": torch.full((1, 1), math.log(factor)),
        "measures": measured(mask), "seen": seen, "change": torch.zeros_like(seen), "mask": mask,
    }  # fmt: skip


def test_a_new_one_changes_nothing(warp):
    change = torch.randn(1, 3, SIDE, SIDE)
    mask = torch.rand(1, 1, SIDE, SIDE)
    assert torch.equal(warp(**asked(mask, 1.5) | {"change": change}), mask * change)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_thing_becomes_larger_or_smaller_where_it_stands(warp, factor):
    """A disc that stands on y = 0.3 becomes the disc of the other size that stands there too."""
    warp.map_out.bias.data[3:] = 1.0
    mask = disc(0.1, 0.0, 0.3)
    lowest = measured(mask)[0, 2 * len(SHARES) - 1].item()
    warp.map_out.bias.data[1] = 0.3 - lowest
    given = asked(mask, factor)
    after = given["seen"] + warp(**given)
    wanted = disc(0.1, 0.3 - 0.3 * factor, 0.3 * factor) - 0.5
    assert (after[:, :1] - wanted).abs().mean() < 0.02
    assert torch.equal(given["seen"] + warp(**asked(mask, factor, wanted=0.0)), given["seen"]), "unless none is wanted"


def test_no_factor_is_absurd(warp):
    warp.map_out.bias.data[3:] = 1.0
    mask = disc(0.0, 0.0, 0.3)
    torch.testing.assert_close(warp(**asked(mask, 1e9)), warp(**asked(mask, math.exp(MOST))))


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.15, 0.45))
def test_a_mask_is_measured(x, y, radius):
    across, down, size = measured(disc(x, y, radius)).split([len(SHARES), len(SHARES), 1], dim=1)
    for places, middle in ((across[0], x), (down[0], y)):
        assert (places.diff() > 0).all()
        torch.testing.assert_close(places[[0, 2, -1]], middle + radius * torch.tensor([-0.9, 0.0, 0.9]), atol=0.07, rtol=0)
    torch.testing.assert_close(size[0, 0], torch.tensor(radius * math.sqrt(math.pi) / 2), atol=0.03, rtol=0)


def test_an_empty_mask_has_finite_measures():
    assert torch.isfinite(measured(torch.zeros(2, 1, SIDE, SIDE))).all()


def test_a_picture_is_resampled_by_a_similarity():
    picture = disc(0.5, -0.25, 0.2)
    torch.testing.assert_close(resampled(picture, similarity(torch.ones(1, 1), torch.zeros(1, 2))), picture)
    moved = resampled(picture, similarity(torch.full((1, 1), 0.5), torch.tensor([[0.5, -0.25]])))
    assert (moved - disc(0.0, 0.0, 0.4)).abs().mean() < 0.02
