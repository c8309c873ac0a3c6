"""Keep what is not edited: where the result differs from the source, and how to leave the rest alone (numpy, scipy).

The changed region is read off the model's own result: the source and the edited picture both come out of the same
decoder, so that its errors cancel and what remains is the edit. No further network is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from smartedit import images


@dataclass(frozen=True)
class RegionRule:
    """How a difference becomes a region; lengths in pixels of the working picture, differences in 0 ... 255.

    A pixel belongs to an edit when its smoothed difference exceeds `weak` and it touches a part that exceeds `strong`;
    parts smaller than `speck` pixels are dropped, gaps up to `close` are closed, and the region grows by `grow`, within
    which the `feather` outermost pixels blend from source to edit.
    """

    strong: float = 24.0
    weak: float = 10.0
    smooth: float = 1.0
    speck: int = 36
    close: int = 3
    grow: int = 4
    feather: int = 3


def changed_region(source: np.ndarray, edited: np.ndarray, rule: RegionRule = RegionRule()) -> np.ndarray:
    """How much of each pixel is edited, float32 (H, W) in [0, 1], from two pictures uint8 (H, W, 3) of one decoder.

    Exactly 0 outside the region and 1 well inside it.
    """
    difference = np.abs(edited.astype(np.float32) - source.astype(np.float32)).max(axis=-1)
    return weights(difference, rule)


def weights(difference: np.ndarray, rule: RegionRule = RegionRule()) -> np.ndarray:
    """`changed_region` of a difference map, float (H, W) in 0 ... 255."""
    smooth = ndimage.gaussian_filter(difference.astype(np.float32), rule.smooth)
    region = ndimage.binary_propagation(smooth > rule.strong, mask=smooth > rule.weak)
    region = _without_specks(region, rule.speck)
    if not region.any():
        return np.zeros(region.shape, np.float32)
    region = ndimage.binary_closing(np.pad(region, rule.close, mode="edge"), _disc(rule.close))[_inside(rule.close)]
    region = ndimage.binary_dilation(region, _disc(rule.grow))
    if region.all():
        return np.ones(region.shape, np.float32)
    # Edges are replicated, so that a region that runs out of the picture is not feathered along the picture's edge.
    depth = ndimage.distance_transform_edt(np.pad(region, 1, mode="edge"))[_inside(1)]
    return (depth / (rule.feather + 1)).clip(0, 1).astype(np.float32)


def compose(original: Image.Image, edited: Image.Image, weight: np.ndarray, fitted: images.Fitted) -> tuple[Image.Image, Image.Image]:
    """The user's picture with the edit laid into its region, and the region as a mask of mode "L" (0 or 255).

    `edited` has the size of `original`, `weight` is the working-size map of `changed_region`. Where the mask is 0 the
    result equals the original bit for bit.
    """
    weight = np.asarray(images.restore(Image.fromarray(weight), fitted))[..., None].clip(0, 1)
    before = np.asarray(original).astype(np.float32)
    after = np.asarray(edited).astype(np.float32)
    mixed = (before + weight * (after - before)).round().clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(mixed)
    picture.info = dict(original.info)
    return picture, Image.fromarray((weight[..., 0] > 0).astype(np.uint8) * 255)


def box(mask: Image.Image) -> list[int] | None:
    """[left, top, right, bottom] of a region in pixels, right and bottom exclusive; None for an empty one."""
    found = mask.getbbox()
    return list(found) if found else None


def _without_specks(region: np.ndarray, least: int) -> np.ndarray:
    labels, _ = ndimage.label(region, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= least)[labels]


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return x * x + y * y <= radius * radius


def _inside(margin: int) -> tuple[slice, slice]:
    return slice(margin, -margin), slice(margin, -margin)
