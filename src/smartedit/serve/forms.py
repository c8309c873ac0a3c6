"""From the fields of a form to a checked request: counts and sizes first, then the bytes, the pictures last."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import File, Form, UploadFile
from PIL import Image, ImageChops

from smartedit import asking, images, region
from smartedit.errors import PictureError
from smartedit.serve.answers import ApiError, Style
from smartedit.serve.limits import Limits
from smartedit.serve.tickets import Asked

# No postponed annotations here: FastAPI reads those of `EditForm` as they are.

#: Most candidates a picture.
CANDIDATES = 10

#: Decodes pictures: never more than two at a time, so that many uploads do not fill the memory.
DECODERS = ThreadPoolExecutor(2, "smartedit-decode")

#: One upload, and several under one name.
Upload, Uploads = UploadFile, list[UploadFile]


@dataclass(frozen=True)
class EditForm:
    """The fields of `POST /v1/images/edits`. Those that only choose a hosted model's price or tone are taken and ignored."""

    prompt: Annotated[str, Form(max_length=asking.LONGEST, description="what to change, in words")]
    image: Annotated[Uploads, File(description="the picture to edit")] = ()
    images: Annotated[Uploads, File(alias="image[]", description="several pictures, each edited alike")] = ()
    mask: Annotated[Upload | None, File(description="transparent where an edit may go; of the picture's size")] = None
    model: Annotated[str | None, Form()] = None
    n: Annotated[int, Form(ge=1, le=CANDIDATES, description="candidates a picture")] = 1
    size: Annotated[str, Form(pattern=r"^(auto|[1-9]\d{0,4}x[1-9]\d{0,4})$", description="auto, or of the picture's proportions")] = "auto"
    response_format: Annotated[Literal["b64_json", "url"], Form(description="url gives a data: URL")] = "b64_json"
    output_format: Annotated[Literal["png", "jpeg", "webp"], Form()] = "png"
    output_compression: Annotated[int, Form(ge=0, le=100)] = 100
    stream: Annotated[bool, Form()] = False
    partial_images: Annotated[int, Form(ge=0, le=3)] = 0
    seed: Annotated[int | None, Form(ge=0, le=asking.LARGEST_SEED)] = None
    num_inference_steps: Annotated[int | None, Form(ge=1, le=100)] = None
    guidance_scale: Annotated[float | None, Form(ge=0, le=asking.MOST_GUIDANCE)] = None
    image_guidance_scale: Annotated[float | None, Form(ge=0, le=asking.MOST_GUIDANCE)] = None

    @property
    def style(self) -> Style:
        """How the answer sends its pictures."""
        return Style(self.output_format, self.output_compression, self.response_format == "url")

    async def read(self, limits: Limits) -> tuple[Asked, str]:
        """The checked request and a digest of all that it says, by which repetitions are known.

        Raises ApiError, PictureError or InstructionError.
        """
        asking.instruction(self.prompt)
        uploads = [*self.image, *self.images]
        if not 1 <= len(uploads) <= limits.pictures:
            raise ApiError(400, f"{len(uploads)} pictures came; send 1 to {limits.pictures} as image or image[]", "invalid_image", "image")
        files = [await upload.read() for upload in uploads]
        mask = None if self.mask is None else await self.mask.read()
        digest = hashlib.blake2b(repr(self._settings()).encode())
        for data in (*files, mask or b""):
            digest.update(hashlib.blake2b(data).digest())
        asked = await asyncio.get_running_loop().run_in_executor(DECODERS, self._asked, files, mask, limits.pixels)
        return asked, digest.hexdigest()

    def _settings(self) -> list[tuple[str, object]]:
        return [(name, value) for name, value in sorted(vars(self).items()) if name not in ("image", "images", "mask")]

    def _asked(self, files: Sequence[bytes], mask: bytes | None, pixels: int) -> Asked:
        pictures = [images.decode(data, f"picture {number}", pixels) for number, data in enumerate(files, 1)]
        bound = None if mask is None else _bound(mask, pictures, pixels)
        if self.size != "auto":
            width, height = map(int, self.size.split("x"))
            scale = _scaled((width, height), pixels)
            pictures, bound = [scale(picture) for picture in pictures], bound and scale(bound)
        first = secrets.randbelow(2**31) if self.seed is None else self.seed
        every = [picture for picture in pictures for _ in range(self.n)]
        return Asked(
            self.prompt, every, [first + number for number in range(len(every))], bound,
            self.num_inference_steps, self.guidance_scale, self.image_guidance_scale, self.partial_images if self.stream else 0,
        )  # fmt: skip


def _bound(mask: bytes, pictures: list[Image.Image], pixels: int) -> Image.Image:
    """White where the mask is transparent."""
    try:
        white = ImageChops.invert(images.decode_alpha(mask, "the mask", pixels))
        for picture in pictures:
            region.bound(white, picture.size)
        return white
    except PictureError as error:
        raise ApiError.of(error, "mask") from error


def _scaled(size: tuple[int, int], pixels: int) -> Callable[[Image.Image], Image.Image]:
    """A function that brings pictures and masks to `size`; their proportions must be those of `size`, to a pixel."""
    if size[0] * size[1] > pixels:
        raise ApiError(400, "size {}x{} is too large; at most {} pixels are edited".format(*size, pixels), "invalid_size", "size")

    def scale(picture: Image.Image) -> Image.Image:
        wanted = size[0] * picture.height / picture.width
        if abs(wanted - size[1]) > max(1, size[0] / picture.width, size[1] / picture.height):
            message = "size {}x{} has not the proportions of the picture, {}x{}; give size=auto to keep them"
            raise ApiError(400, message.format(*size, *picture.size), "invalid_size", "size")
        how = Image.Resampling.NEAREST if picture.mode == "L" else Image.Resampling.LANCZOS
        scaled = picture.resize(size, how)
        scaled.info = dict(picture.info)
        return scaled

    return scale
