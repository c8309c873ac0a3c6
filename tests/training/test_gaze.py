"""What one head is said to look at is what it looks at, and a loss on that teaches it."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from smartedit.training.gaze import Gaze

SEEN = slice(2, 7)


@pytest.fixture
def language_model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=11, hidden_size=16, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=8
    )
    return LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()


@torch.no_grad()
@pytest.mark.parametrize(("layer", "head"), [(0, 0), (2, 1), (1, 3)])
def test_scores_are_those_of_the_models_own_attention(language_model, layer, head):
    ids = torch.randint(11, (2, 12))
    rows, words = torch.tensor([0, 1, 1]), torch.tensor([8, 11, 7])
    with Gaze(language_model, layer, head) as gaze:
        paid = language_model(ids, output_attentions=True).attentions[layer][rows, head, words, SEEN]
    expected = paid / paid.sum(1, keepdim=True)
    torch.testing.assert_close(gaze.scores(rows, words, SEEN).softmax(1), expected, atol=1e-6, rtol=1e-5)


def test_nothing_is_watched_once_the_block_is_left(language_model):
    with Gaze(language_model, 1, 0) as gaze:
        language_model(torch.zeros(1, 9, dtype=torch.long))
    before = gaze.scores(torch.tensor([0]), torch.tensor([8]), SEEN)
    language_model(torch.ones(1, 9, dtype=torch.long))
    torch.testing.assert_close(gaze.scores(torch.tensor([0]), torch.tensor([8]), SEEN), before)


def test_looking_can_be_taught(language_model):
    ids, row, word = torch.arange(9)[None], torch.tensor([0]), torch.tensor([8])
    optimizer = torch.optim.Adam(language_model.parameters(), lr=0.01)
    for _ in range(60):
        with Gaze(language_model, 1, 0) as gaze:
            language_model(ids)
        loss = -gaze.scores(row, word, SEEN).log_softmax(1)[0, 3]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert gaze.scores(row, word, SEEN).softmax(1)[0, 3] > 0.9
