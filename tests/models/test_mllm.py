from __future__ import annotations

import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import EDIT, FIRST_EDIT, PATCHES
from transformers import DynamicCache

from smartedit.data.sample import pad_branches
from smartedit.errors import ModelError
from smartedit.models.mllm import IGNORE, Projector


@pytest.fixture(scope="module")
def mllm():
    return small.mllm()


WORDS = st.lists(st.integers(3, FIRST_EDIT - 1), min_size=0, max_size=6)


@torch.no_grad()
@given(rows=st.lists(st.tuples(WORDS, WORDS, st.booleans()), min_size=1, max_size=4))
def test_splice_equals_cutting_lists(mllm, rows):
    """Any rows with any padding: what plain lists give, position by position."""
    texts = [[1, *before, FIRST_EDIT, *after, *(EDIT if edit else [])] for before, after, edit in rows]
    width = max(map(len, texts))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in texts])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in texts])
    features = torch.randn(len(rows), PATCHES, 32)
    spliced = mllm.splice(ids, features, mask, labels=torch.where(mask.bool(), ids, IGNORE))
    table = mllm.language_model.get_input_embeddings()
    for i, (text, (before, _, _)) in enumerate(zip(texts, rows, strict=True)):
        place = len(before) + 1
        rest = text[place + 1 :]
        pad = width - len(text)
        assert spliced.ids[i].tolist() == text[:place] + [-1] * PATCHES + rest + [0] * pad
        assert spliced.labels[i].tolist() == text[:place] + [IGNORE] * PATCHES + rest + [IGNORE] * pad
        assert spliced.attention_mask[i].tolist() == [1] * (len(text) - 1 + PATCHES) + [0] * pad
        expected = torch.cat([table(ids[i, :place]), features[i], table(ids[i, place + 1 :])])
        assert torch.equal(spliced.embeds[i], expected)


@torch.no_grad()
@given(rows=st.lists(st.lists(st.tuples(WORDS, st.booleans()), min_size=2, max_size=3), min_size=1, max_size=3))
def test_branches_are_what_separate_conversations_are(mllm, rows):
    """Turns packed behind one picture: the states and the edits of rows that have one turn each."""
    start = [1, 4, FIRST_EDIT, 5]
    turns = [[[7, *words, *EDIT] if edit else [7, *words] for words, edit in row] for row in rows]
    features = torch.randn(len(rows), PATCHES, 24)
    packed = pad_branches(start, [[(turn, turn) for turn in row] for row in turns])
    together = mllm(packed.ids, features, packed.mask.long(), packed.labels, branch=packed.branch)
    states = []
    for i, row in enumerate(turns):
        for turn in row:
            alone = mllm(torch.tensor([start + turn]), features[i : i + 1])
            states.append(alone.states[0, PATCHES + 3 :])
    seen = torch.cat([(packed.branch[i] > 0).nonzero()[:, 0] + PATCHES - 1 + i * together.states.shape[1] for i in range(len(rows))])
    torch.testing.assert_close(together.states.flatten(0, 1)[seen], torch.cat(states), atol=1e-4, rtol=1e-3)
    edits = sum(edit for row in rows for _, edit in row)
    assert len(together.every_edit()) == edits


