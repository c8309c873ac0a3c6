"""Another family of language models in the same place: Qwen-VL understands, everything after it stays as it is."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

from smartedit.models.bim import BIM
from smartedit.models.presets import get_preset
from smartedit.models.qwen import QwenMLLM
from smartedit.models.smartedit import SmartEdit
from smartedit.training.stages import stage_named
from smartedit.training.workshop import ContrastHeads

PICTURE, FIRST_EDIT, VOCABULARY, PATCH, MERGE = 7, 48, 80, 5, 2


def qwen(kind: str, vocabulary: int, hidden: int, patch: int, seed: int = 0):
    """A tiny random model of the family."""
    torch.manual_seed(seed)
    text = {
        "vocab_size": vocabulary, "hidden_size": hidden, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 512, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [hidden // 16, hidden // 32, hidden // 32]},
    }  # fmt: skip
    shared = {"depth": 2, "num_heads": 2, "patch_size": patch, "spatial_merge_size": MERGE, "temporal_patch_size": 2}
    ids = {"image_token_id": PICTURE, "video_token_id": 6, "vision_start_token_id": 4, "vision_end_token_id": 5}
    if kind == "2":
        vision = {**shared, "embed_dim": 32, "hidden_size": hidden, "mlp_ratio": 2}
        return Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision, **ids)).eval()
    vision = {**shared, "hidden_size": 32, "out_hidden_size": hidden, "intermediate_size": 48, "window_size": 4 * patch,
              "fullatt_block_indexes": [1]}  # fmt: skip
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)).eval()


@pytest.mark.parametrize("kind", ["2", "2.5"])
@torch.no_grad()
def test_it_computes_what_the_stock_model_computes(kind):
    stock = qwen(kind, VOCABULARY, 64, PATCH)
    mllm = QwenMLLM(stock, FIRST_EDIT).eval()
    view = torch.randn(1, 3, 40, 40)
    features = mllm.encode_view(view)
    patches, cells = features.shape[1], 40 // PATCH
    ours = torch.tensor([[1, 9, FIRST_EDIT, 10, 11, *range(FIRST_EDIT, FIRST_EDIT + 32)]])
    theirs = torch.tensor([[1, 9, *[PICTURE] * patches, 10, 11, *range(FIRST_EDIT, FIRST_EDIT + 32)]])
    blocks = view.reshape(3, cells // MERGE, MERGE, PATCH, cells // MERGE, MERGE, PATCH).permute(1, 4, 2, 5, 0, 3, 6)
    pixels = torch.stack([blocks.reshape(cells * cells, 3, PATCH * PATCH)] * 2, dim=2).reshape(cells * cells, -1)
    expected = stock.model(
        input_ids=theirs, pixel_values=pixels, image_grid_thw=torch.tensor([[1, cells, cells]]), mm_token_type_ids=(theirs == PICTURE).int()
    )
    output = mllm(ours, features)
    torch.testing.assert_close(output.states, expected.last_hidden_state, atol=1e-5, rtol=1e-4)
    assert output.edit_states()[0].shape == (1, 32, 64)


@torch.no_grad()
def test_replies_of_a_padded_batch_equal_those_one_by_one():
    mllm = QwenMLLM(qwen("2", VOCABULARY, 64, PATCH, seed=3), FIRST_EDIT).eval()
    features = mllm.encode_view(torch.randn(2, 3, 40, 40))
    rows = [[1, FIRST_EDIT, 9, 10, 11], [1, 8, FIRST_EDIT, 9]]
    alone = [mllm.generate_reply(torch.tensor([row]), features[i : i + 1], max_tokens=8)[0].tolist() for i, row in enumerate(rows)]
    ids = torch.tensor([rows[0], [*rows[1], 0]])
    together = mllm.generate_reply(ids, features, (ids > 0).long(), max_tokens=8)
    assert [reply.tolist() for reply in together] == alone and any(alone)


def test_it_goes_through_the_losses_of_every_stage_that_reads(mini_run):
    shop = copy.copy(mini_run.shop)
    hidden = get_preset("tiny").tables["qformer"]["encoder_width"]
    first = mini_run.shop.mllm.first_edit_token
    shop.mllm = QwenMLLM(qwen("2.5", len(shop.tokenizer), hidden, 8), first)  # merged patches of 16 pixels, as tiny's own tower
    wider = BIM(**{**get_preset("tiny").tables["bim"], "image_width": hidden})
    heads = ContrastHeads(hidden, hidden, hidden, get_preset("tiny").patches)
    own = {"bim": wider, "contrast": heads, "language_model": shop.mllm.language_model, "projector": torch.nn.Identity()}
    shop.parts = {**shop.parts, **own}
    assert isinstance(shop.model(with_bim=True), SmartEdit)
    for stage in (stage_named(name) for name in ("language", "align", "joint", "point", "edit")):
        losses = stage.objective(shop, stage.lesson(shop, np.random.default_rng(0), 12), torch.Generator().manual_seed(1))
        total = sum(loss for name, loss in losses.items() if not name.startswith("~"))
        assert math.isfinite(total), stage.name
        total.backward()
    assert shop.mllm.language_model.lm_head.weight.grad.abs().sum() > 0 and wider.image_in.weight.grad is not None


@torch.no_grad()
def test_turns_that_share_a_picture_equal_turns_alone():
    mllm = QwenMLLM(qwen("2", VOCABULARY, 64, PATCH, seed=1), FIRST_EDIT).eval()
    features = mllm.encode_view(torch.randn(1, 3, 40, 40))
    start, turns = [1, 9, FIRST_EDIT, 10], [[11, 12, 13], [14, 15]]
    packed = torch.tensor([start + turns[0] + turns[1]])
    branch = torch.tensor([[0] * 4 + [1] * 3 + [2] * 2])
    together = mllm(packed, features, torch.ones_like(packed), branch=branch).states[0]
    for turn, found in zip(turns, (together[-5:-2], together[-2:]), strict=True):
        alone = mllm(torch.tensor([start + turn]), features).states[0, -len(turn) :]
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-4)
