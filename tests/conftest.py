"""What every test may use: quiet libraries, few threads, made-up pictures."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

settings.register_profile("house", deadline=None, max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True)
settings.load_profile("house")


def noise_picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of independent random bytes: any change to any pixel shows."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def photo_like(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A picture with the statistics of a photograph: 1/f structure in correlated colours, and sensor noise."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / max(width, height)) ** 1.1
    shape = (3, height, width)
    waves = np.fft.ifft2(amplitude * np.fft.fft2(rng.normal(size=shape))).real
    grey = waves[:1] + 0.35 * waves
    grey = (grey - grey.mean()) / grey.std()
    values = 120 + 48 * grey + rng.normal(size=shape) * 4
    return Image.fromarray(values.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


@pytest.fixture
def picture_file(tmp_path):
    """A function that saves a picture under a name and gives the path."""

    def save(picture: Image.Image, name: str = "picture.png", **options):
        path = tmp_path / name
        picture.save(path, **options)
        return path

    return save


#: Enough words for the instructions of these tests.
WORDS = "remove the red apple make it blue a cup on left bigger object that tells time to of cat and . , ?".split()


@pytest.fixture(scope="session")
def random_parts():
    """Fresh random parts of the tiny preset with a small vocabulary, its scheduler and tokenizer."""
    import torch

    from smartedit.conversation import build_tokenizer
    from smartedit.models.presets import build, build_scheduler

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS)
    parts = {name: part.eval() for name, part in build("tiny", len(tokenizer)).items()}
    return {**parts, "scheduler": build_scheduler("tiny"), "tokenizer": tokenizer}


@pytest.fixture(scope="session")
def pipe(random_parts):
    """A whole pipeline that has learned nothing: every step runs, the pictures are noise."""
    from smartedit.pipeline import SmartEditPipeline

    made = SmartEditPipeline(**{name: part for name, part in random_parts.items() if name != "text_encoder"}, num_inference_steps=2)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="session")
def rival(random_parts):
    """The base rival over the same random parts."""
    from smartedit.baseline import BasePipeline

    names = ("vae", "text_encoder", "unet", "scheduler", "tokenizer")
    made = BasePipeline(**{name: random_parts[name] for name in names}, num_inference_steps=2)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="session")
def weights_folder(pipe, rival, tmp_path_factory):
    """A folder like `smartedit/weights` with `tiny` and `base` in it, written by `bundles.write`."""
    from smartedit import bundles

    folder = tmp_path_factory.mktemp("weights")
    bundles.write(pipe, folder / "tiny")
    bundles.write(rival, folder / "base", without=("vae", "scheduler", "tokenizer"))
    return folder
