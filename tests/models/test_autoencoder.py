from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from smartedit.errors import ModelError
from smartedit.models.autoencoder import PatchAutoencoder

CONFIG = {"latent_channels": 10, "block_out_channels": (16, 16, 16), "blocks": 1}  # patches of 4 x 4: 48 numbers


def _pictures(count: int = 12, rank: int = 10, seed: int = 0) -> np.ndarray:
    """Pictures whose patches lie (up to rounding) in a space of `rank` dimensions around a mean."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(48, rank)))[0]
    weights = rng.normal(size=(count * 64, rank)) * np.linspace(90, 20, rank)
    rows = torch.from_numpy((127 + weights @ basis.T).clip(0, 255)).reshape(count, 8, 8, 48).permute(0, 3, 1, 2)
    return pixel_shuffle(rows, 4).permute(0, 2, 3, 1).round().to(torch.uint8).numpy()


def _tensor(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    model = PatchAutoencoder(**CONFIG).eval()
    model.deviation = model.fit_basis(_pictures(), chunk=5)
    return model


@torch.no_grad()
def test_what_lies_in_the_subspace_comes_back(fitted):
    z = torch.randn(2, 10, 5, 3)
    picture = fitted.decode(z).sample
    assert picture.shape == (2, 3, 20, 12)
    torch.testing.assert_close(fitted.encode(picture).latent_dist.mode(), z, atol=1e-4, rtol=1e-4)
    x = _tensor(_pictures(seed=3, count=2))
    again = fitted(fitted(x))
    torch.testing.assert_close(again, fitted(x), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_fresh_decoder_is_the_linear_reconstruction_of_numpy(fitted):
    pictures = _pictures(rank=30, seed=5)
    model = PatchAutoencoder(**CONFIG).eval()
    model.fit_basis(pictures)
    x = _tensor(pictures)
    rows = pixel_unshuffle(x, 4).permute(0, 2, 3, 1).reshape(-1, 48).double().numpy()
    mean = rows.mean(0)
    _, _, vectors = np.linalg.svd(rows - mean, full_matrices=False)
    expected = mean + (rows - mean) @ vectors[:10].T @ vectors[:10]
    actual = pixel_unshuffle(model(x), 4).permute(0, 2, 3, 1).reshape(-1, 48).numpy()
    np.testing.assert_allclose(actual, expected, atol=2e-4)


@torch.no_grad()
def test_latents_are_half_whitened_and_the_largest_variance_is_one(fitted):
    z = fitted.encode(_tensor(_pictures())).latent_dist.mode()
    variance = z.permute(1, 0, 2, 3).flatten(1).var(1, unbiased=False)
    assert variance.max().item() == pytest.approx(1, rel=1e-3)
    torch.testing.assert_close(variance, fitted.deviation / fitted.deviation[0], rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(fitted.basis.T @ fitted.basis, torch.eye(10), atol=1e-5, rtol=0)


def test_only_the_decoder_learns(fitted):
    x = _tensor(_pictures(2))
    before = fitted.encode(x).latent_dist.mode()
    assert not before.requires_grad
    model = PatchAutoencoder(**CONFIG)
    model.load_state_dict(fitted.state_dict())
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    (model(x) - x.flip(2)).square().mean().backward()
    optimiser.step()
    assert torch.equal(model.encode(x).latent_dist.mode(), before)
    assert not torch.equal(model(x), fitted(x))


def test_interface_of_the_stock_autoencoder(fitted):
    x = torch.zeros(1, 3, 16, 32)
    latents = fitted.encode(x).latent_dist
    assert torch.equal(latents.mode(), latents.sample())
    assert fitted.encode(x, return_dict=False)[0].mode().shape == (1, 10, 4, 8)
    assert fitted.decode(latents.mode(), return_dict=False)[0].shape == x.shape
    assert 2 ** (len(fitted.config.block_out_channels) - 1) == fitted.patch == 4
    assert fitted.config.latent_channels == 10 and fitted.config.scaling_factor == 1.0


def test_sides_must_divide(fitted):
    with pytest.raises(ModelError, match="30 x 16 does not divide into patches of 4"):
        fitted.encode(torch.zeros(1, 3, 16, 30))


def test_folder_round_trip(fitted, tmp_path):
    fitted.save_pretrained(tmp_path)
    loaded = PatchAutoencoder.from_pretrained(tmp_path)
    x = _tensor(_pictures(1))
    assert torch.equal(loaded(x), fitted(x)) and loaded.patch == fitted.patch
