"""A converted model in half precision, released parts, replies in its own words."""

from __future__ import annotations

import pytest
import torch
from made_pictures import noise_picture

from smartedit.models.wide import compute_wide
from smartedit.pipeline import SmartEditPipeline

ASK, HOW = "remove the red cup", {"picture_size": 64, "num_inference_steps": 2, "seed": 1}


def quiet(folder, **options) -> SmartEditPipeline:
    pipe = SmartEditPipeline.from_pretrained(folder, **options)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_half_precision_that_computes_in_full_edits_alike(converted):
    full, half = quiet(converted[0]), quiet(converted[0], dtype=torch.bfloat16)
    for part in half.components.values():
        if isinstance(part, torch.nn.Module):
            compute_wide(part)
    picture = noise_picture(96, 64)
    expected = full(ASK, picture, output_type="latent", **HOW).images
    found = half(ASK, picture, output_type="latent", **HOW).images
    assert half.unet.dtype == torch.bfloat16 and found.shape == expected.shape
    assert (found.float() - expected).norm() < 0.05 * expected.norm()


def test_what_has_been_understood_is_given_back_for_one_edit(converted):
    pipe = quiet(converted[0])
    expected = pipe(ASK, noise_picture(64, 64), output_type="latent", **HOW).images
    pipe.single_use = True
    assert torch.equal(pipe(ASK, noise_picture(64, 64), output_type="latent", **HOW).images, expected)
    assert pipe.language_model is None and pipe.vision_tower is None and pipe.qformer is not None


def test_the_reply_is_fixed_or_in_its_own_words(converted):
    pipe = quiet(converted[0])
    picture = pipe.encode(noise_picture(64, 64), picture_size=64)
    fixed = pipe.understand(ASK, picture)
    assert pipe.reply(fixed)[0].lower().startswith("sure, i can create the image you requested")

    def words(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return pipe.understand(ASK, picture, temperature=0.7, generator=generator).reply[0].tolist()

    assert words(1) == words(1) and len({tuple(words(seed)) for seed in range(4)}) > 1
    assert fixed.edit_states.shape == (1, 32, 64)


def test_the_squashed_way_is_square(converted):
    pipe = quiet(converted[0])
    encoded = pipe.encode(noise_picture(128, 64), picture_size=64, fit="squash")
    assert encoded.source.shape[-2:] == (8, 8)
    assert pipe(ASK, encoded, num_inference_steps=1, seed=0).images[0].size == (128, 64)


@pytest.mark.slow  # and needs smartedit[quant]
@pytest.mark.parametrize("bits", [4, 8])
def test_the_language_model_quantised(converted, bits):
    pipe = quiet(converted[0], llm_bits=bits, dtype=torch.float32)
    result = pipe(ASK, noise_picture(64, 64), **HOW)
    assert result.images[0].size == (64, 64)
