"""What an edit gives, and how the outputs of parts of a batch become one."""

from __future__ import annotations

from dataclasses import dataclass

from diffusers.utils import BaseOutput
from PIL import Image
from torch import Tensor


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
