"""What is one answer for a whole object."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle

from smartedit.models.object_head import DEEDS, ObjectHead

KINDS, COLOURS, SETTINGS, RELATIONS = 3, 2, 1, 2
WORDS = len(DEEDS) + 2 * KINDS + 2 * COLOURS + SETTINGS + RELATIONS


@pytest.fixture
def head() -> ObjectHead:
    torch.manual_seed(0)
    sizes = {"kinds": KINDS, "colours": COLOURS, "settings": SETTINGS, "relations": RELATIONS}
    return ObjectHead(told_width=WORDS, **sizes, toning=8, warping=8, placing=8, landing=8)


@pytest.fixture
def given() -> tuple[Tensor, ...]:
    """Colours, change and the three masks of two pictures of 4 x 4 cells of 16 x 16 pixels, and three vectors told of each."""
    torch.manual_seed(1)
    seen, change = torch.rand(2, 2, 3, 256, 4, 4) - 0.5
    mask = torch.zeros(2, 256, 4, 4)
    mask[:, :, 1:3, 1:3] = 1
    return seen, change, mask, mask.clone(), mask.clone(), torch.zeros(2, 3, WORDS)


def listening(head: ObjectHead) -> ObjectHead:
    """One that hears the words whose places in the last vector are 1, and shows all it can do."""
    head.hearing.weight[:WORDS, -WORDS:] = 20 * torch.eye(WORDS)
    head.hearing.bias[:WORDS] = -10
    torch.nn.init.normal_(head.palette.map_out.weight)
    head.warp.shares.data.fill_(1.0)
    head.sprite.strength.data.fill_(1.0)
    head.adds.land_map_out.bias.data[2] = head.moves.land_map_out.bias.data[2] = -1.0
    return head


def test_a_new_one_changes_no_bit(head, given):
    *rest, told = given
    wanted = pixel_shuffle((rest[1] * rest[2][:, None]).flatten(1, 2), 16)
    assert torch.equal(head(*rest, told + 1), wanted)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_done_decides_who_acts(head, given, deed):
    """Outside of the mask, which a palette never leaves, only a thing that grows or is moved and one that comes are seen."""
    *rest, told = given
    told[:, -1, DEEDS.index(deed)] = 1
    head.sprite.place_map_out.bias.data[2] = 1.0
    listening(head).moves.land_map_out.bias.data[:] = torch.tensor([0.8, 0.8, 0.0])
    head.adds.land_map_out.bias.data[0] = 0.8
    after = head(*rest, told)
    assert after.shape == (2, 3, 64, 64)
    outside = pixel_shuffle(rest[2], 16)[:, 0] == 0
    assert (after.abs().amax(1)[outside].max() > 0.01) == (deed in ("replace", "add", "move", "bigger"))


def test_what_is_meant_says_where_the_new_thing_stands(head, given):
    """In the lower right corner, although it is the middle that changes."""
    seen, change, mask, meant, beside, told = given
    told[:, -1, DEEDS.index("replace")] = 1
    corner = torch.zeros_like(meant)
    corner[:, :, 3, 3] = 1
    in_middle, in_corner = (listening(head)(seen, change, mask, where, beside, told)[..., 50:62, 50:62] for where in (meant, corner))
    assert in_middle.abs().max() < 0.01 < in_corner.abs().amax(1).min()


@pytest.mark.parametrize("deed", ["add", "move"])
def test_words_and_what_it_is_put_beside_say_where_a_thing_lands(head, given, deed):
    """And what is meant where that is moved; a new thing does not come from anywhere."""
    seen, change, mask, meant, beside, told = given
    told[:, -1, DEEDS.index(deed)] = 1
    for landing in (listening(head).adds, head.moves):
        torch.nn.init.normal_(landing.land_map_out.weight)
    other_words = told.clone()
    other_words[:, -1, -1] = 1
    elsewhere = torch.zeros_like(mask)
    elsewhere[:, :, 0, 3] = 1
    here = head(seen, change, mask, meant, beside, told)
    assert not torch.allclose(head(seen, change, mask, meant, elsewhere, told), here, atol=0.01)
    assert not torch.allclose(head(seen, change, mask, meant, beside, other_words), here, atol=0.01)
    assert torch.allclose(head(seen, change, mask, elsewhere, beside, told), here, atol=0.01) == (deed == "add")


def test_a_new_thing_is_of_one_kind_alone(head):
    """That of the surest word, even where another is nearly as sure or none is sure at all; and it stands in one place."""
    words = torch.zeros(2, WORDS)
    words[0, len(DEEDS) : len(DEEDS) + KINDS] = torch.tensor([0.1, 0.9, 0.95])
    words[0, -KINDS - COLOURS - RELATIONS : -COLOURS - RELATIONS] = torch.tensor([0.02, 0.0, 0.01])
    words[0, -RELATIONS:] = torch.tensor([0.3, 0.4])
    comes, meant, relation = head.surest(words)
    assert comes[0].tolist() == [0, 0, 1] and meant[0].tolist() == [1, 0, 0] and relation[0].tolist() == [0, 1]
    assert comes[1].sum() == meant[1].sum() == relation[1].sum() == 1


def test_every_picture_is_told_its_own(head, given):
    *rest, told = given
    told[0, -1, DEEDS.index("replace")] = told[1, -1, DEEDS.index("bigger")] = 1
    both = listening(head)(*rest, told)
    for row in (0, 1):
        alone = head(*(part[row : row + 1] for part in given))
        torch.testing.assert_close(alone, both[row : row + 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(2, 4), (4, 1)])
def test_pictures_need_not_be_squares(head, given, height, width):
    """A part of a square is changed as it is in the square, where the rest of that is empty."""
    *rest, told = given
    told[:, -1, DEEDS.index("replace")] = told[:, -1, DEEDS.index("bigger")] = 1
    part = tuple(slice((4 - cells) // 2, (4 - cells) // 2 + cells) for cells in (height, width))
    pixels = tuple(slice(16 * cells.start, 16 * cells.stop) for cells in part)
    empty = torch.ones(4, 4, dtype=torch.bool)
    empty[part] = False
    square = [x.masked_fill(empty, 0) for x in rest]
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
