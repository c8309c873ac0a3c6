"""One call of a pipeline: what is asked, pictures made ready for it, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from PIL import Image
from torch import Tensor

from smartedit import images, region


@dataclass
class SmartEditOutput(BaseOutput):
    """What an edit gives; every list has one entry a picture.

    `images`: PIL pictures of the size that came in ("np": float32 (H, W, 3) in [0, 1]; "latent": one tensor, or a list of
    them if their shapes differ, and `region` is empty). `reply`: what the model said it would do, in words. `region`: PIL
    masks of mode "L", 255 where the picture was changed. `seed`: what makes the same picture again. `notes`: remarks for the
    user. `timings`: seconds.
    """

    images: list | Tensor
    reply: list[str]
    region: list[Image.Image]
    seed: list[int]
    notes: list[list[str]]
    timings: dict[str, float]


def joined(outputs: list[SmartEditOutput], places: list[list[int]]) -> SmartEditOutput:
    """One output of several, every row at its place; timings are added up, latents become a list."""
    order = sorted((number, part, row) for part, numbers in enumerate(places) for row, number in enumerate(numbers))
    columns = {
        name: [getattr(outputs[part], name)[row] for _, part, row in order]
        for name in ("images", "reply", "region", "notes") if len(getattr(outputs[0], name))
    }  # fmt: skip
    timings = {name: round(sum(output.timings[name] for output in outputs), 4) for name in outputs[0].timings}
    return SmartEditOutput(**{"region": [], **columns}, seed=[], timings=timings)


@dataclass
class Encoded:
    """A picture made ready once, for any number of instructions.

    `fitted` is the picture at its working size, `source` its latents (1, c, h, w), `decoded` what the decoder makes of
    them, uint8 (H, W, 3); `features` is what the vision tower sees, (1, P, width), None for a pipeline without one.
    """

    fitted: images.Fitted
    source: Tensor
    decoded: np.ndarray
    features: Tensor | None = None


@dataclass
class Request:
    """One checked call: as many pictures as instructions and generators, and the settings they share."""

    prompts: list[str]
    pictures: list
    masks: list[Image.Image | None]
    generators: list[torch.Generator]
    steps: int
    weights: dict[str, float]
    callback: Callable[[DiffusionPipeline, int, Any, dict], dict] | None = None
    callback_names: Sequence[str] = ("latents",)

    def rows(self, numbers: list[int]) -> Request:
        """The request for some of its pictures."""
        columns = ("prompts", "pictures", "masks", "generators")
        return replace(self, **{name: [getattr(self, name)[n] for n in numbers] for name in columns})


def finished(
    picture: Encoded, square: Image.Image, mask: Image.Image | None = None, keep_outside: bool = True
) -> tuple[Image.Image, Image.Image]:
    """The edited picture at its own size and its changed region, from the edited square; within `mask`, a `region.bound`."""
    original, whole = picture.fitted.original, images.restore(square, picture.fitted)
    weight = region.changed_region(picture.decoded, np.asarray(square))
    kept, changed = region.compose(original, whole, weight, picture.fitted)
    edited = kept if keep_outside else whole
    return (edited, changed) if mask is None else region.within(mask, original, edited, changed)
