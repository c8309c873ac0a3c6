"""A thing that was not there, drawn and put into the picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smartedit.models.similarity import measured
from smartedit.models.sprite import CANVAS, Sprite, surroundings

KINDS, COLOURS, SIDE = 4, 3, 64


@pytest.fixture
def sprite() -> Sprite:
    torch.manual_seed(0)
    return Sprite(KINDS, COLOURS, hidden=8)


#: Kinds of what comes and of what was there.
BOTH = (torch.eye(KINDS)[:1], torch.eye(KINDS)[1:2])


def upper_right() -> Tensor:
    """Measures of a square in the upper right quarter."""
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., 8:24, 40:56] = 1
    return measured(mask)


def asked(sprite: Sprite, wanted: float = 1.0) -> dict:
    """A picture with something in the place of what is in its upper right quarter."""
    torch.manual_seed(1)
    seen, change = torch.rand(2, 1, 3, SIDE, SIDE) - 0.5
    return {
        "kind": BOTH[0], "colour": torch.eye(COLOURS)[:1], "wanted": torch.full((1, 1), wanted),
        "place": sprite.placed(*BOTH, upper_right()), "seen": seen, "change": change,
    }  # fmt: skip


def shown(sprite: Sprite, given: dict) -> Tensor:
    """Where the sprite changes the change, bool (SIDE, SIDE)."""
    return (sprite(**given) != given["change"]).any(1)[0]


def test_a_new_one_is_invisible(sprite):
    given = asked(sprite)
    assert torch.equal(sprite(**given), given["change"])


def test_it_stands_where_the_mask_is_and_nowhere_else(sprite):
    sprite.strength.data.fill_(1.0)
    where = shown(sprite, asked(sprite))
    assert where[10:22, 42:54].all()
    assert not where[:, :36].any() and not where[28:].any()
    assert not shown(sprite, asked(sprite, wanted=0.0)).any(), "unless none is wanted"


def test_it_can_be_put_elsewhere_and_grow(sprite):
    sprite.strength.data.fill_(1.0)
    before = shown(sprite, asked(sprite))
    sprite.place_map_out.bias.data[:] = torch.tensor([-2.0, 2.0, 0.5])
    after = shown(sprite, asked(sprite))
    assert 2.2 < after.sum() / before.sum() < 3.2
    (y, x), (down, across) = (where.nonzero().float().mean(0) for where in (before, after))
    assert across < x - 10 and down > y + 10


def test_an_opaque_one_hides_what_is_under_it(sprite):
    sprite.strength.data.fill_(1.0)
    sprite.drawn_map_out.bias.data[0] = 50.0
    given = asked(sprite)
    where = shown(sprite, given)
    under = given["seen"] + given["change"]
    other = given | {"change": torch.where(where, given["change"] + 0.01 * torch.randn_like(under), given["change"])}
    results = [each["seen"] + sprite(**each) for each in (given, other)]
    inner = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    inner[10:22, 42:54] = True
    assert (results[0] - results[1])[..., inner].abs().max() < 0.01 < (under - other["seen"] - other["change"])[..., inner].abs().max()


def test_kind_and_colour_decide_what_is_drawn(sprite):
    around = torch.zeros(1, 12)
    kind, colour = torch.eye(KINDS)[:1], torch.eye(COLOURS)[:1]
    colours, opacity = sprite.drawn(kind, colour, around)
    assert colours.shape == (1, 3, CANVAS, CANVAS) and opacity.shape == (1, 1, CANVAS, CANVAS)
    assert (opacity >= 0).all() and (opacity <= 1).all()
    for other in (sprite.drawn(torch.eye(KINDS)[1:2], colour, around), sprite.drawn(kind, torch.eye(COLOURS)[1:2], around)):
        assert not torch.allclose(colours, other[0])


def test_all_of_it_learns_from_true_places_and_nothing_from_whole_pictures(sprite):
    sprite.strength.data.fill_(1.0)
    for name, layer in sprite.named_modules():
        if name.endswith("map_out"):
            torch.nn.init.normal_(layer.weight, std=0.1)
    given = asked(sprite)
    given["place"] = given["place"].detach()
    given["change"].requires_grad_(True)
    sprite(**given).square().sum().backward()
    assert given["change"].grad.abs().sum() > 0 and all(weight.grad is None for weight in sprite.parameters())
    patch = torch.rand(1, 3, CANVAS, CANVAS)
    place = sprite.placed(*BOTH, upper_right())
    drawn = sprite.over(patch, BOTH[0], given["colour"], surroundings(torch.zeros(1, 3), place.detach(), patch))
    (place.square().sum() + drawn.square().sum()).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in sprite.parameters())
