"""What the outputs of tiny's UNet do to the source: something new, other colours, and where exactly.

The UNet sees cells of a patch each. Outlines run through them, so every cell also says which of its pixels change, which show the
thing that is meant, and which show one beside which something comes to stand.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pixel_shuffle, pixel_unshuffle

from .autoencoder import PatchAutoencoder
from .object_head import ObjectHead

#: Amounts of affine maps of red, green and blue: nine add the red, green or blue of a pixel to its red, green or blue, three
#: add one to all reds, greens or blues.
DYES = 12
#: How many rows and columns of a cell a mask has, how many outputs follow these (one a colour), and how strong these are.
FINE, COLOURS, TINT = 4, 3, 8.0
#: Outputs of one mask and of all three.
MASK = FINE**2 + COLOURS
MASKS = 3 * MASK


class Brush:
    """Turns outputs (B, n, h, w) and the source latents (B, C, h, w) of a `PatchAutoencoder` into the clean target.

    Outputs, in this order: `new`, latents to put there (C); `gates`, how much of these, one a channel, the last one for all
    channels that follow (fine detail, as latents are ordered by variance); `dyes` (`DYES`), how much of every map of colours is
    added to the source before, as far as the first gate is open; and three masks (`MASKS`). The first is which pixels all of that
    happens to:

        painted = dyed + gate * (new - dyed),  target = source + mask * (painted - source)

    so that copying costs nothing, removing needs no negative of what is removed, and a new colour keeps the detail. The mask of
    a cell has `FINE` x `FINE` values, interpolated, and adds to these what a weight for each colour makes of every pixel: an
    outline is where colours change (local affine models, as in bilateral guided upsampling). The second is which pixels of the
    source show what is meant: less than what changes, as that has a shadow and makes room for something else. The third is which
    show the thing beside which something is added or moved: that stays as it is.

    An object head then says what is one answer for the whole thing: in which colours, how large, and what comes in its place.
    """

    def __init__(self, vae: PatchAutoencoder, head: ObjectHead | None = None) -> None:
        self.head = head
        scale, basis = vae.scale.float(), vae.basis.float()
        self.channels, self.patch = vae.config.latent_channels, vae.patch
        self._read, self._write = (basis / scale)[:, :, None, None], (basis * scale).T[:, :, None, None]
        self._mean = vae.mean.float()[:, None, None]

    def __call__(self, output: Tensor, source: Tensor, told: Tensor | None = None) -> Tensor:
        channels, gates = self.channels, output.shape[1] - self.channels - DYES - MASKS
        new, gate, amounts, _ = output.split([channels, gates, DYES, MASKS], dim=1)
        gate = gate.sigmoid()
        seen = self.colours(source)
        dyed = self.latents(self._dyed(seen, gate[:, :1] * amounts))
        own = torch.arange(channels, device=gate.device).clamp_max(gates - 1)
        changed = self.pixels(dyed + gate[:, own] * (new - source - dyed)).unflatten(1, (3, -1))
        mask, *shown = (logits.sigmoid() for logits in self.masks(output, source))
        if self.head is None or told is None:
            return source + self.latents((changed * mask[:, None]).flatten(1, 2))
        return source + self.latents(pixel_unshuffle(self.head(seen, changed, mask, *shown, told), self.patch))

    def masks(self, output: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the masks, by patch, three (B, patch^2, h, w): what changes, what is meant, beside what something comes to stand."""
        colours = self.pixels(source).unflatten(1, (3, -1))
        colours = colours - colours.mean(2, keepdim=True)
        changes, meant, beside = (self._outlined(part, colours) for part in output[:, -MASKS:].split(MASK, dim=1))
        return changes, meant, beside

    def _outlined(self, output: Tensor, colours: Tensor) -> Tensor:
        """One mask of its outputs (B, `MASK`, h, w) and how colours differ within cells, (B, 3, patch^2, h, w)."""
        rough, weights = output.split([FINE**2, COLOURS], dim=1)
        whole = interpolate(pixel_shuffle(rough, FINE), scale_factor=self.patch / FINE, mode="bilinear", align_corners=False)
        return pixel_unshuffle(whole, self.patch) + TINT * (weights[:, :, None] * colours).sum(1)

    def pixels(self, difference: Tensor) -> Tensor:
        """Differences of latents (B, C, h, w) as differences of pixels, by patch (B, 3 * patch^2, h, w)."""
        return conv2d(difference, self._read.to(difference))

    def latents(self, difference: Tensor) -> Tensor:
        """The other way round, as far as latents can hold it."""
        return conv2d(difference, self._write.to(difference))

    def turned(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) of the pictures seen from behind: left is right."""
        pixels = (self.pixels(latents) + self._mean.to(latents)).flip(-1)
        within = pixels.unflatten(1, (3, self.patch, self.patch)).flip(3).flatten(1, 3)
        return self.latents(within - self._mean.to(latents))

    def colours(self, latents: Tensor) -> Tensor:
        """The colours of latents (B, C, h, w), (B, 3, patch^2, h, w) in about [-1, 1]."""
        return (self.pixels(latents) + self._mean.to(latents)).unflatten(1, (3, -1))

    def _dyed(self, colours: Tensor, amounts: Tensor) -> Tensor:
        """What dyes add to pixels, (B, 3 * patch^2, h, w): colours (B, 3, patch^2, h, w), amounts (B, `DYES`, h, w)."""
        mixing, lighter = amounts.split([9, 3], dim=1)
        mixed = torch.einsum("btohw,bophw->btphw", mixing.unflatten(1, (3, 3)), colours)
        return (mixed + lighter[:, :, None]).flatten(1, 2)
