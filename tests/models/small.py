"""Small parts for tests: every mechanism of the model at widths that cost nothing."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

from smartedit.models.bim import BIM
from smartedit.models.mllm import MLLM, Projector
from smartedit.models.qformer import QFormer
from smartedit.models.smartedit import SmartEdit

VOCABULARY, FIRST_EDIT = 80, 48  # ids 48 ... 79 are the edit tokens
EDIT = list(range(FIRST_EDIT, VOCABULARY))
PATCHES = 4


def mllm(seed: int = 0) -> MLLM:
    torch.manual_seed(seed)
    tower = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=16,
            patch_size=8,
        )
    )
    language = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=256,
            initializer_range=0.5,  # far from uniform, so that greedy choices are clear
            pad_token_id=0,
            eos_token_id=2,
        )
    )
    return MLLM(tower, Projector(image_width=24, hidden=32), language, FIRST_EDIT).eval()


def smartedit(seed: int = 0, with_bim: bool = True, anchored: bool = True) -> SmartEdit:
    reader = mllm(seed)
    qformer = QFormer(hidden=16, heads=2, mlp=32, layers=2, encoder_width=32, queries=5)
    bim = BIM(context_width=16, width=24, mlp=32, heads=2, image_width=24, feature_channels=8) if with_bim else None
    return SmartEdit(reader, qformer, bim, unet(), anchored).eval()


def unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()


def prompt(*words: int) -> torch.Tensor:
    """BOS, words, picture, words: one row (1, T)."""
    return torch.tensor([[1, 5, FIRST_EDIT, *words]])
