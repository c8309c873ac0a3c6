"""The recipe as a table: what each stage trains, at which rates, on how much; and how to run one or all.

Foundations (what full size downloads): autoencoder, clip, language, sprite, base. The method: align (stage 1), joint (stage 2
without BIM), edit (stage 2 with BIM). Every stage starts from the averaged weights of the stages above it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from smartedit.data.cache import Cache, build_cache, shard_pictures
from smartedit.data.landings import draw_landings
from smartedit.data.recoloured import draw_recoloured
from smartedit.data.replaced import draw_replaced
from smartedit.data.scenes import draw_scenes
from smartedit.data.settings import draw_settings
from smartedit.errors import TrainingError
from smartedit.models.presets import get_preset
from smartedit.models.similarity import measured
from smartedit.models.sprite import cut_out
from smartedit.training import lessons, objectives
from smartedit.training.examine import POINTS, READS, examine
from smartedit.training.listening import fit_hearing
from smartedit.training.loop import Plan, Report, Run
from smartedit.training.precision import half_products
from smartedit.training.standing import fit_standing
from smartedit.training.workshop import Workshop, save_weights
from smartedit.world.engine import first_scene


@dataclass(frozen=True)
class Stage:
    """One row: what a step is given, what it minimises, the trained parts' peak learning rates; `samples` is the full recipe.

    `told` gives what an object head is told of what a step is given, where there is a UNet.
    """

    name: str
    lesson: Callable[[Workshop, np.random.Generator, int], Any]
    objective: objectives.Objective
    rates: dict[str, float]
    samples: int
    batch: int = 16
    told: Callable[[Workshop, Any], torch.Tensor] | None = None


STAGES = (
    Stage("autoencoder", lessons.autoencoder, objectives.autoencoder, {"vae": 1e-3}, samples=100_000),
    Stage(
        "clip",
        lessons.clip,
        objectives.clip,
        {"vision_tower": 1e-3, "text_encoder": 1e-3, "projector": 1e-3, "language_model": 1e-3, "contrast": 1e-3},
        samples=300_000,
        batch=48,
    ),
    Stage(
        "language",
        lessons.language,
        objectives.language,
        {"projector": 5e-4, "language_model": 1e-3, "contrast": 5e-4},
        samples=2_000_000,
        batch=64,
    ),
    Stage("sprite", lessons.sprite, objectives.sprite, {"object_head": 3e-3}, samples=1_000_000, batch=64),
    Stage(
        "base",
        lessons.base,
        objectives.base,
        {"unet": 6e-4, "object_head": 3e-3},
        samples=500_000,
        batch=24,
        told=objectives.told_base,
    ),
    Stage("point", lessons.point, objectives.point, {"bim": 1e-3}, samples=500_000, batch=48),
    Stage(
        "align",
        lessons.align,
        objectives.align,
        {"language_model": 5e-4, "qformer": 1e-3, "bim": 5e-4},
        samples=100_000,
        batch=36,
    ),
    Stage(
        "joint",
        lessons.edit,
        objectives.joint,
        {"language_model": 2e-4, "qformer": 2e-4, "unet": 2e-4, "object_head": 1e-3},
        samples=500_000,
        told=objectives.told_edit,
    ),
    Stage(
        "edit",
        lessons.edit,
        objectives.edit,
        {"language_model": 2e-4, "qformer": 2e-4, "bim": 2e-4, "unet": 4e-4, "object_head": 1e-3},
        samples=500_000,
        told=objectives.told_edit,
    ),
)

#: Where a run keeps the weights that it did not begin from nothing.
START = "start"
#: How many pictures the linear basis and the decoder are fitted to.
AUTOENCODER_PICTURES = 3000
#: How many edits the hearing of an object head is fitted to when a stage begins.
HEARD = 16384
#: How many replacements, and how many landings, where things stand is fitted to when a stage has ended.
ASKED = 4096


def stage_named(name: str) -> Stage:
    """The row of that name; TrainingError names the others."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise TrainingError(f"there is no stage {name!r}; the stages are {', '.join(s.name for s in STAGES)}")


