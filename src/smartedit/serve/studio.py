"""What the page can do, without the page: open a picture, make a sample scene, edit, write a file to take home."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from smartedit import asking, images, provenance
from smartedit.errors import PictureError, SmartEditError
from smartedit.provenance import Edit
from smartedit.serve.history import Entry, History
from smartedit.serve.stepping import Step, stepping
from smartedit.world.pairs import make_pairs
from smartedit.world.splits import SEEDS

#: Largest picture the page takes, in pixels: a visit keeps dozens of them.
MOST_PIXELS = 16_000_000

#: Most candidates of one edit.
MOST_CANDIDATES = 4

#: Seconds that a written file waits to be taken home.
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Wish:
    """How an edit is to be made: `seed` None draws one, `mask` ("L", the picture's size) bounds it, white may be edited."""

    steps: int
    guidance_scale: float
    image_guidance_scale: float
    count: int = 1
    seed: int | None = None
    keep_outside: bool = True
    mask: Image.Image | None = None

    def settings(self) -> dict:
        """What the pipeline is called with beside words, picture, seed and mask."""
        return {"num_inference_steps": asking.steps(self.steps), "guidance_scale": self.guidance_scale,
                "image_guidance_scale": self.image_guidance_scale, "keep_outside": self.keep_outside}  # fmt: skip


class Studio:
    """One loaded pipeline, the name and digest of its weights, and a folder for files to take home."""

    def __init__(self, pipe, model: str, weights: str = "") -> None:
        self.pipe, self.model, self.weights = pipe, model, weights
        self._home = tempfile.TemporaryDirectory(prefix="smartedit-")

    def open(self, path: str, name: str | None = None) -> History:
        """The history of a picture file called `name`; PictureError, in words, for anything else."""
        picture = images.open(path)
        if picture.width * picture.height > MOST_PIXELS:
            raise PictureError(f"the picture has {picture.width}x{picture.height} pixels, at most {MOST_PIXELS // 1_000_000} million "
                               "fit on this page; scale it down, or use: smartedit edit")  # fmt: skip
        return History.of(picture, Path(name or path).stem or "picture", provenance.read(path))

    def sample(self) -> tuple[History, list[str]]:
        """A rendered scene that the model has not been trained on, and instructions that make sense in it."""
        pairs: list = []
        while not pairs:
            pairs = make_pairs("validation", random.randrange(len(SEEDS["validation"])))
        return History.of(Image.fromarray(pairs[0].before), "scene"), [pair.instruction for pair in pairs]

    def edit(self, history: History, words: str, wish: Wish) -> Iterator[Step | History]:
        """Edit the input: yields the steps on the way, last the history with the results.

        Raises InstructionError or SmartEditError, in words, for what cannot be done.
        """
        words = asking.instruction(words)
        if not 1 <= wish.count <= MOST_CANDIDATES:
            raise SmartEditError(f"candidates is {wish.count}; give a number from 1 to {MOST_CANDIDATES}")
        settings = wish.settings()
        call = settings if wish.mask is None else {**settings, "mask_image": wish.mask}
        for news in stepping(self.pipe, [words] * wish.count, history.input.picture, seed=wish.seed, **call):
            yield news if isinstance(news, Step) else history.grown(self._entries(news, words, settings, wish))

    def restored(self, square: Image.Image, original: Image.Image) -> Image.Image:
        """A picture on the model's square in the shape of the one that it comes from."""
        return images.restore(square, images.fit(original, self.pipe.config.picture_size))

    def write(self, history: History, ending: str = ".png") -> Path:
        """The result looked at, or else the input, as a file that notes inside how it was made."""
        self._sweep()
        number = history.at if history.shown is None else history.shown
        edits = history.edits(number)
        name = images.printable(history.name).replace("/", "-")[:80] + ("-edited" if edits else "")
        return provenance.save(history.entries[number].picture, Path(tempfile.mkdtemp(dir=self._home.name)) / (name + ending), edits)

    def _entries(self, output, words: str, settings: dict, wish: Wish) -> list[Entry]:
        noted = settings if wish.mask is None else {**settings, "mask": True}
        edits = [Edit(words, seed, self.model, self.weights, reply, noted) for seed, reply in zip(output.seed, output.reply, strict=True)]
        rows = zip(output.images, edits, output.region, output.notes, strict=True)
        return [Entry(0, picture, edit=edit, region=region, notes=tuple(notes)) for picture, edit, region, notes in rows]

    def _sweep(self) -> None:
        """Remove files that nobody took home in time."""
        for folder in Path(self._home.name).iterdir():
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
