"""The autoencoder of `tiny`: a linear patch basis that holds at once, and learned residuals that polish the picture.

The encoder is linear and frozen, so latents can be cached for good while the decoder keeps learning. The class answers
to the parts of AutoencoderKL's interface that pipelines use.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle

from ..errors import ModelError
from .layers import zeroed

FINE = 4  # the pixel residual works on patches of 4 x 4


class ResidualBlock(nn.Module):
    """norm, 3x3, SiLU, 3x3 with residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(width // 16, width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Pictures (B, 3, H, W) in [-1, 1], sides multiples of the patch, <-> latents (B, C, H/patch, W/patch).

    Args: `latent_channels` C; `block_out_channels` as in AutoencoderKL gives the patch, 2 ** (length - 1), and with its
    first and last entry the widths of the decoder's fine (4 x 4 pixels) and coarse (patch) residual; `blocks` of the
    coarse one; `scaling_factor` is 1, the largest channel of the latents has variance 1.

    `mean` (3 * patch^2), orthonormal `basis` (3 * patch^2, C) and `scale` (C) are buffers: `fit_basis` computes them.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 128,
        block_out_channels: tuple[int, ...] = (64, 64, 64, 64, 256),
        blocks: int = 3,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        fine, coarse = block_out_channels[0], block_out_channels[-1]
        self.patch = 2 ** (len(block_out_channels) - 1)
        vector = 3 * self.patch**2
        self.register_buffer("mean", torch.zeros(vector))
        self.register_buffer("basis", torch.eye(vector, latent_channels))
        self.register_buffer("scale", torch.ones(latent_channels))
        self.coarse = nn.Sequential(
            nn.Conv2d(latent_channels, coarse, 3, padding=1),
            *(ResidualBlock(coarse) for _ in range(blocks)),
            nn.SiLU(),
            zeroed(nn.Conv2d(coarse, vector, 1)),
        )
        self.fine = nn.Sequential(
            nn.Conv2d(3 * FINE**2, fine, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(fine, fine, 3, padding=1),
            nn.SiLU(),
            zeroed(nn.Conv2d(fine, 3 * FINE**2, 3, padding=1)),
        )

    @torch.no_grad()
    def fit_basis(self, pictures: np.ndarray | Tensor, chunk: int = 32) -> Tensor:
        """Fit mean, basis and scale to uint8 pictures (N, H, W, 3); gives the standard deviation of every kept channel.

        Principal components of the patches; channels are whitened half way (divided by the root of their standard
        deviation), so that noise of one size first hides detail and last hides layout, and the largest variance is 1:
        neighbouring pixels agree, so noise has to be that large for a picture to be unrecognisable in the middle of a
        schedule.
        """
        mean, covariance = self._moments(torch.as_tensor(pictures), chunk)
        variance, vectors = torch.linalg.eigh(covariance)
        count = self.config.latent_channels
        variance, vectors = variance.flip(0)[:count].clamp_min(1e-8), vectors.flip(1)[:, :count]
        scale = (variance * variance[0]).pow(-0.25)
        for buffer, value in ((self.mean, mean), (self.basis, vectors), (self.scale, scale)):
            buffer.copy_(value.to(buffer))
        return variance.sqrt().float()

    def encode(self, x: Tensor, return_dict: bool = True):
        """Latents as a distribution without spread: `encode(x).latent_dist.mode()` is (B, C, H/patch, W/patch)."""
        if x.shape[-1] % self.patch or x.shape[-2] % self.patch:
            size = f"{x.shape[-1]} x {x.shape[-2]}"
            raise ModelError(f"a picture of {size} does not divide into patches of {self.patch}; fit it first")
        centred = pixel_unshuffle(x, self.patch) - self.mean[:, None, None]
        latents = conv2d(centred, (self.basis * self.scale).T[:, :, None, None])
        exact = DiagonalGaussianDistribution(torch.cat([latents, latents], dim=1), deterministic=True)
        return AutoencoderKLOutput(latent_dist=exact) if return_dict else (exact,)

    def decode(self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None):
        """Pictures (B, 3, H, W) of latents, about [-1, 1], not clamped; `generator` is unused, as in AutoencoderKL."""
        picture = pixel_shuffle(self.linear_patches(z) + self.coarse(z), self.patch)
        picture = picture + pixel_shuffle(self.fine(pixel_unshuffle(picture, FINE)), FINE)
        return DecoderOutput(sample=picture) if return_dict else (picture,)

    def forward(self, x: Tensor) -> Tensor:
        """There and back, for training: (B, 3, H, W) -> (B, 3, H, W)."""
        return self.decode(self.encode(x).latent_dist.mode()).sample

    def linear_patches(self, z: Tensor) -> Tensor:
        """The linear inverse: latents (B, C, h, w) -> patch vectors (B, 3 * patch^2, h, w)."""
        return conv2d(z, (self.basis / self.scale)[:, :, None, None]) + self.mean[:, None, None]

    def _moments(self, pictures: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
        size = len(self.mean)
        total = torch.zeros(size, dtype=torch.float64)
        square = torch.zeros(size, size, dtype=torch.float64)
        count = 0
        for part in pictures.split(chunk):
            x = part.permute(0, 3, 1, 2).float() / 127.5 - 1
            rows = pixel_unshuffle(x, self.patch).permute(0, 2, 3, 1).reshape(-1, size)
            total += rows.double().sum(0)
            square += (rows.T @ rows).double()
            count += len(rows)
        mean = total / count
        return mean, square / count - mean[:, None] * mean
