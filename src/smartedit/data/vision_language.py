"""Conversations about pictures and about what things are for: the language side of the training data."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from transformers import PreTrainedTokenizerFast

from smartedit.conversation import turns
from smartedit.data.sample import TextBatch, pad
from smartedit.world.questions import Answer, caption, explained_texts, knowledge_texts, questions, said_again

#: Longest conversation in tokens, the picture not counted.
LONGEST = 160
#: Shares of the turns without a picture that only repeat words, and that explain a fact in the form of a reply: a small model
#: else learns facts by heart, and cannot copy the words of one that it has seldom been asked about.
SAID_AGAIN, EXPLAINED = 0.25, 0.35


@lru_cache(maxsize=1)
def _knowledge() -> tuple[list[Answer], list[Answer]]:
    return knowledge_texts(), explained_texts()


def picture_turns(described: dict, rng: np.random.Generator, count: int, split: str) -> list[tuple[str, str]]:
    """`count` questions about a picture with their answers (LLaVA-style), now and then its caption."""
    pairs = questions(described, rng, count, split)
    return [("what is in the picture ?", caption(described, rng)), *pairs[1:]] if rng.random() < 0.25 else pairs


def knowledge_conversations(
    tokenizer: PreTrainedTokenizerFast, count: int, rng: np.random.Generator, turns_each: int
) -> TextBatch:
    """Questions about the world without a picture."""
    return pad([_cut(turns(tokenizer, [_text(rng) for _ in range(turns_each)], picture=False)) for _ in range(count)])


def _text(rng: np.random.Generator) -> Answer:
    every, explained = _knowledge()
    draw = rng.random()
    if draw < SAID_AGAIN:
        return said_again(rng)
    texts = explained if draw < SAID_AGAIN + EXPLAINED else every
    return texts[rng.integers(len(texts))]


def _cut(row: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
    ids, labels = row
    return ids[:LONGEST], labels[:LONGEST]
