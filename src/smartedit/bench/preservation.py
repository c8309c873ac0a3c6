"""How much of the rest was kept: PSNR, SSIM and MSE outside the mask, by two protocols, both at 256 x 256.

`strict` is the arithmetic behind Reason-Edit's published numbers; `fixed` mends it:

    |           | strict                                           | fixed                                             |
    |-----------|--------------------------------------------------|---------------------------------------------------|
    | resize    | pictures bicubic, mask nearest, both squashed    | the same                                          |
    | mask      | gray values as weights, JPEG specks included     | white from 128 on                                 |
    | edit area | black in both pictures                           | the source's own pixels in both                   |
    | mean      | over all pixels, the black ones included         | over the pixels outside the mask only             |
    | PSNR of a copy | infinite                                    | 100 dB, the most that is given                    |
    | CLIP crop | box of mask > 0, last row and column lost        | box of the white mask, grown to a square          |

A copy of the input is perfect by both: they say nothing about whether the edit was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case
from smartedit.errors import MissingExtra

SIZE = 256
#: The fixed protocol's PSNR of a perfect copy, dB: about one value of one pixel wrong by one.
MOST_PSNR = 100.0


@dataclass(frozen=True)
class Prepared:
    """A case and a result as a protocol looks at them.

    `source` and `result` are float32 (256, 256, 3) in [0, 1] with the edit area made equal, `kept` bool (256, 256) the
    pixels that means run over, `crop` the (left, top, right, bottom) box of `square`, the whole result as a 256 px
    picture, that CLIP sees; None for an empty mask.
    """

    source: np.ndarray
    result: np.ndarray
    kept: np.ndarray
    square: Image.Image
    crop: tuple[int, int, int, int] | None


def strict(case: Case, result: Image.Image) -> Prepared:
    """As the published script sees them. The case needs a mask."""
    source, result = _square(case.picture), _square(result)
    soft = case.soft_mask if case.soft_mask is not None else case.mask.astype(np.uint8) * 255
    mask = np.asarray(Image.fromarray(soft).resize((SIZE, SIZE), Image.Resampling.NEAREST))
    keep = (1 - mask.astype(np.float32) / 255)[..., None]
    rows, columns = np.nonzero(mask)
    crop = (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())) if len(rows) else None
    if crop and (crop[0] == crop[2] or crop[1] == crop[3]):
        crop = None  # a box of one row or column has no pixel left
    return Prepared(_unit(source) * keep, _unit(result) * keep, np.ones((SIZE, SIZE), bool), result, crop)


def fixed(case: Case, result: Image.Image) -> Prepared:
    """With the faults mended. The case needs a mask."""
    source, result = _square(case.picture), _square(result)
    mask = np.asarray(Image.fromarray(case.mask.astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.NEAREST)) > 0
    before = _unit(source)
    return Prepared(before, np.where(mask[..., None], before, _unit(result)), ~mask, result, _square_box(mask))


PROTOCOLS = {"strict": strict, "fixed": fixed}


def measure(prepared: Prepared, most_psnr: float = inf) -> dict[str, float]:
    """`mse`, `psnr` in dB and `ssim` of one case; nothing where the mask leaves no pixel.

    SSIM is torchmetrics' (Gaussian 11 x 11, sigma 1.5), its mean as `kept` says. Raises MissingExtra without torchmetrics.
    """
    if not prepared.kept.any():
        return {}
    mse = float(np.square(prepared.source - prepared.result)[prepared.kept].mean(dtype=np.float64))
    psnr = min(-10 * log10(mse), most_psnr) if mse else most_psnr
    return {"mse": mse, "psnr": psnr, "ssim": _ssim(prepared)}


def _ssim(prepared: Prepared) -> float:
    import torch

    try:
        from torchmetrics.functional.image import structural_similarity_index_measure as ssim
    except ImportError as error:
        raise MissingExtra("torchmetrics", "bench") from error
    pair = (torch.from_numpy(values).permute(2, 0, 1)[None] for values in (prepared.result, prepared.source))
    if prepared.kept.all():
        return float(ssim(*pair, data_range=1.0))
    _, whole = ssim(*pair, data_range=1.0, return_full_image=True)
    return float(whole[0].mean(0)[torch.from_numpy(prepared.kept)].mean())


def _square(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def _unit(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32) / 255


def _square_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """The smallest square within the picture that holds the mask's box, as near its middle as possible."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    side = max(right - left, bottom - top)
    x = int(np.clip((left + right - side) // 2, 0, SIZE - side))
    y = int(np.clip((top + bottom - side) // 2, 0, SIZE - side))
    return x, y, x + int(side), y + int(side)
