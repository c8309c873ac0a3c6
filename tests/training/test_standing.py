"""Where things come to stand, by what the parts say of replacements that nobody carries out."""

from __future__ import annotations

import numpy as np
import torch

from smartedit.models.similarity import MEASURES
from smartedit.training import lessons, standing
from smartedit.training.losses import NEAR, nearly, out_of_place
from smartedit.training.standing import fit_standing, how_far_off
from smartedit.training.workshop import Workshop


def test_squares_are_off_by_halves_of_the_side_they_should_have():
    wanted = torch.tensor([[0.2, -0.1, 0.3]])
    assert torch.equal(out_of_place(wanted, wanted), torch.zeros(1, 3))
    found = torch.tensor([[0.2 + 0.3, -0.1 - 0.06, 0.3 * 2]])
    torch.testing.assert_close(out_of_place(found, wanted), torch.tensor([[1.0, 0.2, 0.6931]]), atol=1e-4, rtol=1e-4)
    near, far, further = nearly(torch.tensor([[NEAR, 0, 0], [1.0, 0, 0], [2.0, 0, 0]]))
    assert near < far < further and further - far < near


def test_what_parts_say_of_replacements_comes_with_the_right_places(mini_run):
    comes, was, measures, place, stood = standing._said(mini_run.shop, True, 3, np.random.default_rng(0))
    for kinds in (comes, was):
        assert kinds.shape == (3, len(lessons.KINDS)) and torch.equal(kinds.sort(1).values[:, -2:], torch.tensor([0.0, 1.0]).expand(3, 2))
    assert measures.shape == (3, MEASURES) and place.shape == (3, 3) and stood.shape == (3, 2)
    assert (place[:, 2] > 0.02).all() and (place[:, :2].abs() < 1).all() and (stood.abs() < 1).all()


def test_things_learn_where_to_stand_and_nothing_else_is_touched(mini_run, monkeypatch):
    """What a UNet says here is too large by a half, and a little too far to the right."""
    shop = mini_run.shop
    true = lessons.sprite(shop, np.random.default_rng(1), 64)
    wrong = 0.05 + true.place[:, :1] + 1.5 * (true.measures - true.place[:, :1])
    monkeypatch.setattr(standing, "PASSES", 300)
    monkeypatch.setattr(standing, "_said", lambda *_: (true.kind, true.was, wrong, true.place, true.stood))
    head = shop.parts["object_head"]
    head.load_state_dict(Workshop.fresh("tiny", seed=0).parts["object_head"].state_dict())
    before = {k: v.clone() for k, v in head.state_dict().items()}

    def off() -> list[float]:
        with torch.no_grad():
            return [nearly(one).mean().item() for one in how_far_off(head, (true.kind, true.was), wrong, true.place, true.stood)]

    first = off()
    fit_standing(shop, True, count=64, seed=0)
    assert all(after < 0.7 * one for after, one in zip(off(), first, strict=True))
    changed = {key for key, value in head.state_dict().items() if not torch.equal(value, before[key])}
    assert changed and all(key.startswith(("sprite.place", "warp.stand")) for key in changed)
