"""What an object head hears: which words those are, and a fit to what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smartedit.data.landings import RELATIONS
from smartedit.models.hearing import Hearing
from smartedit.models.object_head import DEEDS
from smartedit.training import lessons
from smartedit.training.lessons import KINDS, PAINTS, SETTINGS
from smartedit.training.workshop import Workshop

#: How many edits are asked for at once.
AT_ONCE = 48
#: After how many batches it is asked whether it hears well already, and the share of words that this takes.
FIRST_HEARD, HEARS = 16, 0.9


def words_said(replies: Sequence[str], relations: Sequence[str]) -> Tensor:
    """What an object head hears of each reply, (B, words): 0 or 1 for what is done, for the kind and the colour of what comes, for
    `SETTINGS`, for the kinds and colours of what is meant, and for how what is put somewhere stands to other things."""
    said = []
    for (meant, _, done), relation in zip((reply.rpartition(" : ") for reply in replies), relations, strict=True):
        act, there = set(done.split()), set(meant.rpartition(" . ")[2].split())
        row = [word in act for word in (*DEEDS, *KINDS, *PAINTS, *SETTINGS)]
        said.append(row + [word in there for word in (*KINDS, *PAINTS)] + [relation == one for one in RELATIONS])
    return torch.tensor(said, dtype=torch.float32)


@torch.no_grad()
def fit_hearing(shop: Workshop, told_of: Callable[[Workshop, Any], Tensor], count: int, seed: int) -> None:
    """Let the object head hear what it is told of `count` edits that are only asked for, unless it hears most of that already: edit
    tokens word things in other ways than a text encoder."""
    rng, told, said = np.random.default_rng([seed, count]), [], []
    hearing = shop.parts["object_head"].hearing
    for part in shop.parts.values():
        part.eval()
    while sum(map(len, said)) < count:
        given = lessons.listening(shop, rng, AT_ONCE)
        told.append(told_of(shop, given.to(shop.device)))
        said.append(words_said(given.replies, given.relations).to(shop.device))
        if len(told) == FIRST_HEARD and _heard(hearing, torch.cat(told), torch.cat(said)) > HEARS:
            return
    hearing.fit(torch.cat(told), torch.cat(said))


def _heard(hearing: Hearing, told: Tensor, said: Tensor) -> float:
    """The share of the words said that are heard."""
    return (hearing(told)[said == 1] > 0.5).float().mean().item()
