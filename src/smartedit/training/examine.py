"""What a stage can do on validation pairs: replies beside the right ones, paintings beside the truth, and their scores.

Written after every piece of training as `examined.json`, `replies.txt` and `samples.png` in the stage's folder.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from smartedit.data.sample import EditBatch
from smartedit.models.smartedit import Condition, Understanding
from smartedit.training.losses import undone
from smartedit.training.workshop import Workshop, normalise_view
from smartedit.world.replies import parse_reply

#: Validation pairs that are examined, and how many of them are shown.
PAIRS, SHOWN = 48, 8
#: Stages whose language model has learned to reply, whose BIM points, whose UNet paints.
READS = ("language", "align", "joint", "edit")
POINTS = ("point", "align", "edit")
PAINTS = ("base", "joint", "edit")


@torch.no_grad()
def examine(shop: Workshop, stage: str, folder: Path, count: int = PAIRS) -> dict[str, float]:
    """Scores of the first `count` validation pairs with the parts as they are now; writes the files above."""
    scores: dict[str, float] = {}
    for part in shop.parts.values():
        part.eval()
    pairs = shop.validation.edits(range(min(count, len(shop.validation.pairs)))).to(shop.device)
    condition = None
    if stage in READS:
        understanding = _understood(shop, pairs)
        replies = [shop.tokenizer.decode(ids, skip_special_tokens=True) for ids in understanding.reply]
        scores |= reading(replies, pairs.reply)
        _write_replies(folder / "replies.txt", pairs, replies)
        condition = shop.model(stage in POINTS).condition(understanding, tuple(pairs.source.shape[-2:]))
    if stage == "point":
        features = shop.mllm.encode_view(normalise_view(pairs.view))
        condition = Condition(*shop.parts["bim"](shop.text_context(pairs.reply), features, tuple(pairs.source.shape[-2:])))
    if stage in POINTS:
        scores["pointed right"] = pointing(shop.pointed(condition.feature), pairs.region)
    if stage in PAINTS:
        predicted = _painted(shop, pairs, condition)
        left, change = (shop.brush.pixels(z - pairs.target) for z in (predicted, pairs.source))
        scores["undone"] = undone(left, change).mean().item()
        _write_samples(shop, folder / "samples.png", pairs, predicted)
    rounded = {name: round(value, 4) for name, value in scores.items()}
    if rounded:
        (folder / "examined.json").write_text(json.dumps({"pairs": len(pairs.source), **rounded}, indent=1) + "\n")
    return rounded


def reading(replies: list[str], wanted: list[str]) -> dict[str, float]:
    """Shares of replies with the right action, the right kinds, and the mean overlap (IoU) of their boxes."""
    pairs = list(zip(replies, wanted, strict=True))
    same = [_act(said) == _act(right) for said, right in pairs]
    kinds = [_kinds(said) == _kinds(right) for said, right in pairs]
    overlap = [_overlap(said, right) for said, right in pairs if parse_reply(right)]
    return {"action right": float(np.mean(same)), "kind right": float(np.mean(kinds)), "box overlap": float(np.mean(overlap or [0]))}


def pointing(found: Tensor, region: Tensor) -> float:
    """Share of maps (B, 1, h, w) whose highest cell lies where at least half as much changes as anywhere."""
    best = region.flatten(1).gather(1, found.flatten(1).argmax(1, keepdim=True))[:, 0]
    return (best >= 0.5 * region.flatten(1).amax(1)).float().mean().item()


def _act(reply: str) -> str:
    return reply.rsplit(" : ", 1)[-1]


def _kinds(reply: str) -> list[str]:
    return sorted(thing["kind"] for thing in parse_reply(reply))


def _overlap(said: str, right: str) -> float:
    a, b = (_cells(parse_reply(text)) for text in (said, right))
    return float((a & b).sum() / max((a | b).sum(), 1))


def _cells(things: list[dict]) -> np.ndarray:
    grid = np.zeros((16, 16), bool)
    for thing in things:
        x0, y0, x1, y1 = thing["box"]
        grid[y0 : y1 + 1, x0 : x1 + 1] = True
    return grid


def _understood(shop: Workshop, pairs: EditBatch) -> Understanding:
    ids, mask = (rows.to(shop.device) for rows in shop.prompts(pairs.instruction))
    return shop.model(with_bim=False).understand(ids, mask, view=normalise_view(pairs.view))


def _painted(shop: Workshop, pairs: EditBatch, condition: Condition | None) -> Tensor:
    """One step from pure noise; a stage that does not read is told the right reply and shown the region."""
    if condition is None:
        states = shop.text_context(pairs.reply)
        condition = Condition(states, shop.code * pairs.region, states)
    last = shop.scheduler.config.num_train_timesteps - 1
    t = torch.full((len(pairs.source),), last, device=shop.device)
    noise = torch.randn(pairs.source.shape, generator=torch.Generator().manual_seed(0)).to(shop.device)
    noisy = shop.scheduler.add_noise(pairs.source, noise, t)
    return shop.model(with_bim=False).denoise(noisy, pairs.source, t, condition)


def _write_replies(path: Path, pairs: EditBatch, replies: list[str]) -> None:
    lines = [f"{said}\n  right: {right}\n  model: {reply}" for said, right, reply in zip(pairs.instruction, pairs.reply, replies, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def _write_samples(shop: Workshop, path: Path, pairs: EditBatch, predicted: Tensor) -> None:
    """A row a pair: before, painted, truth."""
    columns = [shop.parts["vae"].decode(x[:SHOWN]).sample for x in (pairs.source, predicted, pairs.target)]
    rows = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    pixels = ((rows.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(path)
