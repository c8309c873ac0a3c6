"""Conversations about pictures and about what things are for: the language side of the training data."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from transformers import PreTrainedTokenizerFast

from smartedit.conversation import turns
from smartedit.data.sample import EditBatch, PictureBatch, TextBatch, pad
from smartedit.world.questions import caption, knowledge_texts, questions

#: Longest conversation in tokens, the picture not counted.
LONGEST = 160


@lru_cache(maxsize=1)
def _knowledge() -> list[tuple[str, str]]:
    return knowledge_texts()


def picture_conversations(
    tokenizer: PreTrainedTokenizerFast, pictures: PictureBatch, rng: np.random.Generator, turns_each: int, split: str
) -> TextBatch:
    """For every picture a conversation of several questions about it (LLaVA-style), sometimes opened by its caption."""
    rows = []
    for described in pictures.described:
        pairs = questions(described, rng, turns_each, split)
        if rng.random() < 0.25:
            pairs = [("what is in the picture ?", caption(described, rng)), *pairs[1:]]
        rows.append(_cut(turns(tokenizer, pairs, picture=True)))
    return pad(rows)


def knowledge_conversations(
    tokenizer: PreTrainedTokenizerFast, count: int, rng: np.random.Generator, turns_each: int
) -> TextBatch:
    """Questions about the world without a picture."""
    texts = _knowledge()
    picks = rng.integers(len(texts), size=(count, turns_each))
    return pad([_cut(turns(tokenizer, [texts[i] for i in row], picture=False)) for row in picks])


def edit_conversations(tokenizer: PreTrainedTokenizerFast, batch: EditBatch) -> TextBatch:
    """Instruction, reply and edit tokens of every pair."""
    rows = [
        turns(tokenizer, [(said, heard)], picture=True, edit=True)
        for said, heard in zip(batch.instruction, batch.reply, strict=True)
    ]
    return pad(rows)


def _cut(row: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
    ids, labels = row
    return ids[:LONGEST], labels[:LONGEST]
