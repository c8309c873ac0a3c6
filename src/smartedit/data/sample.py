"""The typed batches that training reads. Tensors are on the CPU; the loop moves them."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass
class EditBatch:
    """Pairs of pictures with the words that lead from one to the other.

    source, target: (B, C, h, w) latents; region: (B, 1, h, w), share of each cell that truly changes, 0 ... 1;
    view: (B, 3, V, V) uint8, the source as the vision tower sees it.
    """

    source: torch.Tensor
    target: torch.Tensor
    region: torch.Tensor
    view: torch.Tensor
    instruction: list[str]
    reply: list[str]


@dataclass
class PictureBatch:
    """Single pictures with what is known about them.

    view: (B, 3, V, V) uint8; patches: (B, P) int64, which object fills each patch of the view (k = k-th object of the
    description, 0 = none, -1 = mixed); described: the scenes as `world.describe` tells them.
    """

    view: torch.Tensor
    patches: torch.Tensor
    described: list[dict]


@dataclass
class TextBatch:
    """Conversations ready for the language model, padded on the right.

    ids, labels, mask: (B, T); labels are -100 where nothing is learned; the picture's place is the first `<img_0>` of a row.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor


def pad(rows: list[tuple[list[int], list[int]]]) -> TextBatch:
    """Rows of (ids, labels) as one batch; padding id 0, label -100, mask False."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), -100)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, (row, label) in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        labels[i, : len(row)] = torch.tensor(label)
        mask[i, : len(row)] = True
    return TextBatch(ids, labels, mask)