@torch.no_grad()
def test_text_alone_beside_pictures(mllm):
    ids = torch.tensor([[1, 5, FIRST_EDIT, 6, 7], [1, 8, 9, 10, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    has_picture = torch.tensor([True, False])
    features = torch.randn(2, PATCHES, 24)
    both = mllm(ids, features, mask, labels=ids, has_picture=has_picture)
    alone = mllm(ids[1:, :4], None, None, labels=ids[1:, :4])
    torch.testing.assert_close(both.states[1, :4], alone.states[0], atol=1e-5, rtol=1e-4)
    spliced = mllm.splice(ids, mllm.projector(features), mask, ids, has_picture)
    assert spliced.attention_mask[1].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert spliced.labels[1].tolist() == [1, 8, 9, 10, 0, *[IGNORE] * 3]


def test_no_place_for_the_picture(mllm):
    with pytest.raises(ModelError, match="no place for its picture"):
        mllm.splice(torch.tensor([[1, 2, 3]]), torch.zeros(1, PATCHES, 32))


@torch.no_grad()
def test_loss_is_that_of_transformers(mllm):
    ids = torch.randint(3, FIRST_EDIT, (2, 7))
    labels = ids.clone()
    labels[0, :4] = IGNORE
    ours = mllm(ids, None, None, labels)
    stock = mllm.language_model(input_ids=ids, labels=labels, output_hidden_states=True)
    torch.testing.assert_close(ours.loss, stock.loss)
    torch.testing.assert_close(ours.states, mllm.language_model.model(input_ids=ids).last_hidden_state)
    assert mllm(ids, None, None, torch.full_like(ids, IGNORE)).loss == 0


@torch.no_grad()
def test_labels_stay_aligned_across_the_picture(mllm):
    """The loss of one labelled word equals minus its log-probability given everything before it, picture included."""
    ids = torch.tensor([[1, 5, FIRST_EDIT, 6, 7, 11]])
    labels = torch.tensor([[IGNORE] * 5 + [11]])
    features = torch.randn(1, PATCHES, 24)
    before = mllm.splice(ids[:, :5], mllm.projector(features)).embeds
    odds = mllm.language_model(inputs_embeds=before).logits[0, -1].log_softmax(-1)
    torch.testing.assert_close(mllm(ids, features, None, labels).loss, -odds[11])


@torch.no_grad()
def test_one_pass_equals_feeding_token_by_token(mllm):
    ids = torch.cat([small.prompt(9, 10), torch.tensor([[7, 8, *EDIT]])], dim=1)
    features = torch.randn(1, PATCHES, 24)
    collected, present = mllm(ids, features).edit_states()
    assert present.shape == (1, 32) and present.all()
    embeds = mllm.splice(ids, mllm.projector(features)).embeds
    start, cache = embeds.shape[1] - 32, DynamicCache()
    mllm.language_model.model(None, None, None, cache, inputs_embeds=embeds[:, :start], use_cache=True)
    for k in range(32):
        step = embeds[:, start + k : start + k + 1]
        output = mllm.language_model.model(None, None, None, cache, inputs_embeds=step, use_cache=True)
        torch.testing.assert_close(collected[:, k], output.last_hidden_state[:, 0], atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_edit_states_of_mixed_rows(mllm):
    ids = torch.tensor([[1, FIRST_EDIT, 5, *EDIT], [1, FIRST_EDIT, 5, *[6] * 32]])
    output = mllm(ids, torch.randn(2, PATCHES, 24))
    states, present = output.edit_states()
    assert present[0].all() and not present[1].any() and not states[1].any()
    assert torch.equal(states[0], output.states[0, -32:])
    with pytest.raises(ModelError, match="some of the 32"):
        mllm(ids[:1, :-1], torch.randn(1, PATCHES, 24)).edit_states()


def _slow_reply(mllm, ids, features, count: int) -> list[int]:
    """Greedy words without cache, mask or batch."""
    embeds, words = mllm.splice(ids, mllm.projector(features)).embeds, []
    for _ in range(count):
        word = int(mllm.language_model(inputs_embeds=embeds).logits[0, -1].argmax())
        if word == 2 or word >= FIRST_EDIT:
            break
        words.append(word)
        embeds = torch.cat([embeds, mllm.language_model.get_input_embeddings()(torch.tensor([[word]]))], dim=1)
    return words


@torch.no_grad()
@pytest.mark.parametrize("seed", range(6))
def test_replies_of_a_padded_batch_equal_those_one_by_one(seed):
    mllm = small.mllm(seed)
    prompts = [small.prompt(9), small.prompt(10, 11, 12, 13), small.prompt(3, 4)]
    features = torch.randn(3, PATCHES, 24)
    ids = torch.nn.utils.rnn.pad_sequence([p[0] for p in prompts], batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(p[0]) for p in prompts], batch_first=True)
    replies = mllm.generate_reply(ids, features, mask, max_tokens=12)
    expected = [_slow_reply(mllm, p, f[None], 12) for p, f in zip(prompts, features, strict=True)]
    assert [reply.tolist() for reply in replies] == expected
    rows, kept = mllm.with_edit_tokens(ids, mask, replies)
    for row, n, p, reply in zip(rows, kept.sum(1), prompts, expected, strict=True):
        assert row[:n].tolist() == [*p[0].tolist(), *reply, *EDIT]


def test_sampling_follows_its_generator(mllm):
    ids, features = small.prompt(9), torch.randn(1, PATCHES, 24)

    def words(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return mllm.generate_reply(ids, features, max_tokens=10, temperature=5.0, generator=generator)[0].tolist()

    assert words(1) == words(1)
    assert len({tuple(words(seed)) for seed in range(5)}) > 1


@torch.no_grad()
def test_view_features_come_from_the_selected_layer(mllm):
    view = torch.randn(2, 3, 16, 16)
    features = mllm.encode_view(view)
    tower = mllm.vision_tower
    hidden = tower.pre_layrnorm(tower.embeddings(view))
    for layer in tower.encoder.layers[:2]:  # -2 of three layers: what the second gives
        hidden = layer(hidden, None)
    torch.testing.assert_close(features, hidden[:, 1:])
    assert features.shape == (2, PATCHES, 24)


@torch.no_grad()
def test_a_projector_with_a_grid_says_where_each_patch_is():
    """Row and column of every patch are added to what it shows; without a grid nothing is, as published."""
    features = torch.randn(2, 9, 6)
    placed = Projector(image_width=6, hidden=4, grid=3)
    added = (placed(features) - placed.linear(features)).unflatten(1, (3, 3))
    expected = placed.rows[:, None] + placed.columns[None]
    torch.testing.assert_close(added, expected.expand_as(added), atol=1e-6, rtol=1e-5)
    plain = Projector(image_width=6, hidden=4)
    assert set(plain.state_dict()) == {"linear.weight", "linear.bias"}
    torch.testing.assert_close(plain(features), plain.linear(features))
    placed.load_state_dict(plain.state_dict())
    torch.testing.assert_close(placed(features), plain(features))


def test_projector_folder_keeps_the_selected_layer(tmp_path):
    Projector(image_width=6, hidden=4, select_layer=-1).save_pretrained(tmp_path)
    assert Projector.from_pretrained(tmp_path).config.select_layer == -1
