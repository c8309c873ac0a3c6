"""What the language model reads: the tokenizer's ids, where the picture goes, what is learned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartedit.conversation import EDIT_TOKENS, build_tokenizer, edit_ids, edit_prompt, turns, unknown_words

WORDS = ["remove", "the", "left", "hand", "knife", "at", "3", "9", ".", ",", "?"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(WORDS)


def test_special_ids_are_where_the_model_expects_them(tokenizer):
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>"]) == [0, 1, 2]
    ids = edit_ids(tokenizer)
    assert ids == list(range(ids[0], ids[0] + 32))
    assert ids[-1] == len(tokenizer) - 1, "an id at or above <img_0> must be an edit token"


def test_prompt_holds_the_picture_once_between_its_markers(tokenizer):
    tokens = tokenizer.convert_ids_to_tokens(edit_prompt(tokenizer, "Remove the knife"))
    assert tokens == ["<s>", "user:", "<im_start>", "<img_0>", "<im_end>", "remove", "the", "knife", "assistant:"]


def test_only_what_the_model_says_is_learned(tokenizer):
    ids, labels = turns(tokenizer, [("remove the knife", "knife at 3 9 .")], picture=True, edit=True)
    learned = [token for token in labels if token != -100]
    assert tokenizer.convert_ids_to_tokens(learned) == ["knife", "at", "3", "9", ".", *EDIT_TOKENS, "</s>"]
    assert ids[-len(learned) :] == learned


def test_turns_put_the_picture_into_the_first_only(tokenizer):
    ids, _ = turns(tokenizer, [("knife ?", "left"), ("hand ?", "3")], picture=True)
    assert tokenizer.convert_ids_to_tokens(ids).count("<img_0>") == 1


@given(text=st.text(max_size=80))
def test_any_text_becomes_ids(tokenizer, text):
    ids = edit_prompt(tokenizer, text.replace("<", ""))
    assert all(0 <= i < len(tokenizer) for i in ids)


def test_unknown_words_are_named(tokenizer):
    assert unknown_words(tokenizer, "Remove the trombone 🎉") == (["trombone", "🎉"], 2)
    assert unknown_words(tokenizer, "left-hand knife") == (["-"], 3)
