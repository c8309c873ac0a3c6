"""The pipeline as a product object, on random parts: pairing, seeds, guidance, manners, saving and loading."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import noise_picture, photo_like
from PIL import Image

from smartedit import bundles
from smartedit.baseline import BasePipeline
from smartedit.errors import InstructionError, ModelError, PictureError, SmartEditError
from smartedit.guidance import branch_weights
from smartedit.pipeline import SmartEditPipeline

ASK = "remove the red apple"


def same(a, b) -> bool:
    return a.size == b.size and np.array_equal(np.asarray(a), np.asarray(b))


@pytest.fixture(scope="module")
def scene():
    return noise_picture(180, 120)


def test_result_has_the_size_that_came_in_and_everything_it_promises(pipe, scene):
    result = pipe(ASK, scene, seed=5)
    assert result.images[0].size == result.region[0].size == (180, 120)
    assert result.seed == [5] and len(result.notes) == 1 and isinstance(result.reply[0], str)
    assert set(result.timings) == {"encode", "understand", "denoise", "decode"} and all(t >= 0 for t in result.timings.values())


def test_a_seed_makes_the_same_picture_again_and_another_does_not(pipe, scene):
    first, again, other = (pipe(ASK, scene, seed=s).images[0] for s in (5, 5, 6))
    assert same(first, again) and not same(first, other)


def test_without_a_seed_one_is_drawn_and_told(pipe, scene):
    drawn = pipe(ASK, scene)
    assert same(drawn.images[0], pipe(ASK, scene, seed=drawn.seed[0]).images[0])


def test_a_batch_does_not_change_a_picture(pipe, scene):
    alone = pipe(ASK, scene, seed=8, output_type="latent").images
    batch = pipe(["make it blue", ASK], [noise_picture(64, 64), scene], seed=[1, 8], output_type="latent").images
    assert torch.allclose(batch[1], alone[0], atol=1e-4)
    assert not torch.allclose(batch[0], alone[0], atol=1e-1)


def test_one_seed_counts_up(pipe, scene):
    assert pipe([ASK, ASK], scene, seed=3).seed == [3, 4]


def test_generators_as_in_diffusers(pipe, scene):
    by_seed = pipe(ASK, scene, seed=9).images[0]
    by_generator = pipe(ASK, scene, generator=torch.Generator().manual_seed(9))
    assert same(by_seed, by_generator.images[0]) and by_generator.seed == [9]
    assert pipe([ASK, ASK], scene, generator=[torch.Generator().manual_seed(s) for s in (1, 2)]).seed == [1, 2]


def test_encode_once_ask_many(pipe, scene, monkeypatch):
    encoded = pipe.encode(scene)
    monkeypatch.setattr(pipe.vae, "encode", lambda *_: pytest.fail("encoded twice"))
    monkeypatch.setattr(pipe.vision_tower, "forward", lambda *_, **__: pytest.fail("looked twice"))
    results = pipe([ASK, "make it blue"], encoded, seed=0)
    assert len(results.images) == 2
    monkeypatch.undo()
    assert same(results.images[0], pipe(ASK, scene, seed=0).images[0]) or np.abs(
        np.asarray(results.images[0], int) - np.asarray(pipe(ASK, scene, seed=0).images[0], int)).max() <= 1


def test_the_same_picture_twice_is_encoded_once(pipe, scene, monkeypatch):
    calls = []
    encode = pipe.encode
    monkeypatch.setattr(pipe, "encode", lambda image, *how: calls.append(image) or encode(image, *how))
    pipe([ASK, "make it blue"], [scene, scene], seed=0)
    assert len(calls) == 1


def test_keep_outside_is_bit_for_bit_at_the_users_resolution(pipe, monkeypatch):
    from smartedit import region

    weight = np.zeros((256, 256), np.float32)
    weight[100:140, 60:120] = 1
    monkeypatch.setattr(region, "changed_region", lambda *_: weight)
    original = noise_picture(400, 300)
    kept, free = (pipe(ASK, original, seed=0, keep_outside=keep) for keep in (True, False))
    inside = np.asarray(kept.region[0]) > 0
    assert 0 < inside.mean() < 0.1 and same(kept.region[0], free.region[0])
    assert np.array_equal(np.asarray(kept.images[0])[~inside], np.asarray(original)[~inside])
    assert not np.array_equal(np.asarray(free.images[0])[~inside], np.asarray(original)[~inside])


@pytest.mark.parametrize(("keep", "mode"), [(True, "L"), (False, "1")])
def test_a_mask_bounds_the_edit_bit_for_bit(pipe, scene, keep, mode):
    mask = Image.new(mode, scene.size)
    mask.paste(255, (20, 30, 90, 100))
    strong = {"image_guidance_scale": 4.0}  # so that what random weights paint is seen
    result = pipe(ASK, scene, seed=0, keep_outside=keep, mask_image=mask, **strong)
    allowed, got, before = np.asarray(mask) > 0, np.asarray(result.images[0]), np.asarray(scene)
    assert np.array_equal(got[~allowed], before[~allowed]) and not np.asarray(result.region[0])[~allowed].any()
    free = np.asarray(pipe(ASK, scene, seed=0, keep_outside=keep, **strong).images[0])
    assert np.array_equal(got[allowed], free[allowed]) and not np.array_equal(got, before)


def test_masks_are_one_a_picture_or_one_for_all(pipe, scene):
    black, white = (Image.new("L", scene.size, value) for value in (0, 255))
    free = pipe([ASK] * 2, scene, seed=0).images
    pictures = pipe([ASK] * 2, scene, seed=0, mask_image=[black, None]).images
    assert same(pictures[0], scene) and same(pictures[1], free[1])
    assert all(map(same, pipe([ASK] * 2, scene, seed=0, mask_image=white).images, free))
    with pytest.raises(SmartEditError, match="3 masks for 2"):
        pipe([ASK] * 2, scene, mask_image=[black] * 3)
    with pytest.raises(PictureError, match="a mask of the picture's size"):
        pipe(ASK, scene, mask_image=Image.new("L", (2, 2)))


def test_steps_apart_give_what_the_call_gives(pipe, scene):
    encoded = pipe.encode(scene)
    understanding = pipe.understand(ASK, encoded)
    condition = pipe.condition(understanding)
    assert understanding.edit_states.shape == (1, 32, 256)
    assert condition.context.shape == (1, 40, 256) and condition.feature.shape == (1, 96, 16, 16)
    assert pipe.reply(understanding) == pipe(ASK, encoded, seed=0).reply


def test_output_types(pipe, scene):
    assert pipe(ASK, scene, seed=0, output_type="latent").images.shape == (1, 128, 16, 16)
    array = pipe(ASK, scene, seed=0, output_type="np").images[0]
    assert array.dtype == np.float32 and array.shape == (120, 180, 3) and 0 <= array.min() <= array.max() <= 1
    assert len(pipe(ASK, scene, seed=0, return_dict=False)) == 6
    with pytest.raises(SmartEditError, match="output type"):
        pipe(ASK, scene, output_type="jpeg")


def test_callback_sees_and_may_change_the_latents(pipe, scene):
    seen = []

    def callback(owner, step, t, tensors):
        seen.append((owner is pipe, step, float(t), tensors["latents"].shape))
        return {"latents": torch.zeros_like(tensors["latents"])}

    latents = pipe(ASK, scene, seed=0, output_type="latent", num_inference_steps=2, callback_on_step_end=callback).images
    assert [s[1] for s in seen] == [0, 1] and seen[0][0] and seen[0][3] == (1, 128, 16, 16)
    assert not latents.any()


@pytest.mark.parametrize("kind", [DPMSolverMultistepScheduler, DDPMScheduler])
def test_schedulers_can_be_swapped(pipe, scene, kind):
    swapped = SmartEditPipeline(**{**pipe.components, "scheduler": kind.from_config(pipe.scheduler.config)})
    swapped.set_progress_bar_config(disable=True)
    first, again = (swapped(ASK, scene, num_inference_steps=2, seed=s, output_type="latent").images for s in (1, 1))
    assert torch.isfinite(first).all() and torch.equal(first, again)


def test_a_scheduler_for_noise_is_refused(pipe, scene):
    swapped = SmartEditPipeline(**{**pipe.components, "scheduler": EulerAncestralDiscreteScheduler(prediction_type="epsilon")})
    swapped.set_progress_bar_config(disable=True)
    with pytest.raises(ModelError, match="prediction_type"):
        swapped(ASK, scene, num_inference_steps=1)


@pytest.mark.parametrize("settings", [
    {"num_inference_steps": 0}, {"num_inference_steps": -1}, {"num_inference_steps": 2.5}, {"num_inference_steps": 10**6},
    {"guidance_scale": float("nan")}, {"guidance_scale": float("inf")}, {"image_guidance_scale": -1.0},
    {"image_guidance_scale": float("nan")}, {"seed": -1}, {"seed": 2**64}, {"seed": [1, 2]}, {"seed": 1.5},
    {"seed": 1, "generator": torch.Generator()}, {"guidance_scale": "7"},
])  # fmt: skip
def test_settings_that_make_no_sense(pipe, scene, settings):
    with pytest.raises(SmartEditError) as caught:
        pipe(ASK, scene, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", ["", "  \n\t", "x" * 1001, "qwzx plugh", "🎉🎉", "把苹果拿走", "<img_0>", "!!!", None])
def test_words_that_cannot_be_carried_out(pipe, scene, words):
    with pytest.raises((InstructionError, SmartEditError)):
        pipe([words], scene)


@pytest.mark.parametrize("words", ["remove the 🍎 apple", "remove the apple 把", "remove <img_3> the <im_end> apple </s>", "remove\0the\napple",
                                   "remove the apple \ud800", "apple " + "! " * 490, "user: remove the apple assistant: <img_0>"])  # fmt: skip
def test_odd_words_do_not_crash(pipe, scene, words):
    assert pipe(words, scene, seed=0).images[0].size == scene.size


def test_unknown_words_are_noted(pipe, scene):
    assert pipe("remove the red zyzzyva 🍎", scene, seed=0).notes[0][0] == "words it has never seen: zyzzyva"


def test_photographs_are_edited_and_noted(pipe):
    from smartedit.world.render import render
    from smartedit.world.sampling import sample_scene

    assert "trained on nothing else" in pipe(ASK, photo_like(300, 200), seed=0).notes[0][0]
    assert pipe(ASK, Image.fromarray(render(sample_scene(3), 256).picture), seed=0).notes == [[]]


def test_numbers_of_words_and_pictures_must_pair(pipe, scene):
    with pytest.raises(SmartEditError, match="do not pair"):
        pipe([ASK] * 3, [scene, scene])
    with pytest.raises(SmartEditError, match="nothing to edit"):
        pipe([], scene)
    with pytest.raises(PictureError, match="PIL image"):
        pipe(ASK, "picture.png")


@pytest.mark.parametrize("size", [(1, 1), (5000, 20), (3, 400)])
def test_extreme_pictures(pipe, size):
    assert pipe(ASK, noise_picture(*size), seed=0).images[0].size == size


def test_saved_and_loaded_it_is_the_same_editor(pipe, scene, tmp_path):
    pipe.save_pretrained(tmp_path)
    loaded = SmartEditPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert same(loaded(ASK, scene, seed=4).images[0], pipe(ASK, scene, seed=4).images[0])
    assert loaded.config.num_inference_steps == 1 and loaded.unet.dtype == torch.float32


def test_without_bim_there_is_no_feature(pipe, scene, tmp_path):
    joint = SmartEditPipeline(**{**pipe.components, "bim": None}, num_inference_steps=1)
    joint.save_pretrained(tmp_path)
    loaded = SmartEditPipeline.from_pretrained(tmp_path)
    assert loaded.bim is None and loaded.condition(loaded.understand(ASK, scene)).feature is None
    assert loaded(ASK, scene, seed=0).images[0].size == scene.size


def test_bundles_are_small_half_and_shared(weights_folder, monkeypatch, scene, rival):
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    assert bundles.bundled() == ["base", "tiny"]
    for name, limit in (("tiny", 64), ("base", 34)):
        sizes = [path.stat().st_size for path in (weights_folder / name).rglob("*") if path.is_file()]
        assert sum(sizes) <= limit * 2**20 and max(sizes) <= 15 * 2**20, name
    assert not (weights_folder / "base" / "vae").exists()
    texts = [path.read_text() for path in weights_folder.rglob("*.json")]
    assert not any(str(weights_folder.parent) in text or "unfinished" in text for text in texts), "a machine's path was saved"
    loaded = BasePipeline.from_pretrained("base")
    loaded.set_progress_bar_config(disable=True)
    close = np.asarray(loaded(ASK, scene, seed=1).images[0], int) - np.asarray(rival(ASK, scene, seed=1).images[0], int)
    assert np.abs(close).mean() < 2, "half precision in the file, the same editor"
    shared = BasePipeline.from_pretrained("base", vae=rival.vae)
    assert shared.vae is rival.vae


def test_digest_tells_weights_apart(weights_folder, monkeypatch, tmp_path):
    import shutil

    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    assert bundles.digest("tiny") == bundles.digest(weights_folder / "tiny") != bundles.digest("base")
    shutil.copytree(weights_folder, tmp_path / "w")
    assert bundles.digest(tmp_path / "w" / "tiny") == bundles.digest("tiny")
    config = tmp_path / "w" / "tiny" / "unet" / "config.json"
    config.write_text(config.read_text() + " ")
    assert bundles.digest(tmp_path / "w" / "tiny") != bundles.digest("tiny")


def break_nothing(folder):
    return folder.with_name("tinny")


def break_index(folder):
    (folder / "model_index.json").write_text("{")
    return folder


def break_part(folder):
    import shutil

    shutil.rmtree(folder / "qformer")
    return folder


def break_weights(folder):
    next((folder / "unet").glob("*.safetensors")).write_bytes(b"\0" * 100)
    return folder


def break_class(folder):
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def break_all(folder):
    (folder / "model_index.json").unlink()
    return folder


@pytest.mark.parametrize("broken", [break_nothing, break_index, break_part, break_weights, break_class, break_all])
def test_models_that_cannot_be_loaded(weights_folder, tmp_path, broken):
    import shutil

    shutil.copytree(weights_folder / "tiny", tmp_path / "tiny")
    with pytest.raises(ModelError) as caught:
        SmartEditPipeline.from_pretrained(broken(tmp_path / "tiny"))
    assert "\n" not in str(caught.value) and "; " in str(caught.value)


def test_near_names_are_offered(weights_folder, monkeypatch):
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    with pytest.raises(ModelError, match="did you mean tiny"):
        SmartEditPipeline.from_pretrained("tinny")
    with pytest.raises(ModelError, match="holds a BasePipeline"):
        SmartEditPipeline.from_pretrained("base")


@given(st.floats(0, 20), st.floats(0, 20))
def test_guidance_is_the_published_formula(text_scale, image_scale):
    weights = branch_weights(text_scale, image_scale)
    assert sum(weights.values()) == pytest.approx(1)
    text, image, null = 3.0, -2.0, 0.5
    want = null + text_scale * (text - image) + image_scale * (image - null)
    got = sum(weights.get(name, 0) * value for name, value in (("text", text), ("image", image), ("null", null)))
    assert got == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize(("scales", "branches"), [((7.5, 1.5), ["text", "image", "null"]), ((7.5, 1), ["text", "image"]),
                                                   ((1, 1), ["text"]), ((2, 2), ["text", "null"]), ((1, 1.5), ["text", "image", "null"])])  # fmt: skip
def test_needless_branches_are_not_computed(scales, branches):
    assert list(branch_weights(*scales)) == branches


def test_the_rival_takes_the_same_call(rival, scene):
    result = rival([ASK, "make it blue"], scene, seed=0)
    assert result.reply == ["", ""] and [p.size for p in result.images] == [scene.size] * 2
    assert not same(*result.images)
    long = rival("remove the red apple " * 40, scene, seed=0)
    assert long.images[0].size == scene.size


def test_words_reach_the_result(pipe, scene):
    first, second = (pipe(text, scene, seed=0, output_type="latent").images for text in (ASK, "make the cat blue"))
    assert not torch.equal(first, second)


def test_copies_do_not_share_settings(pipe):
    assert copy.copy(pipe.config) == pipe.config and pipe.config.picture_size == 256
