"""The object head: what is one answer for a whole object, however many cells of the picture it fills."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn.functional import one_hot, pad, pixel_shuffle

from .hearing import Hearing
from .palette import Palette
from .similarity import measured
from .sprite import Sprite
from .warp import Warp

#: What can be done; the first words that are heard.
DEEDS = ("remove", "replace", "recolour", "paint", "add", "move", "bigger", "smaller")
_REPLACE, _GROW = DEEDS.index("replace"), slice(DEEDS.index("bigger"), DEEDS.index("smaller") + 1)


class ObjectHead(ModelMixin, ConfigMixin):
    """What the words ask of a whole thing: its new colours (`Palette`), its new size (`Warp`), a new thing in its place (`Sprite`).

    A UNet paints cell by cell. These three are one answer for all cells that are meant, found from what edit tokens, or a text
    encoder, say, and from where its masks are. What is said is heard as words (`Hearing`): `DEEDS`, then the kind and the colour of
    what comes, words for tables, walls and lights, then the kinds and colours of what is meant. A new head changes nothing.

    Args: `told_width` of what is told; how many `kinds`, `colours` and words of `settings` there are; widths of the layers in
    between, of the palette (`toning`), the warp (`warping`) and what places sprites (`placing`); the `factors` by which things become
    bigger and smaller.
    """

    @register_to_config
    def __init__(
        self,
        told_width: int = 256,
        kinds: int = 46,
        colours: int = 13,
        settings: int = 29,
        toning: int = 128,
        warping: int = 64,
        placing: int = 64,
        factors: tuple[float, float] = (1.5, 0.65),
    ) -> None:
        super().__init__()
        self._layout = [len(DEEDS), kinds, colours, settings, kinds, colours]
        words = sum(self._layout)
        self.hearing = Hearing(told_width, words)
        self.palette = Palette(words, toning)
        self.warp = Warp(kinds, factors, warping)
        self.sprite = Sprite(kinds, colours, placing)

    def forward(self, seen: Tensor, change: Tensor, mask: Tensor, meant: Tensor, told: Tensor) -> Tensor:
        """Colours of the source in about -1 ... 1 and how the UNet would change them, by patch (B, 3, P, h, w) with P pixels a cell;
        which pixels change, and which show what is meant, two (B, P, h, w) in 0 ... 1; what is told, (B, n, told_width) -> how these
        colours do change, as a picture (B, 3, H, W)."""
        with torch.no_grad():  # who speaks shall not learn to be heard by this: it is fitted to what is said anyway
            words = self.hearing(told).to(self.dtype)
        change = change + self.palette(words, seen, seen + change, mask)
        patch = round(mask.shape[1] ** 0.5)
        margins = [patch * margin for margin in _margins(*mask.shape[-2:])]
        blocks = (seen, change, mask[:, None], meant[:, None])
        seen, change, mask, meant = (pad(pixel_shuffle(x.flatten(1, -3), patch), margins) for x in blocks)
        measures = measured(meant.float()).to(self.dtype)
        deeds, _, colour, *_ = words.split(self._layout, dim=1)
        comes, there = self.kinds(words)
        change = self.warp(there, deeds[:, _GROW], measures, seen, change, mask, meant)
        change = self.sprite((comes, there), colour, deeds[:, _REPLACE, None], measures, seen, change)
        return pad(change, [-margin for margin in margins])

    def kinds(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Of which kind what comes is, and what is meant, two (B, kinds) with one 1 each, by the words heard (B, words): half of one
        thing and half of another would be neither."""
        _, comes, _, _, there, _ = words.split(self._layout, dim=1)
        return tuple(one_hot(kinds.argmax(1), kinds.shape[1]).to(words) for kinds in (comes, there))


def _margins(height: int, width: int) -> tuple[int, int, int, int]:
    """What makes a square of a picture in its middle: left, right, above, below. Similarities are told in such squares."""
    across, down = max(height - width, 0), max(width - height, 0)
    return across // 2, across - across // 2, down // 2, down - down // 2

