"""Where things come to stand, by what a UNet says is meant: fitted when a stage has ended.

The stage `sprite` learns it from what is truly seen of things. A UNet's outlines are softer, and sometimes around another thing.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from smartedit.data.replaced import ask_replaced
from smartedit.models.similarity import measured
from smartedit.models.unet import denoise
from smartedit.training import lessons
from smartedit.training.losses import nearly, out_of_place
from smartedit.training.workshop import Workshop, normalise_view

#: How many replacements are asked for at once.
AT_ONCE = 32
#: How often the fit sees each, how many of these, and of true outlines, a step has, and its peak rate.
PASSES, EACH, RATE = 36, 96, 2e-3


def fit_standing(shop: Workshop, with_bim: bool, count: int, seed: int) -> None:
    """Let sprites stand where they should by what the parts, as they are, say of `count` replacements that are only asked for."""
    rng = np.random.default_rng([seed, count])
    for part in shop.parts.values():
        part.eval()
    rows = [_said(shop, with_bim, min(AT_ONCE, count - done), rng) for done in range(0, count, AT_ONCE)]
    known, measures, stands = (torch.cat(column) for column in zip(*rows, strict=True))
    sprite = shop.parts["object_head"].sprite
    learned = nn.ModuleList([sprite.place, sprite.place_map_out]).requires_grad_(True)
    learner = torch.optim.AdamW(learned.parameters(), lr=RATE)
    steps = math.ceil(PASSES * count / EACH)
    fading = torch.optim.lr_scheduler.LinearLR(learner, 1.0, 0.0, steps)
    for _ in range(steps):
        some = torch.from_numpy(rng.integers(len(known), size=EACH)).to(known.device)
        true = lessons.sprite(shop, rng, EACH).to(shop.device)
        told = torch.cat([known[some], torch.cat([true.kind, true.was], dim=1)])
        seen = torch.cat([measures[some], true.measures])
        found = sprite.placed(torch.cat([told, seen], dim=1), seen)
        learner.zero_grad()
        nearly(out_of_place(found, torch.cat([stands[some], true.place]))).mean().backward()
        learner.step()
        fading.step()
    learned.requires_grad_(False)


@torch.no_grad()
def _said(shop: Workshop, with_bim: bool, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Some replacements: the kinds heard (B, 2 * kinds), the measures of what the UNet says is meant, and the right places."""
    scenes, asked = _some(shop, count, rng)
    view, source = (x.to(shop.device) for x in (shop.train.pictures(scenes).view, shop.train.sources(scenes)))
    model, head = shop.model(with_bim), shop.parts["object_head"]
    ids, mask = (rows.to(shop.device) for rows in shop.prompts([words for words, _ in asked]))
    understanding = model.understand(ids, mask, view=normalise_view(view))
    condition = model.condition(understanding, tuple(source.shape[-2:]))
    t = torch.full((len(source),), shop.scheduler.config.num_train_timesteps - 1, device=shop.device)
    noise = torch.from_numpy(rng.standard_normal(source.shape, np.float32)).to(shop.device)
    noisy = shop.scheduler.add_noise(source, noise, t)
    output = denoise(shop.parts["unet"], torch.cat([noisy, source], dim=1), t, condition.context, condition.feature)
    _, meant = shop.brush.masks(output, source)
    words, _ = head.hearing(condition.told)
    measures = measured(pixel_shuffle(meant.sigmoid(), shop.brush.patch))
    places = torch.from_numpy(np.stack([place for _, place in asked])).to(shop.device)
    return torch.cat(head.kinds(words), dim=1), measures, places


def _some(shop: Workshop, count: int, rng: np.random.Generator) -> tuple[list[int], list[tuple[str, np.ndarray]]]:
    """Random scenes that have pairs, and a replacement that is asked for in each."""
    able = [scene for scene, pairs in enumerate(shop.train.pairs_of) if pairs]
    found: list[tuple[int, tuple[str, np.ndarray]]] = []
    while len(found) < count:
        scene = int(rng.choice(able))
        asked = ask_replaced(shop.train.scenes[scene], rng)
        found += [(scene, asked)] if asked else []
    scenes, words = zip(*found, strict=True)
    return list(scenes), list(words)
