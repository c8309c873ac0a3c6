"""Who is measured: any callable (picture, instruction, seed) -> picture, and how to get the well-known ones by name.

This room knows no model of this package: those are handed in as entrants like every other editor.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from smartedit import images
from smartedit.bench.cases import Case
from smartedit.bench.oracles import ORACLES, Oracle, named
from smartedit.bench.reason_edit import LAYOUT
from smartedit.errors import MissingExtra, ModelError, PictureError, SmartEditError

#: What is measured: (picture, instruction, seed) -> picture of the same size.
Editor = Callable[[Image.Image, str, int], Image.Image]


@dataclass(frozen=True)
class Entrant:
    """An editor that takes part: its name in tables and folders, how to open it, and the settings it was given.

    `open` is called once in each process and must be picklable where there are several. `settings` is plain JSON, kept
    with the results. With `sees_case` the editor is called with (case, seed): it may look at the truth.
    """

    name: str
    open: Callable[[], Editor | Oracle]
    settings: Mapping = field(default_factory=dict)
    sees_case: bool = False

    @classmethod
    def of(cls, name: str, editor: Editor, **settings) -> Entrant:
        """A callable as an entrant; it runs in other processes only if it can be pickled."""
        return cls(name, partial(_itself, editor), settings)


def _itself(editor: Editor) -> Editor:
    return editor


@dataclass(frozen=True)
class DiffusersEditor:
    """A diffusers pipeline that edits by instruction: where it is, the side of its pictures, and its call's settings."""

    repo: str
    size: int = 512
    call: Mapping = field(default_factory=dict)

    def __call__(self) -> Editor:
        """Load the pipeline. Raises ModelError when it is neither on disk nor to be downloaded."""
        import torch
        from diffusers import DiffusionPipeline

        gpu = torch.cuda.is_available()
        try:
            pipe = DiffusionPipeline.from_pretrained(self.repo, torch_dtype=torch.bfloat16 if gpu else torch.float32)
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.repo} cannot be loaded ({images.first_line(error)}); download it once, or give diffusers:FOLDER") from error
        pipe.set_progress_bar_config(disable=True)
        return partial(self._edit, pipe.to("cuda" if gpu else "cpu"))

    def _edit(self, pipe, picture: Image.Image, instruction: str, seed: int) -> Image.Image:
        """The picture is scaled to a square without squashing it, edited there, and scaled back."""
        import torch

        fitted = images.fit(picture, self.size)
        generator = torch.Generator("cpu").manual_seed(seed)
        result = pipe(prompt=instruction, image=fitted.square, generator=generator, **self.call).images[0]
        return images.restore(result.convert("RGB"), fitted)


#: The settings of InstructPix2Pix and those that were trained from it.
_TWO_SCALES = {"num_inference_steps": 100, "guidance_scale": 7.5, "image_guidance_scale": 1.5}

#: Name -> published editors. InstructDiffusion has no weights in this format; convert them and use `diffusers:FOLDER`.
PUBLISHED: dict[str, DiffusersEditor] = {
    "instruct-pix2pix": DiffusersEditor("timbrooks/instruct-pix2pix", 512, _TWO_SCALES),
    "magicbrush": DiffusersEditor("vinesmsuic/magicbrush-jul7", 512, _TWO_SCALES),
    "qwen-image-edit": DiffusersEditor(
        "Qwen/Qwen-Image-Edit-2511", 1024, {"num_inference_steps": 40, "true_cfg_scale": 4.0, "negative_prompt": " "}
    ),
    "flux-kontext": DiffusersEditor(
        "black-forest-labs/FLUX.1-Kontext-dev", 1024, {"num_inference_steps": 28, "guidance_scale": 2.5}
    ),
}


@dataclass(frozen=True)
class HttpEditor:
    """Any server that speaks OpenAI's `images/edits`; the key is taken from OPENAI_API_KEY."""

    model: str
    url: str

    def __call__(self) -> Editor:
        """Make the client; nothing is asked yet. Raises MissingExtra without the `openai` package."""
        try:
            from openai import OpenAI
        except ImportError as error:
            raise MissingExtra("openai", "bench") from error
        return partial(self._edit, OpenAI(base_url=self.url, api_key=os.environ.get("OPENAI_API_KEY", "none")))

    def _edit(self, client, picture: Image.Image, instruction: str, seed: int) -> Image.Image:
        """The answer is scaled back to the picture's size, as such servers answer in sizes of their own."""
        data = io.BytesIO()
        picture.save(data, "PNG")
        asked = {"model": self.model, "image": ("picture.png", data.getvalue(), "image/png"), "prompt": instruction}
        answer = client.images.edit(**asked, extra_body={"seed": seed, "response_format": "b64_json"})
        result = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))).convert("RGB")
        return result if result.size == picture.size else result.resize(picture.size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class PicturesEditor:
    """Pictures that somebody's script has written: `DIR/ID.png`, or the published folders with the input's name."""

    folder: Path

    def __call__(self) -> Oracle:
        """Raises PictureError when there is no such folder."""
        if not self.folder.is_dir():
            raise PictureError(f"there is no folder {self.folder}; check pictures:DIR")
        return self._find

    def _find(self, case: Case, seed: int) -> Image.Image | None:
        published = f"*{LAYOUT[case.group][0]}*/{case.id.removeprefix(f'{case.group}-')}" if case.group in LAYOUT else case.id
        for pattern in (case.id, published):
            for path in sorted(self.folder.glob(f"{pattern}.*")):
                if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
                    return images.open(path)
        return None


def built_in(spec: str) -> Entrant | None:
    """The entrant that a word names: an oracle, a published editor, `diffusers:FOLDER`, `openai:MODEL@URL`, `pictures:DIR`.

    None for other words. Raises SmartEditError when what comes after the colon makes no sense.
    """
    if spec in ORACLES:
        return Entrant(spec, partial(named, spec), sees_case=True)
    if spec in PUBLISHED:
        return Entrant(spec, PUBLISHED[spec], {"repo": PUBLISHED[spec].repo, **PUBLISHED[spec].call})
    kind, _, rest = spec.partition(":")
    if kind == "diffusers" and rest:
        return Entrant(Path(rest).name, DiffusersEditor(rest), {"repo": rest})
    if kind == "pictures" and rest:
        return Entrant(Path(rest).name, PicturesEditor(Path(rest)), {"folder": Path(rest).name}, sees_case=True)
    if kind == "openai":
        model, at, url = rest.partition("@")
        if not (model and at and url.startswith("http")):
            raise SmartEditError(f"{spec} names no server; write openai:MODEL@http://HOST/v1")
        return Entrant(model.replace("/", "-"), HttpEditor(model, url), {"model": model, "url": url})
    return None
