"""Where things stand and come to stand: how far off that is, and a fit to what a UNet says is meant.

The stage `sprite` learns it from what is truly seen of things. A UNet's outlines are softer, and sometimes around another thing, so it
is fitted again when a stage has ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from smartedit.data.landings import ask_landing
from smartedit.data.replaced import ask_replaced
from smartedit.data.sample import Landed, Standing
from smartedit.models.object_head import ObjectHead
from smartedit.models.similarity import extent, measured
from smartedit.models.unet import denoise
from smartedit.training import lessons
from smartedit.training.losses import nearly, out_of_place
from smartedit.training.workshop import Workshop, normalise_view

#: How many edits are asked for at once.
AT_ONCE = 32
#: How often the fit sees each, how many of these, and of true outlines, a step has, and its peak rate.
PASSES, EACH, RATE = 36, 96, 2e-3

#: An instruction about a described scene and the right places, or None.
Ask = Callable[[dict, np.random.Generator], tuple | None]


def how_far_off(head: ObjectHead, given: Standing) -> tuple[Tensor, Tensor]:
    """How far off, in halves of a side, an object head puts the new thing, (B, 3), and finds what the old one stands on, (B, 2)."""
    found = head.sprite.placed(given.comes, given.was, given.measures)
    off = out_of_place(found, given.place, given.place[:, 2:])
    return off, (head.warp.stood(given.was, given.measures) - given.stood).abs() / extent(given.measures)[1]


def how_wide(head: ObjectHead, given: Landed) -> Tensor:
    """How wide of where they should land, in halves of a side, an object head puts things, (B, 3)."""
    moved = head.moves(given.kind, given.relation, given.beside, given.meant)
    added = head.adds(given.kind, given.relation, given.beside)
    return out_of_place(torch.where(given.moved, moved, added), given.lands, given.half)


def fit_standing(shop: Workshop, with_bim: bool, count: int, seed: int) -> None:
    """Let things stand and land where they should by what the parts, as they are, say of `count` replacements, and as many additions and
    moves, that are only asked for."""
    rng = np.random.default_rng([seed, count])
    for part in shop.parts.values():
        part.eval()
    standing, landed = (_all_said(shop, with_bim, count, rng, ask) for ask in (ask_replaced, ask_landing))
    head = shop.parts["object_head"]
    learned = [head.sprite.place, head.sprite.place_map_out, head.warp.stand, head.warp.stand_map_out, head.adds, head.moves]
    learned = nn.ModuleList(learned).requires_grad_(True)
    learner = torch.optim.AdamW(learned.parameters(), lr=RATE)
    steps = math.ceil(PASSES * count / EACH)
    fading = torch.optim.lr_scheduler.LinearLR(learner, 1.0, 0.0, steps)
    for _ in range(steps):
        true = lessons.sprite(shop, rng, EACH).to(shop.device)
        some = [rows.some(torch.from_numpy(rng.integers(count, size=EACH)).to(shop.device)) for rows in (standing, landed)]
        off = [one for given in (true.standing, some[0]) for one in how_far_off(head, given)]
        off += [how_wide(head, given) for given in (true.landed, some[1])]
        learner.zero_grad()
        sum(nearly(one).mean() for one in off).backward()
        learner.step()
        fading.step()
    learned.requires_grad_(False)


def _all_said(shop: Workshop, with_bim: bool, count: int, rng: np.random.Generator, ask: Ask) -> Standing | Landed:
    """What is said of `count` edits that `ask` asks for."""
    rows = [_said(shop, with_bim, min(AT_ONCE, count - done), rng, ask) for done in range(0, count, AT_ONCE)]
    return rows[0].with_more(*rows[1:])


@torch.no_grad()
def _said(shop: Workshop, with_bim: bool, count: int, rng: np.random.Generator, ask: Ask) -> Standing | Landed:
    """Some edits with the kinds and relations heard, the measures of what the UNet says is meant, or beside it, and the right places."""
    scenes, instructions, right = _some(shop, count, rng, ask)
    view, source = (x.to(shop.device) for x in (shop.train.pictures(scenes).view, shop.train.sources(scenes)))
    model, head = shop.model(with_bim), shop.parts["object_head"]
    ids, mask = (rows.to(shop.device) for rows in shop.prompts(instructions))
    understanding = model.understand(ids, mask, view=normalise_view(view))
    condition = model.condition(understanding, tuple(source.shape[-2:]))
    t = torch.full((len(source),), shop.scheduler.config.num_train_timesteps - 1, device=shop.device)
    noise = torch.from_numpy(rng.standard_normal(source.shape, np.float32)).to(shop.device)
    noisy = shop.scheduler.add_noise(source, noise, t)
    output = denoise(shop.parts["unet"], torch.cat([noisy, source], dim=1), t, condition.context, condition.feature)
    _, *shown = shop.brush.masks(output, source)
    meant, beside = (measured(pixel_shuffle(logits.sigmoid(), shop.brush.patch)) for logits in shown)
    comes, there, relation = head.surest(head.hearing(condition.told))
    right = [torch.from_numpy(np.stack(rows)).to(shop.device) for rows in right]
    if ask is ask_replaced:
        return Standing(comes, there, meant, *right)
    moved, lands, half = right
    return Landed(moved, torch.where(moved, there, comes), relation, beside, meant, lands, half)


def _some(shop: Workshop, count: int, rng: np.random.Generator, ask: Ask) -> tuple[tuple, tuple, list[tuple]]:
    """Random scenes that have pairs, and of an edit asked for in each: the instruction, and what is right."""
    able = [scene for scene, pairs in enumerate(shop.train.pairs_of) if pairs]
    found: list[tuple] = []
    while len(found) < count:
        scene = int(rng.choice(able))
        asked = ask(shop.train.scenes[scene], rng)
        found += [(scene, *asked)] if asked else []
    scenes, instructions, *right = zip(*found, strict=True)
    return scenes, instructions, right
