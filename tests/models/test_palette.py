"""One map of colours for all that an edit means."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smartedit.models.palette import MAP, Palette

WORDS = 6


@pytest.fixture
def palette() -> Palette:
    torch.manual_seed(0)
    return Palette(WORDS, hidden=16)


@pytest.fixture
def given() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Words, colours of the source and painted ones, and mask of two pictures of 6 x 6 cells with 4 pixels each."""
    torch.manual_seed(1)
    seen, painted = torch.rand(2, 2, 3, 4, 6, 6) * 2 - 1
    return torch.rand(2, WORDS), seen, painted, torch.rand(2, 4, 6, 6)


def excited(palette: Palette) -> Palette:
    torch.nn.init.normal_(palette.map_out.weight)
    return palette


def test_a_new_one_changes_nothing(palette, given):
    assert torch.equal(palette(*given), torch.zeros_like(given[2]))


def test_its_last_layer_says_an_affine_map_of_both_colours(palette, given):
    _, seen, painted, _ = given
    mixing, shift = torch.randn(3, 6), torch.randn(3)
    with torch.no_grad():
        palette.map_out.bias[:] = torch.cat([mixing.flatten(), shift])
    wanted = torch.einsum("to,bophw->btphw", mixing, torch.cat([seen, painted], dim=1)) + shift[:, None, None, None]
    torch.testing.assert_close(palette(*given), wanted)
    assert MAP == mixing.numel() + shift.numel()


def test_one_map_holds_for_every_pixel_and_each_picture_has_its_own(palette, given):
    for colours in given[1:3]:
        colours[:, :, 0, 0, 0] = colours[:, :, 3, 5, 5]
    toned = excited(palette)(*given)
    torch.testing.assert_close(toned[:, :, 0, 0, 0], toned[:, :, 3, 5, 5])
    alone = palette(*(part[1:] for part in given))
    torch.testing.assert_close(alone, toned[1:], atol=1e-5, rtol=1e-5)


def test_it_tells_what_is_meant_from_its_surroundings_and_from_the_rest(palette):
    """A colour counts as the thing's where the mask is, as the surroundings' within two cells, else as the picture's."""
    seen, mask, words = torch.zeros(4, 3, 4, 9, 9), torch.zeros(4, 4, 9, 9), torch.zeros(4, WORDS)
    mask[:, :, 4, 4] = 1
    for picture, column in ((1, 4), (2, 6), (3, 8)):
        seen[picture, 0, :, 4, column] = 1.0
    toned = excited(palette)(words, seen, torch.zeros_like(seen), mask)
    assert len({round(value, 4) for value in toned[:, 0, 0, 0, 0].tolist()}) == 4


def test_words_decide(palette, given):
    words, *colours = given
    toned = excited(palette)(*given)
    words[:, 2] += 1
    assert not torch.allclose(toned, palette(words, *colours))


def test_half_precision_counts_whole_pictures(palette):
    """65,536 pixels overflow float16 when they are added up in it."""
    seen = torch.ones(1, 3, 256, 16, 16)
    given = (torch.rand(1, WORDS), seen, -seen, seen[:, 0])
    wide = excited(palette)(*given)
    half = palette.half()(*(part.half() for part in given))
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), wide, atol=0.1, rtol=0.05)


def test_an_empty_mask_gives_finite_numbers_and_gradients(palette, given):
    words, seen, painted, mask = given
    mask = (0 * mask).requires_grad_()
    toned = excited(palette)(words, seen, painted, mask)
    toned.sum().backward()
    assert torch.isfinite(toned).all() and torch.isfinite(mask.grad).all()
