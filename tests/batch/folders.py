"""A folder of pictures, broken ones among them, and an editor that needs no model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from made_pictures import noise_picture
from PIL import Image, ImageOps

from smartedit.batch.run import Task
from smartedit.provenance import Edit

#: Names of pictures that cannot be read, and what is in them.
BROKEN = {"empty.png": b"", "words.jpg": b"Dear picture,\n", "headless.jpg": b"\xff\xd8\xff\xe0" + bytes(400), "zeros.webp": bytes(99)}


def negative(instruction: str, picture: Image.Image, seed: int) -> SimpleNamespace:
    """An editor: the negative of the picture."""
    return SimpleNamespace(images=[ImageOps.invert(picture)], reply=[f"{instruction} ({seed})"])


def fill(folder: Path, good: int, broken: int = 0) -> list[str]:
    """Write so many pictures into a folder and its sub-folders; the names of those that cannot be read."""
    for number in range(good):
        path = folder / ("", "left", "left/far")[number % 3] / f"{number:02d}.{('png', 'jpg', 'webp', 'bmp')[number % 4]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_picture(12 + number, 9).save(path)
    names = [f"{number}-{name}" for number, name in zip(range(broken), list(BROKEN) * 2, strict=False)]
    for name in names:
        (folder / name).write_bytes(BROKEN[name.split("-")[1]])
    return names


TASK = Task(Edit("", 0, "negative", "0" * 16, settings={"num_inference_steps": 1}))


def load():
    """The editor, as a run loads it."""
    return negative
