"""The object head: what is one answer for a whole object, however many cells of the picture it fills."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn.functional import one_hot, pad, pixel_shuffle

from .hearing import Hearing
from .landing import Landing
from .palette import Palette
from .similarity import measured
from .sprite import Sprite
from .warp import Warp

#: What can be done; the first words that are heard.
DEEDS = ("remove", "replace", "recolour", "paint", "add", "move", "bigger", "smaller")
_REPLACE, _ADD, _MOVE, _BIGGER, _SMALLER = map(DEEDS.index, ("replace", "add", "move", "bigger", "smaller"))


class ObjectHead(ModelMixin, ConfigMixin):
    """What the words ask of a whole thing: its new colours (`Palette`), another size or place (`Warp`), a new thing (`Sprite`).

    A UNet paints cell by cell. These three are one answer for all cells that are meant, found from what edit tokens, or a text
    encoder, say, and from where its masks are. What is said is heard as words (`Hearing`): `DEEDS`, then the kind and the colour of
    what comes, words for tables, walls and lights, the kinds and colours of what is meant, and where something is put (`Landing`). A
    new head changes nothing.

    Args: `told_width` of what is told; how many `kinds`, `colours`, words of `settings` and `relations` to other things or to the table
    there are; widths of the layers in between, of the palette (`toning`), the warp (`warping`), of what places sprites (`placing`) and
    of `landing`; the `factors` by which things become bigger and smaller.
    """

    @register_to_config
    def __init__(
        self,
        told_width: int = 256,
        kinds: int = 46,
        colours: int = 13,
        settings: int = 29,
        relations: int = 9,
        toning: int = 128,
        warping: int = 64,
        placing: int = 64,
        landing: int = 96,
        factors: tuple[float, float] = (1.5, 0.65),
    ) -> None:
        super().__init__()
        self._layout = [len(DEEDS), kinds, colours, settings, kinds, colours, relations]
        words = sum(self._layout)
        self.hearing = Hearing(told_width, words)
        self.palette = Palette(words, toning)
        self.warp = Warp(kinds, warping)
        self.sprite = Sprite(kinds, colours, placing)
        self.adds, self.moves = (Landing(kinds, relations, seen, landing) for seen in (1, 2))

    def forward(self, seen: Tensor, change: Tensor, mask: Tensor, meant: Tensor, beside: Tensor, told: Tensor) -> Tensor:
        """Colours of the source in about -1 ... 1 and how the UNet would change them, by patch (B, 3, P, h, w) with P pixels a cell;
        which pixels change, which show what is meant, and which show beside what something is put, three (B, P, h, w) in 0 ... 1; what
        is told, (B, n, told_width) -> how these colours do change, as a picture (B, 3, H, W)."""
        with torch.no_grad():  # who speaks shall not learn to be heard by this: it is fitted to what is said anyway
            words = self.hearing(told).to(self.dtype)
        change = change + self.palette(words, seen, seen + change, mask)
        patch = round(mask.shape[1] ** 0.5)
        margins = [patch * margin for margin in _margins(*mask.shape[-2:])]
        blocks = (seen, change, *(one[:, None] for one in (mask, meant, beside)))
        seen, change, mask, *shown = (pad(pixel_shuffle(x.flatten(1, -3), patch), margins) for x in blocks)
        deeds, _, colour, *_ = words.split(self._layout, dim=1)
        with torch.no_grad():  # pictures with things somewhat out of place would teach it nothing: it learns from true places
            stands, lands, place = self.places(words, *(measured(one.float()).to(self.dtype) for one in shown))
        resized = deeds[:, [_BIGGER, _SMALLER]].amax(1)
        change = self.warp(torch.stack([resized, deeds[:, _MOVE]], dim=1), stands, lands, seen, change, mask, shown[0])
        comes = deeds[:, [_REPLACE, _ADD]].amax(1, keepdim=True)
        change = self.sprite(self.surest(words)[0], colour, comes, place, seen, change)
        return pad(change, [-margin for margin in margins])

    def surest(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of which kind what comes is, and what is meant, two (B, kinds), and how what is put somewhere stands to other things, (B,
        relations), with one 1 each, by the words heard (B, words): half of one thing and half of another would be neither."""
        _, comes, _, _, there, _, relation = words.split(self._layout, dim=1)
        return tuple(one_hot(some.argmax(1), some.shape[1]).to(words) for some in (comes, there, relation))

    def places(self, words: Tensor, meant: Tensor, beside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where what is meant stands, (B, 2); where that lands, and how many times as large it is there, (B, 3); and the place of a sprite,
        (B, 3); by the words heard and by `measured` of both, two (B, m)."""
        comes, there, relation = self.surest(words)
        bigger, smaller = self.config.factors
        grows = words[:, _BIGGER, None] > words[:, _SMALLER, None]
        moved, added = words[:, _MOVE, None] > 0.5, words[:, _ADD, None] > 0.5
        stands = self.warp.stood(there, meant)
        stays = torch.cat([stands, torch.where(grows, bigger, smaller).to(stands)], dim=1)
        lands = torch.where(moved, self.moves(there, relation, beside, meant), stays)
        place = torch.where(added, self.adds(comes, relation, beside), self.sprite.placed(comes, there, meant))
        return stands, lands, place


def _margins(height: int, width: int) -> tuple[int, int, int, int]:
    """What makes a square of a picture in its middle: left, right, above, below. Similarities are told in such squares."""
    across, down = max(height - width, 0), max(width - height, 0)
    return across // 2, across - across // 2, down // 2, down - down // 2