def prepare(
    shop: Workshop, data: Path, out: Path, say: Callable[[str], None], start: Path | None = None, scenes: int = 0
) -> None:
    """Take over the weights of `start` or fit the autoencoder's basis, if the run is new; then load the cached data.

    `scenes` more are drawn for the vision tower and the language model alone.
    """
    _keep_vocabulary(shop, out / "vocabulary.json")
    if start and not (out / START).exists():
        say(f"starting from {', '.join(begun := shop.start_from(start))}")
        save_weights({name: shop.parts[name].state_dict() for name in begun}, out / START)
    shop.load_weights(out / START)
    basis = out / "basis.safetensors"
    vae = shop.parts["vae"]
    if not basis.exists():
        if not (out / START / "vae.safetensors").exists():
            say(f"fitting the patch basis to {AUTOENCODER_PICTURES} pictures of {data / 'train'}")
            vae.fit_basis(shard_pictures(data / "train", AUTOENCODER_PICTURES))
        save_weights({"basis": {k: getattr(vae, k) for k in ("mean", "basis", "scale")}}, out)
    for name, value in load_file(basis).items():
        getattr(vae, name).copy_(value)
    preset = get_preset("tiny")
    patch = preset.tables["vision_tower"]["patch_size"]

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        return vae.encode(pictures.to(shop.device)).latent_dist.mode().cpu()

    for split in ("train", "validation"):
        added = build_cache(
            data / split,
            out / "cache" / split,
            encode,
            preset.view,
            patch,
        )
        say(f"{split}: {added} shards newly encoded")
    cached = out / "cache" / "train"
    say(f"train: things of {draw_recoloured(data / 'train', cached, encode)} shards newly recoloured")
    say(f"train: {draw_settings(data / 'train', cached, encode, preset.view, patch)} shards newly drawn in other settings")
    say(f"train: {draw_replaced(data / 'train', cached, cut_out, measured)} shards newly drawn with others in the place of things")
    say(f"train: {draw_landings(data / 'train', cached, measured)} shards newly drawn with things put somewhere")
    first = first_scene(data / "train", "train")
    say(f"train: {draw_scenes(cached, scenes, preset.view, patch, first=first)} shards of scenes newly drawn")
    shop.train, shop.validation = (Cache(out / "cache" / split) for split in ("train", "validation"))
    say(f"train: {len(shop.train.pairs)} pairs, {len(shop.train.scenes)} scenes")


def _keep_vocabulary(shop: Workshop, path: Path) -> None:
    """A run's embeddings belong to its vocabulary: note it once, refuse another."""
    words = sorted(shop.tokenizer.get_vocab(), key=shop.tokenizer.get_vocab().get)
    if path.exists() and json.loads(path.read_text()) != words:
        raise TrainingError(
            f"the world's words have changed since {path.parent} was begun; start again with another --out"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(words))


def load_so_far(shop: Workshop, out: Path, before: str | None = None) -> None:
    """Load what the run began from and the averaged weights of every stage above `before` (all stages if None)."""
    shop.load_weights(out / START)
    for stage in STAGES:
        if stage.name == before:
            break
        shop.load_weights(out / stage.name / "weights")
    with torch.no_grad():
        shop.parts["qformer"].set_null_context(shop.text_context([""]))


def history(out: Path) -> list[dict]:
    """What a run has done so far, one dict a stage begun: its plan, the samples seen, hours, and the last losses."""
    told = []
    for stage in STAGES:
        log = out / stage.name / "log.jsonl"
        if log.exists():
            config = json.loads((out / stage.name / "config.json").read_text())
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            told.append(
                {
                    **config,
                    "samples_seen": lines[-1]["step"] * config["batch"],
                    "hours": _hours(lines, config["batch"]),
                    "last": lines[-1],
                }
            )
    return told


def _hours(lines: list[dict], batch: int) -> float:
    steps = [line["step"] for line in lines]
    spent = [
        (b - a) * batch / line["samples_per_second"]
        for a, b, line in zip([0, *steps], steps, lines, strict=False)
        if b > a
    ]
    return round(sum(spent) / 3600, 3)


def run_stage(
    shop: Workshop,
    stage: Stage,
    data: Path,
    out: Path,
    *,
    share: float = 1.0,
    minutes: float = math.inf,
    seed: int = 0,
    frozen: Collection[str] = (),
    workers: int = 0,
) -> Iterator[Report]:
    """Train one stage, all its parts but those `frozen`, for `share` of its samples or until the time is up.

    Yields reports, leaves weights behind.
    """
    load_so_far(shop, out, stage.name)
    if stage.name == "autoencoder":
        shop.extra["pictures"] = shard_pictures(data / "train", AUTOENCODER_PICTURES)
    rates = {name: rate for name, rate in stage.rates.items() if name not in frozen}
    plan = Plan(stage.name, samples=max(1, round(stage.samples * share)), batch=stage.batch, rates=rates, seed=seed)
    if stage.told and "object_head" in rates and not (out / stage.name / "state.pt").exists():
        fit_hearing(shop, stage.told, min(plan.samples, HEARD), seed)
    run = Run(plan, shop.parts, out / stage.name)

    def lesson(rng: np.random.Generator):
        return stage.lesson(shop, rng, stage.batch)

    def objective(given, generator: torch.Generator):
        with half_products(shop.device):
            return stage.objective(shop, given.to(shop.device), generator)

    yield from run.train(lesson, objective, minutes * 60, workers=workers)
    weights = out / stage.name / "weights"
    save_weights(run.averaged(), weights)
    shop.load_weights(weights)
    if run.finished and stage.name in READS and "object_head" in rates:
        fit_standing(shop, stage.name in POINTS, min(plan.samples, ASKED), seed)
        save_weights({"object_head": shop.parts["object_head"].state_dict()}, weights)
    examine(shop, stage.name, out / stage.name)
