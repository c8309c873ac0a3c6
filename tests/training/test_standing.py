"""Where things come to stand, by what the parts say of edits that nobody carries out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from smartedit.data.landings import RELATIONS, ask_landing
from smartedit.data.replaced import ask_replaced
from smartedit.models.similarity import MEASURES
from smartedit.training import lessons, standing
from smartedit.training.losses import NEAR, nearly, out_of_place
from smartedit.training.standing import fit_standing, how_far_off, how_wide
from smartedit.training.workshop import Workshop


def test_squares_are_off_by_halves_of_the_side_they_should_have():
    wanted, half = torch.tensor([[0.2, -0.1, 0.7]]), torch.tensor([[0.3]])
    assert torch.equal(out_of_place(wanted, wanted, half), torch.zeros(1, 3))
    found = torch.tensor([[0.2 + 0.3, -0.1 - 0.06, 0.7 * 2]])
    torch.testing.assert_close(out_of_place(found, wanted, half), torch.tensor([[1.0, 0.2, 0.6931]]), atol=1e-4, rtol=1e-4)
    near, far, further = nearly(torch.tensor([[NEAR, 0, 0], [1.0, 0, 0], [2.0, 0, 0]]))
    assert near < far < further and further - far < near


def test_what_parts_say_of_replacements_comes_with_the_right_places(mini_run):
    said = standing._said(mini_run.shop, True, 3, np.random.default_rng(0), ask_replaced)
    for kinds in (said.comes, said.was):
        assert kinds.shape == (3, len(lessons.KINDS)) and torch.equal(kinds.sort(1).values[:, -2:], torch.tensor([0.0, 1.0]).expand(3, 2))
    assert said.measures.shape == (3, MEASURES) and said.place.shape == (3, 3) and said.stood.shape == (3, 2)
    assert (said.place[:, 2] > 0.02).all() and (said.place[:, :2].abs() < 1).all() and (said.stood.abs() < 1).all()


def test_what_parts_say_of_things_put_somewhere_comes_with_where_they_land(mini_run):
    said = standing._said(mini_run.shop, True, 12, np.random.default_rng(0), ask_landing)
    assert 0 < said.moved.sum() < 12 and said.moved.shape == said.half.shape == (12, 1) and said.lands.shape == (12, 3)
    assert said.kind.shape == (12, len(lessons.KINDS)) and said.relation.shape == (12, len(RELATIONS))
    assert said.meant.shape == said.beside.shape == (12, MEASURES)
    assert how_wide(mini_run.shop.parts["object_head"], said).shape == (12, 3)


def test_things_learn_where_to_stand_and_nothing_else_is_touched(mini_run, monkeypatch):
    """What a UNet says here is too large by a half, and a little too far to the right; and what words put on the left, it puts there too
    far."""
    shop = mini_run.shop
    true = lessons.sprite(shop, np.random.default_rng(1), 64)
    middle = true.standing.place[:, :1]
    wrong = replace(true.standing, measures=0.05 + middle + 1.5 * (true.standing.measures - middle))
    far = replace(true.landed, lands=true.landed.lands - 0.1)
    monkeypatch.setattr(standing, "PASSES", 300)
    monkeypatch.setattr(standing, "_said", lambda *given: wrong if given[-1] is ask_replaced else far)
    head = shop.parts["object_head"]
    head.load_state_dict(Workshop.fresh("tiny", seed=0).parts["object_head"].state_dict())
    before = {k: v.clone() for k, v in head.state_dict().items()}

    def off() -> list[float]:
        with torch.no_grad():
            return [nearly(one).mean().item() for one in (*how_far_off(head, wrong), how_wide(head, far))]

    first = off()
    fit_standing(shop, True, count=64, seed=0)
    assert all(after < 0.7 * one for after, one in zip(off(), first, strict=True))
    changed = {key for key, value in head.state_dict().items() if not torch.equal(value, before[key])}
    assert changed and all(key.startswith(("sprite.place", "warp.stand", "adds", "moves")) for key in changed)
