"""Words and numbers that edit tokens stand for."""

from __future__ import annotations

import torch

from smartedit.models.hearing import Hearing

WORDS = 6


def test_it_hears_words_and_numbers_in_what_it_is_told():
    """Words are told apart by faint directions, three in the last vector and three in all, beside much that is always told; a number
    by its own. One word is rare, one never said."""
    torch.manual_seed(2)
    wanted = torch.eye(WORDS + 1)[torch.arange(400) % WORDS]
    wanted[:, 5] *= torch.arange(400) % 36 == 5
    wanted[:, 6] = torch.randn(400)
    told = 5 + 0.05 * torch.randn(400, 5, 12) + 0.3 * (wanted[:, :3] @ torch.randn(3, 12))[:, None]
    told[:, -1] += 0.3 * wanted[:, 3:] @ torch.randn(4, 12)
    hearing = Hearing(12, WORDS + 1, numbers=1)
    words, numbers = hearing(told)
    assert words.max() < 0.01 and not numbers.any(), "at first it hears nothing"
    wanted = torch.cat([wanted[:, :6], torch.zeros(400, 1), wanted[:, 6:]], dim=1)
    hearing.fit(told[:300], wanted[:300])
    words, numbers = hearing(told[300:])
    said = wanted[300:, :-1] == 1
    assert ((words > 0.5) == said).float().mean() > 0.99
    assert words[said].mean() > 0.95 and words[:, 5][said[:, 5]].min() > 0.5, "a rare word is heard as surely as others"
    assert words[:, WORDS].max() < 0.05, "what is never said is never heard"
    assert (numbers[:, 0] - wanted[300:, -1]).abs().mean() < 0.2
