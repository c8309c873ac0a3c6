"""What is minimised, exactly."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from smartedit.training.losses import (
    astray,
    changing,
    contrast,
    draw_timesteps,
    drop_conditions,
    misplaced,
    outlined,
    reconstruction,
    region_contrast,
    undecided,
    undone,
)


def test_undone_is_the_share_of_the_edit_that_is_left():
    change = -torch.ones(1, 1, 40, 40)
    assert undone(0 * change, change).item() == undecided(0 * change, change).item() == 0
    assert abs(undone(change, change).item() - 1) < 0.01 and abs(undecided(change, change).item() - 1) < 0.02
    assert abs(undone(change / 2, change).item() - 0.25) < 0.01 and abs(undecided(change / 2, change).item() - 0.5) < 0.02


def test_undone_weighs_a_pencil_like_a_wall():
    small, large = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    small[..., :16, :16] = 1
    halves = [undone(change / 2, change).item() for change in (small, large)]
    assert abs(halves[0] - halves[1]) < 0.01


def test_undecided_forgives_no_half_edit_in_two_places():
    target = torch.zeros(1, 4, 32, 32)
    target[..., :16, :16] = 3
    hedged = (target + target.roll(16, -1)) / 2
    left, change = hedged - target, -target
    assert undone(left, change).item() < 0.55 and undecided(left, change).item() > 0.95


def test_outlined_wants_masks_where_pixels_change():
    change = torch.zeros(2, 3, 16, 16, 16)
    change[:, 1, :, :8] = -0.5  # green falls in the upper half
    wanted = torch.zeros(2, 16, 16, 16)
    wanted[:, :, :8] = 1
    assert torch.equal(changing(change.flatten(1, 2)), wanted)
    right, wrong = (outlined(30 * (2 * mask - 1), wanted) for mask in (wanted, 1 - wanted))
    assert (right < 1e-6).all() and (wrong > 30).all()
    undecided_mask = outlined(torch.zeros_like(wanted), wanted)
    assert ((0.69 * 1.9 < undecided_mask) & (undecided_mask < 0.70 * 2)).all()  # twice as many pixels as change, ln 2 each


def test_misplaced_is_the_share_of_the_map_that_is_missed():
    code = torch.randn(8, 1, 1)
    wanted = torch.zeros(2, 1, 10, 10)
    wanted[..., :5] = 1
    assert misplaced(code * wanted, wanted, code).tolist() == [0, 0]
    assert torch.allclose(misplaced(torch.zeros(2, 8, 10, 10), wanted, code), torch.full((2,), 50 / 51))
    assert misplaced(code * wanted.flip(-1), wanted, code)[0] > 1.9


def test_astray_is_one_where_nothing_stands_out_and_falls_when_the_right_place_does():
    wanted = torch.zeros(2, 1, 10, 10)
    wanted[0, 0, 2, 3] = wanted[1, 0, :, 0] = 0.5
    assert torch.allclose(astray(torch.full_like(wanted, 0.3), wanted), torch.ones(2))
    faint, sure = astray(0.2 * wanted, wanted), astray(2 * wanted, wanted)
    assert (sure < faint).all() and (faint < 1).all() and (astray(wanted.flip(-1), wanted) > 1).all()


def test_published_dropout_shares():
    text, picture = drop_conditions(200_000, 0.05, torch.Generator().manual_seed(0))
    shares = [(text & ~picture), (text & picture), (~text & picture)]
    assert all(abs(share.float().mean().item() - 0.05) < 0.003 for share in shares)


@given(st.floats(0, 1), st.integers(1, 999))
def test_timesteps_stay_in_range_and_favour_the_noisiest(noisiest, last):
    t = draw_timesteps(4000, last, noisiest, torch.Generator().manual_seed(1))
    assert t.min() >= 0 and t.max() <= last
    assert (t == last).float().mean().item() > noisiest - 0.05


def test_contrast_is_least_for_matching_pairs():
    rows = torch.eye(6)
    scale = torch.tensor(20.0)
    assert contrast(rows, rows, scale) < 1e-3 < contrast(rows, rows.roll(1, 0), scale)


def test_region_contrast_names_the_owner():
    phrases = torch.eye(4)
    assert region_contrast(phrases[[2, 0]], phrases, torch.tensor([2, 0]), torch.tensor(20.0)) < 1e-3


def test_reconstruction_punishes_blur_more_than_its_pixels():
    sharp = torch.zeros(1, 3, 16, 16)
    sharp[..., ::2] = 1
    assert reconstruction(sharp, sharp) == 0
    assert reconstruction(torch.full_like(sharp, 0.5), sharp) > 0.5 + 0.2
