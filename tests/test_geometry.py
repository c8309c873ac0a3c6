"""Pictures of any size through the whole pipeline, on random parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_pictures import noise_picture

from smartedit.errors import SmartEditError

ASK = "remove the red apple"


def test_the_shorter_way_works_on_the_pictures_own_shape(pipe):
    encoded = pipe.encode(noise_picture(200, 100), picture_size=64, fit="shorter")
    assert encoded.source.shape[-2:] == (4, 8) and encoded.decoded.shape == (64, 128, 3)
    result = pipe(ASK, encoded, seed=0)
    assert result.images[0].size == result.region[0].size == (200, 100)


def test_the_feature_is_cut_out_where_the_picture_lies_in_its_square(pipe):
    encoded = pipe.encode(noise_picture(200, 100), picture_size=64, fit="shorter")
    understanding = pipe.understand(ASK, encoded)
    square, wide = pipe.condition(understanding, (8, 8)), pipe.condition(understanding, (4, 8))
    assert torch.equal(wide.feature, square.feature[..., 2:6, :])
    assert torch.equal(wide.context, square.context)


def test_pictures_of_different_shapes_in_one_call(pipe):
    pictures = [noise_picture(100, 100), noise_picture(200, 100), noise_picture(90, 90)]
    how = {"picture_size": 64, "fit": "shorter"}
    together = pipe(ASK, pictures, seed=[1, 2, 3], **how)
    assert [picture.size for picture in together.images] == [(100, 100), (200, 100), (90, 90)] and together.seed == [1, 2, 3]
    alone = pipe(ASK, pictures[1], seed=2, **how)
    assert np.array_equal(np.asarray(together.images[1]), np.asarray(alone.images[0]))
    latents = pipe(ASK, pictures, seed=0, output_type="latent", **how).images
    assert [tuple(t.shape[-2:]) for t in latents] == [(4, 4), (4, 8), (4, 4)]


@pytest.mark.parametrize(("how", "said"), [
    ({"picture_size": 100}, "multiple of 16"), ({"picture_size": 4096}, "up to 1024"), ({"fit": "crop"}, "no fit 'crop'"),
])  # fmt: skip
def test_sizes_that_cannot_be(pipe, how, said):
    with pytest.raises(SmartEditError, match=said):
        pipe(ASK, noise_picture(64, 64), seed=0, **how)
