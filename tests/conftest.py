"""What every test may use: quiet libraries, few threads, random pipelines and their bundles."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

settings.register_profile("house", deadline=None, max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def outside() -> dict[str, str]:
    """The environment of a program started by a test: it finds the package under test from any folder."""
    import smartedit

    return {**os.environ, "PYTHONPATH": str(Path(smartedit.__file__).parents[1])}


@pytest.fixture
def picture_file(tmp_path):
    """A function that saves a picture under a name and gives the path."""

    def save(picture: Image.Image, name: str = "picture.png", **options):
        path = tmp_path / name
        picture.save(path, **options)
        return path

    return save


#: Enough words for the instructions of these tests.
WORDS = ["remove", "the", "red", "apple", "make", "it", "blue", "a", "cup", "on", "left", "bigger", "object", "that", "tells", "time", "to", "of", "cat", "and", ".", ",", "?"]


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

    made = SmartEditPipeline(**{name: part for name, part in random_parts.items() if name != "text_encoder"}, num_inference_steps=1)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="session")
def rival(random_parts):
    """The base rival over the same random parts."""
    from smartedit.baseline import BasePipeline

    names = ("vae", "text_encoder", "unet", "scheduler", "tokenizer")
    made = BasePipeline(**{name: random_parts[name] for name in names}, num_inference_steps=1)
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


@pytest.fixture(scope="session")
def mini_run(tmp_path_factory):
    """A dozen rendered pairs, their shards, and a workshop over them: enough to take a step of every stage."""
    from types import SimpleNamespace

    import torch

    from smartedit.training import stages
    from smartedit.training.workshop import Workshop
    from smartedit.world.engine import make_pairs
    from smartedit.world.shards import pair_row, write_shard

    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("mini")
    pairs = {"train": [pair for i in range(5) for pair in make_pairs("train", i)], "validation": make_pairs("validation", 0)}
    for split, made in pairs.items():
        folder = home / "data" / split
        folder.mkdir(parents=True)
        write_shard([pair_row(pair) for pair in made], folder / f"{split}-00000.parquet")
    shop = Workshop.fresh("tiny", seed=0)
    stages.prepare(shop, home / "data", home / "run", say=lambda _: None)
    return SimpleNamespace(shop=shop, pairs=pairs["train"], data=home / "data", out=home / "run")
