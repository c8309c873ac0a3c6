"""Sizes as data: `tiny`, `7b` and `13b` differ in these tables and in nothing else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    SchedulerMixin,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

from ..errors import ModelError
from .autoencoder import PatchAutoencoder
from .bim import BIM
from .mllm import Projector
from .object_head import ObjectHead
from .qformer import QFormer

Table = dict[str, Any]

#: Every learned part, in the order of the data flow; `text_encoder` serves the `base` rival and the null context. Only a
#: `PatchAutoencoder` can have an `object_head`.
PARTS = ("vae", "vision_tower", "projector", "language_model", "qformer", "bim", "unet", "object_head", "text_encoder")


@dataclass(frozen=True)
class Preset:
    """One size. `picture` is the side of a picture in pixels, `tables` has the arguments of every part."""

    name: str
    picture: int
    tables: dict[str, Table]
    scheduler: tuple[type[SchedulerMixin], Table]

    @property
    def view(self) -> int:
        """Side of the picture as the vision tower sees it, in pixels."""
        return self.tables["vision_tower"]["image_size"]

    @property
    def patches(self) -> int:
        """How many patch features a view has."""
        return (self.view // self.tables["vision_tower"]["patch_size"]) ** 2


_TINY = Preset(
    name="tiny",
    picture=256,
    tables={
        "vae": {"latent_channels": 128, "block_out_channels": (64, 64, 64, 64, 256), "blocks": 3},
        "vision_tower": {
            "hidden_size": 192, "num_hidden_layers": 5, "num_attention_heads": 6, "intermediate_size": 768,
            "image_size": 160, "patch_size": 16, "projection_dim": 192,
        },
        "projector": {"image_width": 192, "hidden": 256, "select_layer": -1, "grid": 10},
        "language_model": {
            "hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 704,
            "max_position_embeddings": 1024,
        },
        "qformer": {"hidden": 256, "heads": 4, "mlp": 640, "layers": 4, "encoder_width": 256, "queries": 40},
        "bim": {
            "context_width": 256, "width": 192, "mlp": 384, "heads": 6, "depth": 2, "image_width": 192,
            "feature_channels": 96,
        },
        "unet": {
            "sample_size": 16, "in_channels": 272, "out_channels": 261, "block_out_channels": (96, 160, 192),
            "layers_per_block": 1, "norm_num_groups": 16, "cross_attention_dim": 256, "attention_head_dim": 4,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "addition_embed_type": "text", "addition_embed_type_num_heads": 4,
        },
        "object_head": {"told_width": 256},
        "text_encoder": {
            "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256,
            "max_position_embeddings": 40, "projection_dim": 192,
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        },
    },
    scheduler=(
        DDIMScheduler,
        {
            "prediction_type": "sample", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
            "clip_sample": False, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
        },
    ),
)  # fmt: skip

_7B = Preset(
    name="7b",
    picture=256,
    tables={
        "vae": {
            "block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4, "layers_per_block": 2, "latent_channels": 4,
            "sample_size": 512, "scaling_factor": 0.18215,
        },
        "vision_tower": {
            "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
            "image_size": 224, "patch_size": 14, "projection_dim": 768,
        },
        "projector": {"image_width": 1024, "hidden": 4096, "select_layer": -2},
        "language_model": {
            "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11008,
            "max_position_embeddings": 2048,
        },
        "qformer": {"encoder_width": 4096},
        "bim": {},
        "unet": {
            "sample_size": 64, "in_channels": 8, "out_channels": 4, "cross_attention_dim": 768, "attention_head_dim": 8,
        },
        "text_encoder": {
            "vocab_size": 49408, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "max_position_embeddings": 77, "projection_dim": 768,
        },
    },
    scheduler=(
        EulerAncestralDiscreteScheduler,
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1},
    ),
)  # fmt: skip

_13B = replace(
    _7B,
    name="13b",
    tables={
        **_7B.tables,
        "projector": {**_7B.tables["projector"], "hidden": 5120},
        "language_model": {
            **_7B.tables["language_model"],
            "hidden_size": 5120, "num_hidden_layers": 40, "num_attention_heads": 40, "intermediate_size": 13824,
        },
        "qformer": {"encoder_width": 5120},
    },
)  # fmt: skip

PRESETS = {preset.name: preset for preset in (_TINY, _7B, _13B)}


def get_preset(name: str) -> Preset:
    """The preset of that name; ModelError if there is none."""
    if name not in PRESETS:
        raise ModelError(f"there is no size called {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def build(name: str, vocab_size: int = 32035, parts: Collection[str] = PARTS) -> dict[str, nn.Module]:
    """Fresh random parts of a preset, by name; under `torch.device("meta")` without any memory.

    `vocab_size` is that of the one tokenizer of language model and, in `tiny`, text encoder.
    """
    tables = get_preset(name).tables
    return {part: make(part, tables[part], vocab_size) for part in PARTS if part in parts and part in tables}


def make(part: str, table: Table, vocab_size: int = 32035) -> nn.Module:
    """One fresh random part of the sizes in `table`."""
    return _MAKERS[part](dict(table), vocab_size)


def build_scheduler(name: str) -> SchedulerMixin:
    """The scheduler a preset is trained and sampled with."""
    kind, table = get_preset(name).scheduler
    return kind(**table)


def is_anchored(scheduler: SchedulerMixin) -> bool:
    """Whether models with this scheduler predict the clean sample, and so add their output to the source latents."""
    return scheduler.config.prediction_type == "sample"


def _vae(table: Table, _: int) -> nn.Module:
    return AutoencoderKL(**table) if "down_block_types" in table else PatchAutoencoder(**table)


def _vision_tower(table: Table, _: int) -> nn.Module:
    return CLIPVisionModel(CLIPVisionConfig(**table))


def _language_model(table: Table, vocab_size: int) -> nn.Module:
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    fixed = {"rms_norm_eps": 1e-6, "tie_word_embeddings": False, **ids}
    return LlamaForCausalLM(LlamaConfig(**{"vocab_size": vocab_size, **fixed, **table}))


def _text_encoder(table: Table, vocab_size: int) -> nn.Module:
    return CLIPTextModel(CLIPTextConfig(**{"vocab_size": vocab_size, **table}))


_MAKERS = {
    "vae": _vae,
    "vision_tower": _vision_tower,
    "projector": lambda table, _: Projector(**table),
    "language_model": _language_model,
    "qformer": lambda table, _: QFormer(**table),
    "bim": lambda table, _: BIM(**table),
    "unet": lambda table, _: UNet2DConditionModel(**table),
    "object_head": lambda table, _: ObjectHead(**table),
    "text_encoder": _text_encoder,
}
