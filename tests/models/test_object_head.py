"""What is one answer for a whole object."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle

from smartedit.models.object_head import DEEDS, ObjectHead

KINDS, COLOURS, SETTINGS = 3, 2, 1
WORDS = len(DEEDS) + 2 * KINDS + 2 * COLOURS + SETTINGS


@pytest.fixture
def head() -> ObjectHead:
    torch.manual_seed(0)
    return ObjectHead(told_width=WORDS, kinds=KINDS, colours=COLOURS, settings=SETTINGS, toning=8, warping=8, placing=8)


@pytest.fixture
def given() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Colours, change and both masks of two pictures of 4 x 4 cells of 16 x 16 pixels, and three vectors told of each."""
    torch.manual_seed(1)
    seen, change = torch.rand(2, 2, 3, 256, 4, 4) - 0.5
    mask = torch.zeros(2, 256, 4, 4)
    mask[:, :, 1:3, 1:3] = 1
    return seen, change, mask, mask.clone(), torch.zeros(2, 3, WORDS)


def listening(head: ObjectHead) -> ObjectHead:
    """One that hears the words whose places in the last vector are 1, and shows all it can do."""
    head.hearing.weight[:WORDS, WORDS:] = 20 * torch.eye(WORDS)
    head.hearing.bias[:WORDS] = -10
    torch.nn.init.normal_(head.palette.map_out.weight)
    head.warp.shares.data.fill_(1.0)
    head.sprite.strength.data.fill_(1.0)
    return head


def test_a_new_one_changes_no_bit(head, given):
    seen, change, mask, meant, told = given
    wanted = pixel_shuffle((change * mask[:, None]).flatten(1, 2), 16)
    assert torch.equal(head(seen, change, mask, meant, told + 1), wanted)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_done_decides_who_acts(head, given, deed):
    """Outside of the mask, which a palette never leaves, only a thing that grows and one that comes are seen."""
    seen, change, mask, meant, told = given
    told[:, -1, DEEDS.index(deed)] = 1
    head.sprite.place_map_out.bias.data[2] = 1.0
    after = listening(head)(seen, change, mask, meant, told)
    assert after.shape == (2, 3, 64, 64)
    outside = pixel_shuffle(mask, 16)[:, 0] == 0
    assert (after.abs().amax(1)[outside].max() > 0.01) == (deed in ("replace", "bigger"))


def test_what_is_meant_says_where_the_new_thing_stands(head, given):
    """In the lower right corner, although it is the middle that changes."""
    seen, change, mask, meant, told = given
    told[:, -1, DEEDS.index("replace")] = 1
    corner = torch.zeros_like(meant)
    corner[:, :, 3, 3] = 1
    in_middle, in_corner = (listening(head)(seen, change, mask, where, told)[..., 50:62, 50:62] for where in (meant, corner))
    assert in_middle.abs().max() < 0.01 < in_corner.abs().amax(1).min()


def test_a_new_thing_is_of_one_kind_alone(head):
    """That of the surest word, even where another is nearly as sure or none is sure at all."""
    words = torch.zeros(2, WORDS)
    words[0, len(DEEDS) : len(DEEDS) + KINDS] = torch.tensor([0.1, 0.9, 0.95])
    words[0, -KINDS - COLOURS : -COLOURS] = torch.tensor([0.02, 0.0, 0.01])
    comes, meant = head.kinds(words)
    assert comes[0].tolist() == [0, 0, 1] and meant[0].tolist() == [1, 0, 0]
    assert comes[1].sum() == meant[1].sum() == 1


def test_every_picture_is_told_its_own(head, given):
    seen, change, mask, meant, told = given
    told[0, -1, DEEDS.index("replace")] = told[1, -1, DEEDS.index("bigger")] = 1
    both = listening(head)(seen, change, mask, meant, told)
    for row in (0, 1):
        alone = head(*(part[row : row + 1] for part in given))
        torch.testing.assert_close(alone, both[row : row + 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(2, 4), (4, 1)])
def test_pictures_need_not_be_squares(head, given, height, width):
    """A part of a square is changed as it is in the square, where the rest of that is empty."""
    seen, change, mask, meant, told = given
    told[:, -1, DEEDS.index("replace")] = told[:, -1, DEEDS.index("bigger")] = 1
    part = tuple(slice((4 - cells) // 2, (4 - cells) // 2 + cells) for cells in (height, width))
    pixels = tuple(slice(16 * cells.start, 16 * cells.stop) for cells in part)
    empty = torch.ones(4, 4, dtype=torch.bool)
    empty[part] = False
    square = [x.masked_fill(empty, 0) for x in (seen, change, mask, meant)]
    torch.nn.init.zeros_(listening(head).palette.map_out.weight)  # a palette knows all of a picture's colours
    whole = head(*square, told)
    found = head(*(x[..., part[0], part[1]] for x in square), told)
    torch.testing.assert_close(found, whole[..., pixels[0], pixels[1]])


def test_what_is_said_does_not_learn_to_be_heard(head, given):
    *rest, told = given
    told.requires_grad_()
    after = listening(head)(*rest, told)
    assert after.requires_grad
    after.sum().backward()
    assert told.grad is None


def test_half_precision_is_close(head, given):
    given[-1][:, -1, DEEDS.index("replace")] = 1
    wide = listening(head)(*given)
    half = head.half()(*(part.half() for part in given))
    assert half.dtype == torch.float16
    assert (half.float() - wide).abs().mean() < 0.01
