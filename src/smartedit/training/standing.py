"""Where things stand and come to stand: how far off that is, and a fit to what a UNet says is meant.

The stage `sprite` learns it from what is truly seen of things. A UNet's outlines are softer, and sometimes around another thing, so it
is fitted again when a stage has ended.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from smartedit.data.replaced import ask_replaced
from smartedit.models.object_head import ObjectHead
from smartedit.models.similarity import extent, measured
from smartedit.models.unet import denoise
from smartedit.training import lessons
from smartedit.training.losses import nearly, out_of_place
from smartedit.training.workshop import Workshop, normalise_view

#: How many replacements are asked for at once.
AT_ONCE = 32
#: How often the fit sees each, how many of these, and of true outlines, a step has, and its peak rate.
PASSES, EACH, RATE = 36, 96, 2e-3


def how_far_off(
    head: ObjectHead, kinds: tuple[Tensor, Tensor], measures: Tensor, place: Tensor, stood: Tensor
) -> tuple[Tensor, Tensor]:
    """How far off, in halves of a side, an object head puts the new thing, (B, 3), and finds what the old one stands on, (B, 2).

    The kinds of the new and the old one, two (B, kinds); `measures` (B, m) of the old one; the true `place` (B, 3), and the true point
    `stood` (B, 2).
    """
    off = out_of_place(head.sprite.placed(*kinds, measures), place)
    return off, (head.warp.stood(kinds[1], measures) - stood).abs() / extent(measures)[1]


def fit_standing(shop: Workshop, with_bim: bool, count: int, seed: int) -> None:
    """Let things stand where they should by what the parts, as they are, say of `count` replacements that are only asked for."""
    rng = np.random.default_rng([seed, count])
    for part in shop.parts.values():
        part.eval()
    rows = [_said(shop, with_bim, min(AT_ONCE, count - done), rng) for done in range(0, count, AT_ONCE)]
    said = [torch.cat(column) for column in zip(*rows, strict=True)]
    head = shop.parts["object_head"]
    learned = [head.sprite.place, head.sprite.place_map_out, head.warp.stand, head.warp.stand_map_out]
    learned = nn.ModuleList(learned).requires_grad_(True)
    learner = torch.optim.AdamW(learned.parameters(), lr=RATE)
    steps = math.ceil(PASSES * count / EACH)
    fading = torch.optim.lr_scheduler.LinearLR(learner, 1.0, 0.0, steps)
    for _ in range(steps):
        some = torch.from_numpy(rng.integers(len(said[0]), size=EACH)).to(shop.device)
        true = lessons.sprite(shop, rng, EACH).to(shop.device)
        both = zip(said, (true.kind, true.was, true.measures, true.place, true.stood), strict=True)
        comes, was, measures, place, stood = (torch.cat([rows[some], others]) for rows, others in both)
        off, foot = how_far_off(head, (comes, was), measures, place, stood)
        learner.zero_grad()
        (nearly(off) + nearly(foot)).mean().backward()
        learner.step()
        fading.step()
    learned.requires_grad_(False)


@torch.no_grad()
def _said(shop: Workshop, with_bim: bool, count: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Some replacements: the kinds heard, two (B, kinds), the measures of what the UNet says is meant, the right places, and the points
    that the things stand on."""
    scenes, instructions, places, points = _some(shop, count, rng)
    view, source = (x.to(shop.device) for x in (shop.train.pictures(scenes).view, shop.train.sources(scenes)))
    model, head = shop.model(with_bim), shop.parts["object_head"]
    ids, mask = (rows.to(shop.device) for rows in shop.prompts(instructions))
    understanding = model.understand(ids, mask, view=normalise_view(view))
    condition = model.condition(understanding, tuple(source.shape[-2:]))
    t = torch.full((len(source),), shop.scheduler.config.num_train_timesteps - 1, device=shop.device)
    noise = torch.from_numpy(rng.standard_normal(source.shape, np.float32)).to(shop.device)
    noisy = shop.scheduler.add_noise(source, noise, t)
    output = denoise(shop.parts["unet"], torch.cat([noisy, source], dim=1), t, condition.context, condition.feature)
    _, meant = shop.brush.masks(output, source)
    measures = measured(pixel_shuffle(meant.sigmoid(), shop.brush.patch))
    right = (torch.from_numpy(np.stack(rows)).to(shop.device) for rows in (places, points))
    return (*head.kinds(head.hearing(condition.told)), measures, *right)


def _some(shop: Workshop, count: int, rng: np.random.Generator) -> tuple[tuple, ...]:
    """Random scenes that have pairs, and of a replacement asked for in each: the instruction, the place, and the point stood on."""
    able = [scene for scene, pairs in enumerate(shop.train.pairs_of) if pairs]
    found: list[tuple] = []
    while len(found) < count:
        scene = int(rng.choice(able))
        asked = ask_replaced(shop.train.scenes[scene], rng)
        found += [(scene, *asked)] if asked else []
    return tuple(zip(*found, strict=True))
