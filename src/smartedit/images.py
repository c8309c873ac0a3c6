"""Every pixel convention: open, orient, fit, restore, save (Pillow and numpy, no torch).

A picture is an upright 8-bit RGB `PIL.Image` of any size. `fit` brings it to the size a model works at, in one of three
ways (`FITS`), of which the first two keep its proportions; `restore` undoes it.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from smartedit.errors import PictureError

#: Largest picture that is opened, in pixels; checked from the header, before anything is decoded.
MAX_PIXELS = 64_000_000

#: Formats that are opened. A short list keeps decoders that start other programs (EPS) out.
READABLE = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "TGA", "JPEG2000")

#: File endings that can be written, and Pillow's name and options for them.
WRITABLE = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"lossless": True}),
}

#: Ways to bring a picture to a working size: the longer side to it on a square of replicated edges; the shorter side to it,
#: the longer one to what that makes, edges replicated up to whole cells of the latents; squashed to a square, as published.
FITS = ("pad", "shorter", "squash")

#: With "shorter", how many times its shorter side the longer side of a working picture is at most; beyond that it is padded.
LONGEST_SHAPE = 4

#: CLIP's own normalisation of pictures in [0, 1].
VIEW_MEAN, VIEW_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Fitted:
    """A picture brought to the size a model works at.

    `working` is what is edited; `box` (left, top, right, bottom) is where the picture lies in it, the rest being replicated
    edges; `square` is what the vision tower is shown: `working` padded to a square, or, squashed, the picture as it came,
    which is `original`.
    """

    working: Image.Image
    box: tuple[int, int, int, int]
    original: Image.Image
    square: Image.Image


def open(path: str | os.PathLike) -> Image.Image:
    """The picture in a file: upright, 8-bit RGB, the first frame if it moves, transparency laid on white.

    Raises PictureError, in words, for anything that is not a whole picture of at most `MAX_PIXELS`.
    """
    path = Path(path)
    _check_file(path)
    return _read(path, path.name, upright)


def decode(data: bytes, name: str = "the picture", most: int = MAX_PIXELS) -> Image.Image:
    """`open` for the bytes of a file, called `name` in errors, of at most `most` pixels."""
    return _read(_some(data, name), name, upright, most)


def decode_alpha(data: bytes, name: str = "the mask", most: int = MAX_PIXELS) -> Image.Image:
    """The alpha channel of the bytes of a picture file, upright, mode "L"; PictureError if it has none."""
    return _read(_some(data, name), name, _alpha, most)


def upright(picture: Image.Image) -> Image.Image:
    """Any Pillow picture as upright 8-bit RGB, its first frame decoded; 16-bit, CMYK, palette and alpha are converted.

    Raises PictureError for a picture without pixels or with more than `MAX_PIXELS`.
    """
    _check_size(picture, "the picture")
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA") else None
    picture.load()
    picture = _to_rgb(_turned(picture))
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


def fit(picture: Image.Image, size: int, how: str = "pad", cell: int = 8) -> Fitted:
    """The picture at working size `size` in pixels, a multiple of `cell`, the pixels that one cell of the latents spans.

    `how` is one of `FITS`. Sides of `working` are multiples of `cell`.
    """
    picture = upright(picture)
    if how == "squash":
        return Fitted(picture.resize((size, size), Image.Resampling.BICUBIC), (0, 0, size, size), picture, picture)
    longer = max(picture.size)
    counts = max(min(picture.size), longer / LONGEST_SHAPE) if how == "shorter" else longer  # the side that becomes `size`
    width, height = (max(1, round(side * size / counts)) for side in picture.size)
    inner = picture.resize((width, height), Image.Resampling.LANCZOS)
    frame = tuple(max(size, -(-side // cell) * cell) for side in (width, height))
    left, top = ((whole - side) // 2 for whole, side in zip(frame, (width, height), strict=True))
    working = padded(inner, (left, top), frame)
    side = max(frame)
    offset = tuple((side - length) // cell // 2 * cell for length in frame)
    return Fitted(working, (left, top, left + width, top + height), picture, padded(working, offset, (side, side)))


def padded(picture: Image.Image, offset: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """The picture at `offset` (left, top) on a canvas of `size` (width, height), its edges replicated outwards."""
    (left, top), (width, height) = offset, size
    edges = ((top, height - top - picture.height), (left, width - left - picture.width), (0, 0))
    return Image.fromarray(np.pad(np.asarray(picture), edges, mode="edge"))


def restore(edited: Image.Image, fitted: Fitted) -> Image.Image:
    """An edited working picture, at any scale, cut and scaled back to the shape of the picture that `fitted` came from.

    Works on RGB pictures and on masks of mode "L" and "F".
    """
    scale = edited.width / fitted.working.width
    box = tuple(edge * scale for edge in fitted.box)
    if edited.size == fitted.original.size and fitted.box == (0, 0, *fitted.working.size):
        return edited.copy()
    smooth = Image.Resampling.BICUBIC if edited.mode == "RGB" else Image.Resampling.BILINEAR
    return edited.resize(fitted.original.size, smooth, box=box)


def to_array(picture: Image.Image) -> np.ndarray:
    """An RGB picture as float32 (3, H, W) in [-1, 1], the way the autoencoder reads it."""
    return np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1


def from_array(values: np.ndarray) -> Image.Image:
    """The picture of a float array (3, H, W); values beyond [-1, 1] are clipped."""
    return Image.fromarray(((values.transpose(1, 2, 0).clip(-1, 1) + 1) * 127.5).round().astype(np.uint8))


def view(square: Image.Image, size: int) -> np.ndarray:
    """A picture, squashed if it is not square, as the vision tower sees it: float32 (3, size, size), normalised for CLIP."""
    small = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255
    return ((small - np.float32(VIEW_MEAN)) / np.float32(VIEW_STD)).transpose(2, 0, 1)


def save(picture: Image.Image, path: str | os.PathLike, exif: bytes = b"") -> Path:
    """Write a picture so that the file is either whole or not there; returns its path. `exif` goes into the file.

    Raises PictureError for a missing folder, a place that cannot be written, or an ending other than `WRITABLE`.
    """
    path = Path(path)
    kind, options = check_writable(path)
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        picture.save(half, format=kind, icc_profile=picture.info.get("icc_profile"), exif=exif, **options)
        half.replace(path)
    except OSError as error:
        raise PictureError(f"cannot write {path} ({error.strerror or first_line(error)}); choose another place with -o") from error
    finally:
        half.unlink(missing_ok=True)
    return path


def check_writable(path: str | os.PathLike) -> tuple[str, dict]:
    """Pillow's format and options for a path, after checking, before any work, that it can be written.

    Raises PictureError with the reason when it cannot.
    """
    path = Path(path)
    if path.is_dir():
        raise PictureError(f"{path} is a folder; name a file in it, such as {path / 'edited.png'}")
    if path.suffix.lower() not in WRITABLE:
        raise PictureError(f"cannot write {path.name}: unknown ending; use one of {', '.join(WRITABLE)}")
    if not path.parent.is_dir():
        raise PictureError(f"there is no folder {path.parent}; make it first or choose another place with -o")
    if not os.access(path.parent, os.W_OK):
        raise PictureError(f"folder {path.parent} cannot be written; choose another place with -o")
    return WRITABLE[path.suffix.lower()]


def _read(source: Path | io.BytesIO, name: str, convert: Callable[[Image.Image], Image.Image], most: int = MAX_PIXELS) -> Image.Image:
    try:
        with warnings.catch_warnings():
            Image.init()  # formats may only be named once their plugins are loaded
            warnings.simplefilter("ignore")  # Pillow's own size warning: the limit here is lower and is an error
            with Image.open(source, formats=READABLE) as picture:
                _check_size(picture, name, most)
                return convert(picture)
    except PictureError:
        raise
    except Image.UnidentifiedImageError as error:
        raise PictureError(f"{name} is not a picture that can be read; give a PNG, JPEG, WebP, GIF, BMP or TIFF") from error
    except Image.DecompressionBombError as error:
        raise PictureError(_too_large(name, most)) from error
    except Exception as error:  # decoders raise whatever comes to hand on damaged data
        raise PictureError(f"{name} is damaged or incomplete ({first_line(error)}); save it again and retry") from error


def _some(data: bytes, name: str) -> io.BytesIO:
    if not data:
        raise PictureError(f"{name} is empty; give another picture")
    return io.BytesIO(data)


def _alpha(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        raise PictureError("the mask has no transparency; give a PNG that is transparent where an edit may go")
    return _turned(picture).convert("RGBA").getchannel("A")


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder; give one picture")
        if not path.exists():
            raise PictureError(f"there is no picture {printable(path)}; check the path")
        if not path.is_file():
            raise PictureError(f"{path} is not an ordinary file; give a picture file")
        if path.stat().st_size == 0:
            raise PictureError(f"{path.name} is empty; give another picture")
    except (OSError, ValueError) as error:  # a name too long, a null byte in it, a folder that may not be entered
        raise PictureError(f"cannot read {printable(path)} ({first_line(error)}); check the path") from error


def _check_size(picture: Image.Image, name: str, most: int = MAX_PIXELS) -> None:
    if picture.width * picture.height > most:
        raise PictureError(_too_large(f"{name} ({picture.width}x{picture.height})", most))
    if not picture.width * picture.height:
        raise PictureError(f"{name} has no pixels; give another picture")


def _too_large(name: str, most: int) -> str:
    return f"{name} is too large, at most {most / 1_000_000:.3g} million pixels are opened; scale it down first"


def printable(text: object) -> str:
    """A path or a word as one line of at most 120 characters that no terminal trips over."""
    return "".join(c if c.isprintable() else "?" for c in str(text))[:120]


def first_line(error: Exception) -> str:
    """The first line of what an error says, at most 80 characters."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])[:80]


def _turned(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # unreadable EXIF says nothing about the pixels
        return picture.copy()


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return _eight_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A deep grey picture as 8 bits: 16-bit values over 257, other ranges over the smallest fitting full scale."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float64)).clip(0)
    top = float(values.max(initial=0))
    scales = (65535.0,) if picture.mode.startswith("I;16") else (255.0, 65535.0) if picture.mode == "I" else (1.0, 255.0)
    full = next((scale for scale in scales if top <= scale), top)
    return Image.fromarray((values * (255.0 / full)).round().astype(np.uint8))
