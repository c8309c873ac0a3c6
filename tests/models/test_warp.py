"""One similarity of places for all that an edit means."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smartedit.models.similarity import SHARES, measured
from smartedit.models.warp import MOST, Warp

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
        "meant": mask,
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


def test_what_is_meant_lands_and_the_rest_keeps_its_change(warp):
    warp.map_out.bias.data[4] = 1.0  # pasted, not filled in
    small, patch = disc(0.1, 0.0, 0.2), disc(0.1, 0.0, 0.6)
    given = asked(small, 1.5) | {"mask": patch, "change": torch.full((1, 3, SIDE, SIDE), 0.25)}
    after = warp(**given)[:, :1]
    landed, beside = disc(0.1, -0.1, 0.24) > 0, (patch > 0) & (disc(0.1, -0.1, 0.4) == 0)
    assert (given["seen"][:, :1] + after - 0.5)[landed].abs().mean() < 0.05
    assert (after[beside] == 0.25).all() and (after[(patch == 0)] == 0).all()
