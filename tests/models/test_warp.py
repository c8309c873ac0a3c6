"""One similarity of places for all that an edit means."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smartedit.models.similarity import extent, measured
from smartedit.models.warp import Warp

SIDE, FACTORS = 64, (1.5, 0.5)


def disc(x: float, y: float, radius: float) -> Tensor:
    """A disc (1, 1, SIDE, SIDE) in places of -1 ... 1."""
    at = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return ((at - x).square() + (at[:, None] - y).square() < radius**2).float()[None, None]


@pytest.fixture
def warp() -> Warp:
    torch.manual_seed(0)
    return Warp(kinds=3, hidden=8)


def asked(mask: Tensor, factor: float, sure: float = 1.0, foot: tuple[float, float] = (0.1, 0.0), lands: tuple | None = None) -> dict:
    """A thing that stands on `foot` shall stand there in another size, or in that size elsewhere."""
    seen = mask.expand(-1, 3, -1, -1) - 0.5
    return {
        "wanted": sure * torch.eye(2)[None, int(lands is not None)], "stands": torch.tensor([foot]),
        "lands": torch.tensor([[*(lands or foot), factor]]), "seen": seen, "change": torch.zeros_like(seen), "mask": mask, "meant": mask,
    }  # fmt: skip


def test_a_new_one_changes_nothing(warp):
    change = torch.randn(1, 3, SIDE, SIDE)
    mask = torch.rand(1, 1, SIDE, SIDE)
    assert torch.equal(warp(**asked(mask, 1.5) | {"change": change}), mask * change)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_thing_becomes_larger_or_smaller_where_it_stands(warp, factor):
    """A disc that stands on y = 0.3 becomes the disc of the other size that stands there too."""
    warp.shares.data.fill_(1.0)
    mask = disc(0.1, 0.0, 0.3)
    given = asked(mask, factor, foot=(0.1, 0.3))
    after = given["seen"] + warp(**given)
    wanted = disc(0.1, 0.3 - 0.3 * factor, 0.3 * factor) - 0.5
    assert (after[:, :1] - wanted).abs().mean() < 0.02
    assert torch.equal(given["seen"] + warp(**asked(mask, factor, sure=0.0)), given["seen"]), "unless none is wanted"


def test_a_thing_that_is_moved_lands_and_is_not_filled_in_where_it_was(warp):
    """Where it was, that which makes room for it stays: here, a change to nothing."""
    warp.shares.data.fill_(1.0)
    mask = disc(0.5, 0.2, 0.2)
    given = asked(mask, 0.8, foot=(0.5, 0.4), lands=(-0.4, 0.1))
    given["change"] = -mask.expand(-1, 3, -1, -1)
    after = given["seen"] + warp(**given)
    assert (after[:, :1] - (disc(-0.4, 0.1 - 0.16, 0.16) - 0.5)).abs().mean() < 0.02


def test_what_it_stands_on_is_low_or_high_in_what_is_seen(warp):
    measures = measured(disc(0.1, 0.0, 0.3))
    middle, half = extent(measures)
    warp.stand_map_out.bias.data[:] = (torch.tensor([0.1, 0.3]) - middle[0]) / half[0]
    torch.testing.assert_close(warp.stood(torch.eye(3)[:1], measures), torch.tensor([[0.1, 0.3]]))


def test_shares_learn_from_pictures_and_where_it_stands_from_places(warp):
    mask = disc(0.0, 0.0, 0.3)
    warp(**asked(mask, 1.5)).square().sum().backward()
    assert warp.stand_map_out.bias.grad is None
    warp.stood(torch.eye(3)[:1], measured(mask)).sum().backward()
    assert warp.shares.grad is not None and warp.stand_map_out.bias.grad.tolist() == pytest.approx([extent(measured(mask))[1].item()] * 2)


def test_what_is_meant_lands_and_the_rest_keeps_its_change(warp):
    warp.shares.data[1:] = 1.0  # pasted, not filled in
    small, patch = disc(0.1, 0.0, 0.2), disc(0.1, 0.0, 0.6)
    given = asked(small, 1.5) | {"mask": patch, "change": torch.full((1, 3, SIDE, SIDE), 0.25)}
    after = warp(**given)[:, :1]
    landed, beside = disc(0.1, 0.0, 0.26) > 0, (patch > 0) & (disc(0.1, 0.0, 0.4) == 0)
    assert (given["seen"][:, :1] + after - 0.5)[landed].abs().mean() < 0.05
    assert (after[beside] == 0.25).all() and (after[(patch == 0)] == 0).all()
