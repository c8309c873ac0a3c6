"""What a UNet's outputs do to the source: exactly what its docstring says, with an autoencoder that leaves nothing out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle

from smartedit.models.autoencoder import PatchAutoencoder
from smartedit.models.brush import DYES, FINE, MASK, MASKS, Brush
from smartedit.models.object_head import ObjectHead

OPEN, GATES = 30.0, 2


@pytest.fixture(scope="module")
def vae() -> PatchAutoencoder:
    vae = PatchAutoencoder(latent_channels=48, block_out_channels=(8, 16, 16))  # patches of 4: all 48 numbers are kept
    vae.fit_basis(np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8))
    return vae


def encode(vae: PatchAutoencoder, picture: Tensor) -> Tensor:
    return vae.encode(picture).latent_dist.mode()


def decode(vae: PatchAutoencoder, latents: Tensor) -> Tensor:
    return pixel_shuffle(vae.linear_patches(latents), vae.patch)


def outputs(new: Tensor, gates: float = -OPEN, amounts: Tensor | None = None, mask: float = OPEN, weights: Tensor | None = None, meant: float = OPEN, beside: float = OPEN) -> Tensor:
    """Outputs for latents `new` (1, C, h, w), the same in every cell but for these; `weights` are those of the first mask."""
    parts = [new, torch.full((1, GATES, 1, 1), gates), torch.zeros(1, DYES, 1, 1) if amounts is None else amounts.view(1, DYES, 1, 1)]
    parts += [torch.full((1, FINE**2, 1, 1), mask), torch.zeros(1, 3, 1, 1) if weights is None else weights.view(1, 3, 1, 1)]
    parts += [part for shown in (meant, beside) for part in (torch.full((1, FINE**2, 1, 1), shown), torch.zeros(1, 3, 1, 1))]
    return torch.cat([part.expand(-1, -1, *new.shape[2:]) for part in parts], dim=1)


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.rand(1, 3, 16, 16) * 2 - 1, torch.rand(1, 3, 16, 16) * 2 - 1


def test_closed_gates_or_a_closed_mask_change_nothing(vae, pictures):
    source, new = (encode(vae, picture) for picture in pictures)
    brush = Brush(vae)
    for output in (outputs(new), outputs(new, gates=OPEN, mask=-OPEN), outputs(new, amounts=torch.ones(DYES))):
        torch.testing.assert_close(brush(output, source), source, atol=1e-5, rtol=1e-5)


def test_open_gates_show_something_new(vae, pictures):
    source, new = (encode(vae, picture) for picture in pictures)
    torch.testing.assert_close(Brush(vae)(outputs(new, gates=OPEN), source), new, atol=1e-4, rtol=1e-4)


def test_every_channel_has_its_gate_and_the_last_holds_for_the_rest(vae, pictures):
    source, new = (encode(vae, picture) for picture in pictures)
    output = outputs(new, gates=OPEN)
    output[:, 48 + GATES - 1] = -OPEN
    wanted = torch.cat([new[:, : GATES - 1], source[:, GATES - 1 :]], dim=1)
    torch.testing.assert_close(Brush(vae)(output, source), wanted, atol=1e-4, rtol=1e-4)


def test_dyes_add_up_to_any_affine_map_of_colours(vae, pictures):
    """The first gate is open a little, by a half, and covers half of what dyes did; nothing covers the other channels."""
    picture, _ = pictures
    change, shift = torch.randn(3, 3), torch.randn(3)
    source = encode(vae, picture)
    dyed = encode(vae, picture + torch.einsum("ab,nbhw->nahw", change, picture) + shift[:, None, None]) - source
    output = outputs(source, amounts=torch.cat([change.flatten(), shift]))
    output[:, 48] = 0.0
    wanted = source + dyed / 2
    wanted[:, :1] -= dyed[:, :1] / 4
    torch.testing.assert_close(Brush(vae)(output, source), wanted, atol=1e-4, rtol=1e-4)


def test_an_object_head_tones_what_is_painted(vae, pictures):
    """Within the mask, by one map of the source's colours and of those painted; a head that is told nothing says nothing."""
    torch.manual_seed(0)
    picture, new = pictures
    head = ObjectHead(told_width=8, kinds=3, colours=2, settings=1)
    mixing, shift = torch.randn(3, 6), torch.randn(3)
    with torch.no_grad():
        head.palette.map_out.bias[:] = torch.cat([mixing.flatten(), shift])
    toned = new + torch.einsum("ab,nbhw->nahw", mixing, torch.cat([picture, new], dim=1)) + shift[:, None, None]
    output, source = outputs(encode(vae, new), gates=OPEN), encode(vae, picture)
    brush = Brush(vae, head)
    torch.testing.assert_close(decode(vae, brush(output, source, torch.zeros(1, 2, 8))), toned, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(brush(output, source), Brush(vae)(output, source))
    shut = outputs(encode(vae, new), gates=OPEN, mask=-OPEN)
    torch.testing.assert_close(brush(shut, source, torch.zeros(1, 2, 8)), source, atol=1e-4, rtol=1e-4)


def test_a_mask_runs_through_cells(vae, pictures):
    source, new = (encode(vae, picture) for picture in pictures)
    output = outputs(new, gates=OPEN)
    rough = output[:, -MASKS : -2 * MASK - 3].view(1, FINE, FINE, 4, 4)
    rough[:, :, :2] = -OPEN  # the left half of every cell is shut
    found = decode(vae, Brush(vae)(output, source))
    left = torch.arange(16) % 4 < 2
    torch.testing.assert_close(found[..., left], pictures[0][..., left], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found[..., ~left], pictures[1][..., ~left], atol=1e-3, rtol=1e-3)


def test_a_mask_follows_colours(vae, pictures):
    """Where red is above the mean of its cell the mask opens, elsewhere it shuts."""
    picture = -0.5 * torch.ones(1, 3, 16, 16)
    picture[:, 0, ::2] = 0.5
    source, new = (encode(vae, x) for x in (picture, pictures[1]))
    found = decode(vae, Brush(vae)(outputs(new, gates=OPEN, mask=0.0, weights=torch.tensor([20.0, 0.0, 0.0])), source))
    torch.testing.assert_close(found[:, :, ::2], pictures[1][:, :, ::2], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found[:, :, 1::2], picture[:, :, 1::2], atol=1e-3, rtol=1e-3)


def test_turned_latents_are_those_of_the_turned_picture(vae, pictures):
    picture, _ = pictures
    torch.testing.assert_close(Brush(vae).turned(encode(vae, picture)), encode(vae, picture.flip(-1)), atol=1e-4, rtol=1e-4)


def test_pixels_and_latents_are_inverse(vae, pictures):
    difference = torch.randn(1, 48, 4, 4)
    brush = Brush(vae)
    torch.testing.assert_close(brush.latents(brush.pixels(difference)), difference, atol=1e-4, rtol=1e-4)
    shown = decode(vae, difference) - decode(vae, torch.zeros_like(difference))
    torch.testing.assert_close(pixel_shuffle(brush.pixels(difference), 4), shown, atol=1e-4, rtol=1e-4)


def test_what_is_meant_paints_nothing_by_itself(vae, pictures):
    """Nor does that beside which something is put: both are read from the outputs behind those of the first mask, for a head."""
    source, new = (encode(vae, picture) for picture in pictures)
    brush, output = Brush(vae), outputs(new, gates=OPEN, mask=1.0, meant=-2.0, beside=0.5)
    changes, meant, beside = brush.masks(output, source)
    assert changes.shape == meant.shape == beside.shape == (1, 16, 4, 4)
    assert (changes == 1.0).all() and (meant == -2.0).all() and (beside == 0.5).all()
    torch.testing.assert_close(brush(output, source), brush(outputs(new, gates=OPEN, mask=1.0, meant=3.0), source))
