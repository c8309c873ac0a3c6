"""Conversations without a picture: words said again, explained facts and everything else that is known."""

import numpy as np

from smartedit.conversation import build_tokenizer
from smartedit.data import vision_language
from smartedit.data.vision_language import EXPLAINED, SAID_AGAIN, knowledge_conversations
from smartedit.world.phrasing import vocabulary
from smartedit.world.questions import explained_texts, knowledge_texts

TOKENIZER = build_tokenizer(vocabulary())


def test_turns_without_a_picture_keep_their_shares():
    rng = np.random.default_rng(0)
    drawn = [vision_language._text(rng) for _ in range(2000)]
    known, explained = set(knowledge_texts()), set(explained_texts())
    assert abs(sum(text not in known for text in drawn) / 2000 - SAID_AGAIN) < 0.05
    others = (1 - SAID_AGAIN - EXPLAINED) * len(explained) / len(known)
    assert abs(sum(text in explained for text in drawn) / 2000 - EXPLAINED - others) < 0.05


def test_conversations_are_those_of_their_seed():
    one, same, other = (knowledge_conversations(TOKENIZER, 3, np.random.default_rng(seed), 4) for seed in (1, 1, 2))
    assert len(one.ids) == 3 and one.ids.equal(same.ids)
    assert one.ids.shape != other.ids.shape or not one.ids.equal(other.ids)
