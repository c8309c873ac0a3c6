"""A made-up published checkpoint, small, under the published names, with everything it leaves to others."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, UNet2DConditionModel
from published import bim_shapes, language_shapes, qformer_shapes
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

GOLDEN = Path(__file__).parent.parent / "golden"
HIDDEN, VOCABULARY, HEAD, LAYERS, QUERIES, WIDTH = 64, 535, 16, 2, 9, 64
UNET = {
    "sample_size": 8, "in_channels": 8, "out_channels": 4, "block_out_channels": (32, 64), "layers_per_block": 1,
    "cross_attention_dim": WIDTH, "attention_head_dim": 8, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}  # fmt: skip


def random_state(shapes: dict, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state = {name: torch.randn(shape, generator=generator) * 0.05 for name, shape in shapes.items()}
    state |= {name: 1 + t for name, t in state.items() if "norm" in name.lower() and name.endswith("weight")}
    return state


def published_state(hidden: int = HIDDEN) -> dict[str, dict[str, torch.Tensor]]:
    """The tensors of the four files, by their places."""
    qformer = {f"sd_qformer.{name}": shape for name, shape in qformer_shapes(WIDTH, 96, 3, hidden).items()}
    reading = {"sd_query_tokens": (1, QUERIES, WIDTH), "mm_projector.weight": (hidden, WIDTH), "mm_projector.bias": (hidden,),
               "lm_head.weight": (VOCABULARY, hidden), **qformer}  # fmt: skip
    torch.manual_seed(4)
    unet = UNet2DConditionModel(**UNET).state_dict()
    return {
        "LLM-15000/adapter_model": random_state(language_shapes(VOCABULARY, hidden, LAYERS, 128, HEAD), 1),
        "embeddings_qformer/checkpoint-15000_embeddings_qformer": random_state(reading, 2),
        "modulate-15000/adapter_model": random_state(bim_shapes(WIDTH, WIDTH, 96, 32), 3),
        "unet-15000/adapter_model": {f"unet.{name}": t.clone() for name, t in unet.items()},
    }


def write_published(folder: Path, state: dict, pickled: bool) -> Path:
    for place, tensors in state.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if pickled:
            torch.save(tensors, path.with_name(path.name + ".bin"))
        else:
            save_file({k: t.contiguous() for k, t in tensors.items()}, path.with_name(path.name + ".safetensors"))
    return folder


@dataclass
class Others:
    """Folders of what the published checkpoint leaves to others."""

    llava: Path
    clip: Path
    base: Path


@pytest.fixture(scope="session")
def others(tmp_path_factory) -> Others:
    home = tmp_path_factory.mktemp("others")
    torch.manual_seed(5)
    tower = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    text = {**tower, "vocab_size": 60, "max_position_embeddings": QUERIES, "bos_token_id": 0, "eos_token_id": 59}
    vision = {**tower, "image_size": 28, "patch_size": 14}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(home / "clip")
    vae = AutoencoderKL(block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=4,
                        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1, latent_channels=4)  # fmt: skip
    vae.save_pretrained(home / "base" / "vae")
    CLIPTextModel(CLIPTextConfig(**text)).save_pretrained(home / "base" / "text_encoder")
    EulerAncestralDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1).save_pretrained(
        home / "base" / "scheduler")
    UNet2DConditionModel(**UNET).save_config(home / "base" / "unet")
    llava = home / "llava"
    llava.mkdir()
    rows = random_state({"model.embed_tokens.weight": (VOCABULARY - 32, HIDDEN), "lm_head.weight": (VOCABULARY - 32, HIDDEN)}, 6)
    torch.save({"model.embed_tokens.weight": rows["model.embed_tokens.weight"]}, llava / "pytorch_model-00001-of-00002.bin")
    torch.save({"lm_head.weight": rows["lm_head.weight"]}, llava / "pytorch_model-00002-of-00002.bin")
    (llava / "config.json").write_text(json.dumps({"mm_vision_select_layer": -2, "rms_norm_eps": 1e-6}))
    shutil.copyfile(GOLDEN / "mock_tokenizer.model", llava / "tokenizer.model")
    return Others(llava, home / "clip", home / "base")


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Path:
    """As safetensors, with the tokenizer beside it."""
    folder = write_published(tmp_path_factory.mktemp("published"), published_state(), pickled=False)
    shutil.copyfile(GOLDEN / "mock_tokenizer.model", folder / "tokenizer.model")
    return folder


@pytest.fixture(scope="session")
def converted(published, others, tmp_path_factory):
    """The pipeline folder of the made-up checkpoint, in float32 so that it compares exactly, and what the converter said."""
    from smartedit.official.convert import Sources, convert

    said: list[str] = []
    out = tmp_path_factory.mktemp("out") / "small"
    convert(Sources(published, None, others.clip, others.base), out, "fp32", said.append)
    return out, "\n".join(said)
