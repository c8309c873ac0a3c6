from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerAncestralDiscreteScheduler

from smartedit.conversation import build_tokenizer
from smartedit.errors import ModelError
from smartedit.models.brush import DYES, MASKS
from smartedit.models.presets import PARTS, PRESETS, build, build_scheduler, get_preset, is_anchored
from smartedit.world.vocabulary import vocabulary


def _count(module: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.state_dict().values())


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return {name: build(name) for name in ("7b", "13b")}


@pytest.mark.parametrize(("name", "elements"), [("7b", 64_956_416), ("13b", 69_675_008)])
def test_published_qformer(published, name, elements):
    qformer = published[name]["qformer"]
    learned = _count(qformer) - qformer.null_context.numel() - qformer.query_tokens.numel()
    assert learned + 512 == elements  # the published figure counts 512 unused position ids
    assert qformer.query_tokens.shape == (1, 77, 768)


@pytest.mark.parametrize("name", ["7b", "13b"])
def test_published_bim_unet_and_tensors(published, name):
    parts = published[name]
    assert _count(parts["bim"]) == 29_212_224 and len(parts["bim"].state_dict()) == 89
    assert _count(parts["unet"]) == 859_532_484 and len(parts["unet"].state_dict()) == 686
    hidden = 4096 if name == "7b" else 5120
    assert parts["projector"].linear.weight.shape == (hidden, 1024)
    assert parts["language_model"].lm_head.weight.shape == (32035, hidden)
    assert parts["vision_tower"].config.num_hidden_layers == 24 and get_preset(name).patches == 256


def test_language_model_tensors(published):
    shapes = {name: tuple(t.shape) for name, t in published["7b"]["language_model"].state_dict().items()}
    assert len(shapes) == 32 * 9 + 3
    assert shapes["model.layers.31.mlp.down_proj.weight"] == (4096, 11008)
    assert len(published["13b"]["language_model"].state_dict()) == 40 * 9 + 3


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_widths_fit_together(name):
    with torch.device("meta"):
        parts = build(name, 3000)
    qformer, bim, unet = (parts[part].config for part in ("qformer", "bim", "unet"))
    assert tuple(parts) == tuple(part for part in PARTS if part != "object_head" or name == "tiny")
    assert "object_head" not in parts or parts["object_head"].config.told_width == parts["language_model"].config.hidden_size
    assert qformer.encoder_width == parts["language_model"].config.hidden_size == parts["projector"].config.hidden
    seen = parts["vision_tower"].config.hidden_size
    assert (bim.image_width or bim.width) == seen == parts["projector"].config.image_width
    assert qformer.hidden == bim.context_width == unet.cross_attention_dim == parts["text_encoder"].config.hidden_size
    assert qformer.queries == parts["text_encoder"].config.max_position_embeddings
    assert bim.feature_channels == unet.block_out_channels[0]
    latents = parts["vae"].config.latent_channels
    new = unet.out_channels - (DYES + MASKS if "object_head" in parts else 0)  # what a brush takes for something new, and its gates
    assert latents <= new <= 2 * latents and unet.in_channels >= 2 * latents


def test_tiny_fits_into_its_package():
    parts = build("tiny", len(build_tokenizer(list(vocabulary()))))
    whole = sum(_count(part) for name, part in parts.items() if name != "text_encoder")
    assert 2 * whole <= 63e6  # bytes in half precision; the rest is tokenizer and configuration


def test_the_rival_fits_into_its_package():
    parts = build("tiny", 2700, ("unet", "object_head", "text_encoder"))
    assert 2 * sum(map(_count, parts.values())) <= 34e6


def test_only_the_wanted_parts():
    assert list(build("tiny", 100, parts={"projector", "bim"})) == ["projector", "bim"]


def test_schedulers():
    tiny, full = build_scheduler("tiny"), build_scheduler("7b")
    assert isinstance(tiny, DDIMScheduler) and is_anchored(tiny)
    assert tiny.alphas_cumprod[-1] < 1e-6  # the last training time is pure noise
    assert isinstance(full, EulerAncestralDiscreteScheduler) and not is_anchored(full)
    full.set_timesteps(100)
    assert full.timesteps[1].item() == pytest.approx(988.909, abs=1e-3)
    assert full.sigmas[0].item() == pytest.approx(14.6146, abs=1e-4)


def test_published_autoencoder_is_stock(published):
    vae = published["7b"]["vae"]
    assert isinstance(vae, AutoencoderKL) and len(vae.config.block_out_channels) == 4 and _count(vae) == 83_653_863


def test_unknown_size():
    with pytest.raises(ModelError, match="no size called '70b'; choose one of tiny, 7b, 13b"):
        build("70b")
