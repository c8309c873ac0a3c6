"""Where a picture comes from: the edits that made it, written inside its file and read back (Pillow, no torch).

They are JSON in the EXIF field UserComment, beside the field Software: the one place that PNG, JPEG and WebP share and
that `exiftool` and most picture viewers show.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from PIL import ExifTags, Image

import smartedit
from smartedit import images

#: What the standard puts before a comment in ASCII.
_ASCII = b"ASCII\0\0\0"


@dataclass(frozen=True)
class Edit:
    """One edit: enough to make it again from the picture before it.

    `model` is a name, `weights` the digest of its files; `settings` holds what the pipeline was called with beside the
    instruction and the seed, and `"mask": True` where a painted mask bounded the edit (the mask itself is not kept).
    """

    instruction: str
    seed: int
    model: str
    weights: str = ""
    reply: str = ""
    settings: dict = field(default_factory=dict)

    def same_work(self, other: Edit) -> bool:
        """Whether both ask for the same; what the model replied is not compared."""
        return all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self) if f.name != "reply")


def save(picture: Image.Image, path: str | os.PathLike, edits: Sequence[Edit]) -> Path:
    """Write a picture like `images.save`, with the edits that made it, first to last, inside the file."""
    return images.save(picture, path, exif=_exif(edits))


def read(path: str | os.PathLike) -> list[Edit]:
    """The edits noted inside a picture file, first to last; none for a file that notes none or is no picture."""
    try:
        with Image.open(path, formats=images.READABLE) as picture:
            comment = picture.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        return [Edit(**edit) for edit in json.loads(comment.removeprefix(_ASCII))["edits"]]
    except Exception:  # a foreign comment may hold anything, a damaged file raises anything
        return []


def _exif(edits: Sequence[Edit]) -> bytes:
    exif = Image.Exif()
    software = f"smartedit {smartedit.__version__}"
    exif[ExifTags.Base.Software] = software
    told = {"software": software, "edits": [asdict(edit) for edit in edits]}
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + json.dumps(told).encode("ascii")
    return exif.tobytes()
