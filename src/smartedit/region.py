"""Keep what is not edited: where the result differs from the source, and how to leave the rest alone (numpy).

The changed region is read off the model's own result: the source and the edited picture both come out of the same
decoder, so that its errors cancel and what remains is the edit. No further network is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from smartedit import images
from smartedit.errors import PictureError


@dataclass(frozen=True)
class RegionRule:
    """How a difference becomes a region; lengths in pixels of the working picture, differences in 0 ... 255.

    A pixel belongs to an edit when its smoothed difference exceeds the weak bound and it touches a part that exceeds the
    strong one; parts smaller than `speck` pixels are dropped, gaps up to `close` are closed, and the region grows by
    `grow`, within which the `feather` outermost pixels blend from source to edit.

    An imperfect model changes everything a little. That wobble, twice the difference that a quarter of the picture stays below
    but at most `most_wobble`, raises the bounds: they are (weak, strong) or as many times the wobble as `over_wobble` says,
    whichever is more.

    Another light changes everything, too, but all of it the same way. Where nine tenths of the picture differ by more than
    `everywhere` and colours move together at least as far as `together` says (1: all alike, 0: to and fro), the region is the
    whole picture.
    """

    weak: float = 10.0
    strong: float = 24.0
    over_wobble: tuple[float, float] = (2.2, 5.0)
    most_wobble: float = 12.0
    everywhere: float = 6.0
    together: float = 0.5
    smooth: float = 1.0
    speck: int = 36
    close: int = 3
    grow: int = 4
    feather: int = 3


def changed_region(source: np.ndarray, edited: np.ndarray, rule: RegionRule = RegionRule()) -> np.ndarray:
    """How much of each pixel is edited, float32 (H, W) in [0, 1], from two pictures uint8 (H, W, 3) of one decoder.

    Exactly 0 outside the region and 1 well inside it.
    """
    change = edited.astype(np.float32) - source.astype(np.float32)
    difference = np.abs(change).max(axis=-1)
    if np.quantile(difference, 0.1) > rule.everywhere and _together(change) > rule.together:
        return np.ones(difference.shape, np.float32)
    return weights(difference, rule)


def _together(change: np.ndarray) -> float:
    """How far changes (H, W, 3) are one and the same: the length of their mean, as a share of their mean length."""
    return float(np.linalg.norm(change.mean((0, 1))) / np.linalg.norm(change, axis=-1).mean())


def weights(difference: np.ndarray, rule: RegionRule = RegionRule()) -> np.ndarray:
    """`changed_region` of a difference map, float (H, W) in 0 ... 255."""
    smooth = _smoothed(difference.astype(np.float32), rule.smooth)
    wobble = min(2 * float(np.quantile(smooth, 0.25)), rule.most_wobble)
    weak, strong = (max(bound, times * wobble) for bound, times in zip((rule.weak, rule.strong), rule.over_wobble, strict=True))
    part = parts(smooth > weak)
    counts = np.bincount(part.ravel(), minlength=part.size + 1)
    seeds = np.bincount(part.ravel(), weights=(smooth > strong).ravel(), minlength=part.size + 1)
    kept = (counts >= rule.speck) & (seeds > 0)
    kept[0] = False
    region = shrunk(grown(kept[part], rule.close), rule.close)
    region = grown(region, rule.grow)
    # As many steps as pixels of feather; beyond the picture's edge the region goes on, so it is not feathered there.
    steps = [region, *(shrunk(region, radius) for radius in range(1, rule.feather + 1))]
    return np.mean(steps, axis=0, dtype=np.float32)


def parts(region: np.ndarray) -> np.ndarray:
    """Every pixel of a bool (H, W) map with the number, from 1 on, of the part it hangs together with; 0 outside.

    Pixels that touch, corners included, belong together; the numbers have gaps.
    """
    far = region.size
    label = np.where(region, np.arange(far).reshape(region.shape), far)
    while True:
        lowest = np.where(region, _neighbours(label, 1, far).min(axis=0), far)
        lowest = np.append(lowest, far)[lowest]  # take over what the pixel pointed at has found: halves the way to go
        if np.array_equal(lowest, label):
            return np.where(region, label + 1, 0)
        label = lowest


def grown(region: np.ndarray, radius: int) -> np.ndarray:
    """A bool (H, W) map with every pixel spread to a disc of `radius`."""
    return _neighbours(region, radius, False, round=True).any(axis=0)


def shrunk(region: np.ndarray, radius: int) -> np.ndarray:
    """The pixels whose disc of `radius` lies in the region, or beyond the picture's edge."""
    return ~grown(~region, radius)


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


def bound(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A mask that people drew, mode "L": 255 where an edit may go, 0 where nothing may change, an even blend between.

    Raises PictureError for anything but a picture of `size` (width, height) without transparency.
    """
    if not isinstance(mask, Image.Image):
        raise PictureError(f"a mask is a PIL image, not {type(mask).__name__}; give one of mode L, white where an edit may go")
    if mask.has_transparency_data:
        raise PictureError("the mask is transparent; give its alpha channel, or white where an edit may go on black")
    if mask.size != size:
        raise PictureError("the mask is {}x{} and the picture {}x{}; give a mask of the picture's size".format(*mask.size, *size))
    return mask.convert("L")


def within(mask: Image.Image, original: Image.Image, edited: Image.Image, changed: Image.Image) -> tuple[Image.Image, Image.Image]:
    """An edited picture and its region held to a `bound`: where that is 0 the picture equals the original bit for bit."""
    picture = Image.composite(edited, original, mask)
    picture.info = dict(original.info)
    return picture, ImageChops.darker(changed, mask.point(lambda value: 255 if value else 0))


def box(mask: Image.Image) -> list[int] | None:
    """[left, top, right, bottom] of a region in pixels, right and bottom exclusive; None for an empty one."""
    found = mask.getbbox()
    return list(found) if found else None


def _neighbours(values: np.ndarray, radius: int, beyond: int | bool, round: bool = False) -> np.ndarray:
    """(K, H, W): the map as seen from every offset of a square, or a disc, around a pixel; `beyond` outside the picture."""
    height, width = values.shape
    padded = np.pad(values, radius, constant_values=beyond)
    offsets = range(2 * radius + 1)
    inside = ((y, x) for y in offsets for x in offsets if not round or (y - radius) ** 2 + (x - radius) ** 2 <= radius**2)
    return np.stack([padded[y : y + height, x : x + width] for y, x in inside])


def _smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur, edges replicated."""
    reach = int(3 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / sigma) ** 2)
    for _ in range(2):  # along one axis, then, transposed, along the other
        padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
        values = sum(weight * padded[k : k + len(values)] for k, weight in enumerate(kernel / kernel.sum())).T
    return values
