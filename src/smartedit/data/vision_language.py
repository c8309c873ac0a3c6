"""Conversations about pictures and about what things are for: the language side of the training data."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from transformers import PreTrainedTokenizerFast

from smartedit.conversation import turns
from smartedit.data.sample import TextBatch, pad
from smartedit.world.questions import caption, knowledge_texts, questions

#: Longest conversation in tokens, the picture not counted.
LONGEST = 160


@lru_cache(maxsize=1)
def _knowledge() -> list[tuple[str, str]]:
    return knowledge_texts()


def picture_turns(described: dict, rng: np.random.Generator, count: int, split: str) -> list[tuple[str, str]]:
    """`count` questions about a picture with their answers (LLaVA-style), now and then its caption."""
    pairs = questions(described, rng, count, split)
    return [("what is in the picture ?", caption(described, rng)), *pairs[1:]] if rng.random() < 0.25 else pairs


def knowledge_conversations(
    tokenizer: PreTrainedTokenizerFast, count: int, rng: np.random.Generator, turns_each: int
) -> TextBatch:
    """Questions about the world without a picture."""
    texts = _knowledge()
    picks = rng.integers(len(texts), size=(count, turns_each))
    return pad([_cut(turns(tokenizer, [texts[i] for i in row], picture=False)) for row in picks])


def _cut(row: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
    ids, labels = row
    return ids[:LONGEST], labels[:LONGEST]
