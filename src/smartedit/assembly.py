"""From what the stages of a training run left behind to pipeline folders: `tiny`, and `base`, its rival."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from smartedit import bundles
from smartedit.baseline import BasePipeline
from smartedit.pipeline import SmartEditPipeline
from smartedit.training.stages import history, load_so_far
from smartedit.training.workshop import Workshop

#: Settings of the call that were best on validation.
CALL = {"num_inference_steps": 3, "guidance_scale": 1.0}
#: What the rival takes from its neighbour instead of a copy of its own.
SHARED = ("vae", "scheduler", "tokenizer")


def assemble(run: Path, out: Path) -> list[Path]:
    """Write the pipelines that a run of `smartedit train tiny` in folder `run` has the weights for; gives their folders.

    `tiny` has no BIM until the stage `edit` has begun; before `joint` or `base` there is nothing to write.
    """
    done = {stage for stage in ("base", "joint", "edit") if any((run / stage / "weights").glob("*.safetensors"))}
    written = []
    if done & {"joint", "edit"}:
        shop = _loaded(run, None)
        names = ("vae", "vision_tower", "projector", "language_model", "qformer", "unet", "object_head")
        bim = shop.parts["bim"].eval() if "edit" in done else None
        written.append(bundles.write(SmartEditPipeline(**_taken(shop, names), bim=bim, **CALL), out / "tiny"))
        (out / "tiny" / "training.json").write_text(json.dumps(history(run), indent=1) + "\n")
    if "base" in done:
        shop = _loaded(run, "align")
        pipeline = BasePipeline(**_taken(shop, ("vae", "text_encoder", "unet", "object_head")), **CALL)
        written.append(bundles.write(pipeline, out / "base", without=SHARED if (out / "tiny").is_dir() else ()))
    return written


def _loaded(run: Path, before: str | None) -> Workshop:
    shop = Workshop.fresh("tiny")
    shop.parts["vae"].load_state_dict(load_file(run / "basis.safetensors"), strict=False)  # if it has not learned more yet
    load_so_far(shop, run, before)
    return shop


def _taken(shop: Workshop, names: tuple[str, ...]) -> dict:
    parts = {name: shop.parts[name].eval() for name in names}
    return {**parts, "scheduler": shop.scheduler, "tokenizer": shop.tokenizer}
