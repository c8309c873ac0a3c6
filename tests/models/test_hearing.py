"""Words that edit tokens stand for."""

from __future__ import annotations

import torch

from smartedit.models.hearing import Hearing

WORDS = 6


def test_it_hears_words_in_what_it_is_told():
    """Words are told apart by faint directions, three in the last vector, two in the second and one in all, beside much that is always
    told. One word is rare, one never said."""
    torch.manual_seed(2)
    wanted = torch.eye(WORDS)[torch.arange(400) % WORDS]
    wanted[:, 5] *= torch.arange(400) % 36 == 5
    told = 5 + 0.1 * torch.randn(400, 40, 12) + 0.3 * (wanted[:, :1] @ torch.randn(1, 12))[:, None]
    told[:, 1] += 0.5 * wanted[:, 1:3] @ torch.randn(2, 12)
    told[:, -1] += 0.5 * wanted[:, 3:] @ torch.randn(3, 12)
    hearing = Hearing(12, WORDS + 1)
    assert hearing(told).max() < 0.01, "at first it hears nothing"
    wanted = torch.cat([wanted, torch.zeros(400, 1)], dim=1)
    hearing.fit(told[:300], wanted[:300])
    words, said = hearing(told[300:]), wanted[300:] == 1
    assert {1, 39} < set(hearing.chosen.tolist()), "it listens to those who say something"
    assert ((words > 0.5) == said).float().mean() > 0.99
    assert words[said].mean() > 0.95 and words[:, 5][said[:, 5]].min() > 0.5, "a rare word is heard as surely as others"
    assert words[:, WORDS].max() < 0.05, "what is never said is never heard"
