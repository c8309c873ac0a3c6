"""What each stage minimises. Every loss is a mean over the batch, so that runs of any batch size compare."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

#: Sums over a picture, of squared and of absolute change, below which an edit counts as hardly there; they keep shares finite.
FAINT, FAINT_SUM = 3.0, 30.0
#: The change of a colour, of 2 from black to white, from which on a pixel counts as changed; and how many pixels are hardly any.
VISIBLE, FAINT_PIXELS = 0.05, 100.0
#: How far a place may be off, in halves of a side, and count as near.
NEAR = 0.1


def undone(left: Tensor, change: Tensor) -> Tensor:
    """The share of an edit that is still to do, (B,): 0 when the target is met, 1 when nothing was changed.

    `left` and `change` (B, ...) are what is missing from the target to the prediction, and from the target to the source.
    Dividing sums of squares gives a pencil the same weight as a wall; damage outside the edit counts in the same currency.
    """
    return left.square().flatten(1).sum(1) / (change.square().flatten(1).sum(1) + FAINT)


def undecided(left: Tensor, change: Tensor) -> Tensor:
    """`undone` with absolute values instead of squares, (B,): it asks for a decision, and is what success is measured by.

    Half an edit in two places is worth nothing, and a pixel that should not change must not change at all.
    """
    return left.abs().flatten(1).sum(1) / (change.abs().flatten(1).sum(1) + FAINT_SUM)


def outlined(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy between masks, logits and `wanted` (B, P, h, w) in 0 ... 1, by the number of pixels that are wanted, (B,)."""
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return entropy.flatten(1).sum(1) / (wanted.flatten(1).sum(1) + FAINT_PIXELS)


def changing(change: Tensor) -> Tensor:
    """Which pixels change at all, (B, P, h, w) in 0 ... 1; `change` (B, 3 P, h, w) of every pixel, red before green before blue."""
    return (change.unflatten(1, (3, -1)).abs().amax(1) / VISIBLE).clamp(max=1.0)


def misplaced(found: Tensor, wanted: Tensor, code: Tensor) -> Tensor:
    """How far features (B, C, h, w) are from pointing at the maps `wanted` (B, 1, h, w) in [0, 1], (B,), by share of the map.

    `code` (C, 1, 1) is the feature of a cell that is pointed at. 1 when nothing is pointed at.
    """
    left = (found - code * wanted).square().flatten(1).sum(1) / code.square().sum()
    return left / (wanted.square().flatten(1).sum(1) + 1)


def out_of_place(found: Tensor, wanted: Tensor, half: Tensor) -> Tensor:
    """How far places and sizes `found` are off those `wanted`, both (x, y) and a size (B, 3): places in halves of a side, `half` (B, 1),
    sizes as a logarithm, (B, 3)."""
    return torch.cat([(found[:, :2] - wanted[:, :2]) / half, (found[:, 2:] / wanted[:, 2:]).log()], dim=1).abs()


def nearly(off: Tensor) -> Tensor:
    """How far off, by halves of a side (B, n), as a loss (B,) to which what is far off anyway adds little more."""
    return torch.log1p(off / NEAR).sum(1)


def astray(found: Tensor, wanted: Tensor, sharpness: float = 8.0) -> Tensor:
    """Cross-entropy, in units of its value for an even map, of where maps (B, 1, h, w) point from where `wanted` ones do, (B,).

    Squared error rewards a faint guess everywhere; this asks which cells stand out.
    """
    logs = (sharpness * found).flatten(1).log_softmax(1)
    return -(logs * F.normalize(wanted.flatten(1), p=1, dim=1)).sum(1) / math.log(logs.shape[1])


def drop_conditions(count: int, probability: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Which samples lose their text and which their picture, two bool (B,) from one uniform each.

    With p = 0.05: text only below 0.05, both up to 0.10, picture only up to 0.15 (official-code.md, section 4, step 3).
    """
    u = torch.rand(count, generator=generator)
    return u < 2 * probability, (u >= probability) & (u < 3 * probability)


def draw_timesteps(count: int, last: int, noisiest: float, generator: torch.Generator) -> Tensor:
    """Timesteps (B,): a share `noisiest` at pure noise, where what to edit is decided, the rest uniform in 0 ... last."""
    uniform = torch.randint(0, last + 1, (count,), generator=generator)
    pure = torch.rand(count, generator=generator) < noisiest
    return torch.where(pure, torch.full_like(uniform, last), uniform)


def contrast(left: Tensor, right: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE between two (B, D) sets whose rows belong together (CLIP)."""
    logits = scale * F.normalize(left, dim=-1) @ F.normalize(right, dim=-1).T
    targets = torch.arange(len(left))
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def region_contrast(patches: Tensor, phrases: Tensor, owner: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy of each patch (N, D) over phrases (K, D), `owner` (N,) naming the right one."""
    logits = scale * F.normalize(patches, dim=-1) @ F.normalize(phrases, dim=-1).T
    return F.cross_entropy(logits, owner)


def edges(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical differences of (B, C, H, W)."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


def reconstruction(decoded: Tensor, picture: Tensor) -> Tensor:
    """Mean absolute error of pixels and, half as heavy, of their differences, which keeps edges sharp and hides seams."""
    pixel = F.l1_loss(decoded, picture)
    return pixel + 0.5 * sum(F.l1_loss(a, b) for a, b in zip(edges(decoded), edges(picture), strict=True))
