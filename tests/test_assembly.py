"""From what a training run leaves behind to pipelines that edit."""

from __future__ import annotations

import pytest
import torch
from made_pictures import noise_picture
from safetensors.torch import save_file

from smartedit.assembly import assemble
from smartedit.baseline import BasePipeline
from smartedit.pipeline import SmartEditPipeline
from smartedit.training.workshop import Workshop, save_weights


@pytest.fixture(scope="module")
def shop():
    return Workshop.fresh("tiny", seed=3)


@pytest.fixture
def run(shop, tmp_path):
    """A run of which only the autoencoder's basis exists."""
    vae = shop.parts["vae"]
    save_file({name: getattr(vae, name).clone() for name in ("mean", "basis", "scale")}, tmp_path / "basis.safetensors")
    return tmp_path


def leave(shop, run, stage, *names):
    save_weights({name: shop.parts[name].state_dict() for name in names}, run / stage / "weights")


def test_before_any_editor_there_is_nothing_to_write(run):
    assert assemble(run, run / "models") == [] and not (run / "models").exists()


def test_the_rival_alone_is_complete(shop, run):
    leave(shop, run, "base", "unet", "text_encoder")
    assert assemble(run, run / "models") == [run / "models" / "base"]
    pipe = BasePipeline.from_pretrained(run / "models" / "base")
    assert torch.allclose(pipe.unet.conv_in.weight, shop.parts["unet"].conv_in.weight, atol=1e-3)


def test_every_stage_so_far_is_in_it(shop, run):
    leave(shop, run, "base", "unet", "text_encoder")
    with torch.no_grad():
        shop.parts["unet"].conv_in.weight.add_(1)
    leave(shop, run, "joint", "unet", "qformer", "language_model")
    (run / "models" / "tiny").mkdir(parents=True)
    (run / "models" / "tiny" / "README.md").write_text("the model card")
    assert [path.name for path in assemble(run, run / "models")] == ["tiny", "base"]
    assert (run / "models" / "tiny" / "README.md").read_text() == "the model card"
    tiny = SmartEditPipeline.from_pretrained(run / "models" / "tiny")
    base = BasePipeline.from_pretrained(run / "models" / "base")
    assert tiny.bim is None and tiny.qformer.null_context.abs().sum() > 0
    assert torch.allclose(tiny.unet.conv_in.weight, base.unet.conv_in.weight + 1, atol=2e-3), "joint's and base's own UNet"
    assert not (run / "models" / "base" / "vae").exists()
    tiny.set_progress_bar_config(disable=True)
    assert tiny("remove the red apple", noise_picture(40, 30), seed=0, num_inference_steps=1).images[0].size == (40, 30)


def test_with_bim_after_the_last_stage(shop, run):
    leave(shop, run, "edit", "unet", "qformer", "language_model", "bim")
    assemble(run, run / "models")
    assert SmartEditPipeline.from_pretrained(run / "models" / "tiny").bim is not None
