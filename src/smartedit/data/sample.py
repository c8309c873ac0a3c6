"""The typed batches that training reads. They are made on the CPU; stages move them to where the parts are."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch

Self = TypeVar("Self", bound="Batch")


class Batch:
    """A dataclass of tensors, further batches, and words."""

    def to(self: Self, device: torch.device | str) -> Self:
        """The same with every tensor on `device`."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in held.items() if isinstance(value, (torch.Tensor, Batch))})

    def with_more(self: Self, *others: Self) -> Self:
        """These rows and those of others of the same sort."""
        rows = [[getattr(one, field.name) for one in (self, *others)] for field in fields(self)]
        return type(self)(*(torch.cat(row) if isinstance(row[0], torch.Tensor) else sum(row, []) for row in rows))

    def some(self: Self, rows: torch.Tensor) -> Self:
        """The rows (n,), which are numbers, of a batch of tensors alone."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass
class EditBatch(Batch):
    """Pairs of pictures with the words that lead from one to the other.

    source, target: (B, C, h, w) latents; region: (B, 1, h, w), share of each cell that truly changes, 0 ... 1;
    meant, beside: (B, 1, H, W) bool, which pixels of the source show what the words mean, and which show beside what something is put,
    none where there is no such thing; view: (B, 3, V, V) uint8, the source as the vision tower sees it.
    """

    source: torch.Tensor
    target: torch.Tensor
    region: torch.Tensor
    meant: torch.Tensor
    beside: torch.Tensor
    view: torch.Tensor
    instruction: list[str]
    reply: list[str]


@dataclass
class Standing(Batch):
    """Things that are there, and what comes in their place.

    comes, was: (B, kinds), of which kind both are, one is 1; measures: (B, m), of what is seen of the old thing; place: (B, 3), middle
    and half of the side of a square around the new one; stood: (B, 2), the point that the old one stands on; in -1 ... 1.
    """

    comes: torch.Tensor
    was: torch.Tensor
    measures: torch.Tensor
    place: torch.Tensor
    stood: torch.Tensor


@dataclass
class Landed(Batch):
    """Things that are put somewhere.

    moved: (B, 1) bool, which were there before; kind: (B, kinds), relation: (B, relations), one is 1; beside, meant: (B, m), measures of
    beside what, and of what was there before; lands: (B, 3), the point it then stands on and how many times as large it is there, and
    of what was not there, middle and half of the side of a square around it; half: (B, 1), half of that side for all.
    """

    moved: torch.Tensor
    kind: torch.Tensor
    relation: torch.Tensor
    beside: torch.Tensor
    meant: torch.Tensor
    lands: torch.Tensor
    half: torch.Tensor


@dataclass
class PictureBatch(Batch):
    """Single pictures with what is known about them.

    view: (B, 3, V, V) uint8; patches: (B, P) int64, which object fills each patch of the view (k = k-th object of the
    description, 0 = none, -1 = mixed); cover: uint8 (B, 2, objects, P), how much of it each object and each mirror image
    fills (0 ... 255); described: the scenes as `world.describe` tells them.
    """

    view: torch.Tensor
    patches: torch.Tensor
    cover: torch.Tensor
    described: list[dict]

    def flipped(self, rows: torch.Tensor) -> PictureBatch:
        """The same with the pictures of `rows` (B,) bool seen from behind: left is right, in pictures and descriptions."""
        grid = math.isqrt(self.patches.shape[1])

        def turn(maps: torch.Tensor) -> torch.Tensor:
            where = rows.view(-1, *[1] * (maps.dim() - 1))
            return torch.where(where, maps.unflatten(-1, (grid, grid)).flip(-1).flatten(-2), maps)

        view = torch.where(rows.view(-1, 1, 1, 1), self.view.flip(-1), self.view)
        described = [flip(d) if row else d for d, row in zip(self.described, rows.tolist(), strict=True)]
        return PictureBatch(view, turn(self.patches), turn(self.cover), described)


def flip(described: dict) -> dict:
    """A description with left and right exchanged."""
    turned = copy.deepcopy(described)
    for thing in (*turned["objects"], *(turned.get("reflected") or ())):
        thing["x"], thing["yaw"] = -thing["x"], -thing["yaw"]
        for key in ("box", "mirror_box"):
            if box := thing.get(key):
                thing[key] = [round(1 - box[2], 4), box[1], round(1 - box[0], 4), box[3]]
    for place in (turned["camera"]["eye"], turned["camera"]["target"]):
        place[0] = -place[0]
    if turned.get("mirror"):
        turned["mirror"]["x"] = -turned["mirror"]["x"]
    return turned


@dataclass
class TextBatch(Batch):
    """Conversations ready for the language model, padded on the right.

    ids, labels, mask: (B, T); labels are -100 where nothing is learned; the picture's place is the first `<img_0>` of a row.
    branch: (B, T) or None: turns that share one picture and know nothing of each other (`MLLM.forward`).
    """

    ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor
    branch: torch.Tensor | None = None


def pad_branches(start: list[int], rows: list[list[tuple[list[int], list[int]]]]) -> TextBatch:
    """Per row the shared ids `start` (branch 0, nothing learned), then its turns as branches 1, 2, ... of (ids, labels)."""
    width = len(start) + max(sum(len(ids) for ids, _ in row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), -100)
    branch = torch.full((len(rows), width), -1)
    for i, row in enumerate(rows):
        flat = [(start, [-100] * len(start)), *row]
        end = 0
        for k, (turn, label) in enumerate(flat):
            begin, end = end, end + len(turn)
            ids[i, begin:end], labels[i, begin:end], branch[i, begin:end] = torch.tensor(turn), torch.tensor(label), k
    return TextBatch(ids, labels, branch >= 0, branch)


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
