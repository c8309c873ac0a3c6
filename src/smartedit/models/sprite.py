"""The sprite: what a thing of a kind and colour looks like, and where it comes to stand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from .layers import zeroed
from .similarity import MEASURES, extent, resampled, similarity

#: Side of a sprite in pixels, and of what its convolutions begin with.
CANVAS, FIRST = 48, 6
#: Rows at the upper and the lower edge of what lies under a sprite whose mean colours tell in which light it stands.
EDGE = 4
#: Sizes of what a sprite is drawn from: its kind, its colour, and where and in which light it stands.
KIND, TONE, STYLE = 32, 8, 16
#: Mean colours of the picture and of both edges under the sprite; its place.
SURROUNDINGS = 3 * 3 + 3


class Sprite(nn.Module):
    """Draws one thing as a small picture with opacity, and puts it into the large one where another was (learned sprites: Monnier
    et al., 2021).

    A thing that an edit brings is not in the picture, and no cell of it can be painted without knowing all others. So it is drawn
    by a decoder of its own, from kind, colour and light, and placed as a whole. A new sprite is invisible.
    """

    def __init__(self, kinds: int, colours: int, hidden: int, width: int = 48) -> None:
        super().__init__()
        self.place = nn.Sequential(nn.Linear(2 * kinds + MEASURES, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.place_map_out = zeroed(nn.Linear(hidden, 3))
        self.embed_kind, self.embed_tone = (nn.Linear(n, size, bias=False) for n, size in ((kinds, KIND), (colours, TONE)))
        self.embed_paint = nn.Linear(colours, 3)
        self.style = nn.Sequential(nn.Linear(SURROUNDINGS, 2 * STYLE), nn.SiLU(), nn.Linear(2 * STYLE, STYLE))
        self.light_map_out = zeroed(nn.Linear(STYLE, 6))
        self.first = nn.Linear(KIND + TONE + STYLE, width * FIRST**2)
        widths = (width, width, 24, 16)
        self.grow = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:], strict=False))
        self.drawn_map_out = nn.Conv2d(widths[-1], 5, 3, padding=1)
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, kind: Tensor, colour: Tensor, wanted: Tensor, place: Tensor, seen: Tensor, change: Tensor) -> Tensor:
        """Of which kind (B, kinds) and colour (B, colours) the new thing is; how sure it is that one is `wanted` (B, 1); its `place`
        (B, 3); colours of the source and their change (B, 3, H, W) -> the change with the sprite."""
        under = seen + change
        with torch.no_grad():  # pictures with things somewhat out of place teach it to blur: it learns by `over` and `placed`
            patch = cut_out(under, place)
            colours, opacity = self.drawn(kind, colour, surroundings(seen.mean((2, 3)), place, patch))
            shown = torch.cat([colours, self.strength * opacity], dim=1).to(seen)
        shrink = 1 / place[:, 2:]
        back = similarity(shrink, -shrink * place[:, :2]).to(seen)
        colours, opacity = resampled(shown, back, seen.shape[-1]).split([3, 1], dim=1)
        inside = resampled(torch.ones_like(shown[:, :1]), back, seen.shape[-1], outside="zeros")
        return change + wanted.to(seen)[:, :, None, None] * inside * opacity * (colours - under)

    def placed(self, comes: Tensor, was: Tensor, measures: Tensor) -> Tensor:
        """Middle (x, y) and half of the side of a sprite in the place of a thing, in -1 ... 1, by both kinds and by where that is: (B, 3)."""
        off = self.place_map_out(self.place(torch.cat([comes, was, measures], dim=1)))
        middle, half = extent(measures)
        return torch.cat([middle + half * off[:, :2], half * off[:, 2:].clamp(-3, 3).exp()], dim=1)

    def over(self, patch: Tensor, kind: Tensor, colour: Tensor, around: Tensor) -> Tensor:
        """What lies under a sprite, (B, 3, c, c), with it; kind, colour and surroundings as `drawn` takes them."""
        colours, opacity = self.drawn(kind, colour, around)
        return patch + self.strength * opacity * (colours - patch)

    def drawn(self, kind: Tensor, colour: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
        """Kind (B, kinds), colour (B, colours) and what is `around` (`surroundings`) -> colours (B, 3, c, c) in about -1 ... 1 and
        opacity (B, 1, c, c) in 0 ... 1, c = `CANVAS`. Every pixel has a colour of its own and a share of the colour asked for, all in
        one light."""
        style = self.style(around)
        code = torch.cat([3 * self.embed_kind(kind), self.embed_tone(colour), style], dim=1)
        x = self.first(code).unflatten(1, (-1, FIRST, FIRST))
        for convolution in self.grow:
            x = silu(convolution(interpolate(silu(x), scale_factor=2, mode="bilinear", align_corners=False)))
        opacity, own, shade = self.drawn_map_out(x).split([1, 3, 1], dim=1)
        gain, lift = self.light_map_out(style)[:, :, None, None].chunk(2, dim=1)
        return (own + shade * self.embed_paint(colour)[:, :, None, None]) * (1 + gain) + lift, opacity.sigmoid()


def cut_out(pictures: Tensor, places: Tensor) -> Tensor:
    """The squares of pictures (B, 3, H, W) in which sprites at `places` (B, 3) are drawn: (B, 3, c, c), c = `CANVAS`."""
    return resampled(pictures, similarity(places[:, 2:], places[:, :2]).to(pictures), CANVAS)


def surroundings(mean: Tensor, place: Tensor, patch: Tensor) -> Tensor:
    """What a sprite knows of its surroundings, (B, `SURROUNDINGS`): the mean colour of the whole picture (B, 3), its place (B, 3), and
    the mean colours of the upper and the lower edge of what lies under it (B, 3, c, c)."""
    edges = [rows.mean((2, 3)) for rows in (patch[:, :, :EDGE], patch[:, :, -EDGE:])]
    return torch.cat([mean, place, *edges], dim=1)
