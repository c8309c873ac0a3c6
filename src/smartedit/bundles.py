"""Where weights live: names to folders, what neighbours share, and how a pipeline is written small enough to bundle.

A bundle is an ordinary diffusers pipeline folder. One that lacks a part named in its `model_index.json` takes it from
the bundle beside it (`base` shares the autoencoder, the tokenizer and the scheduler of `tiny`).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from smartedit import checksums, images
from smartedit.errors import ModelError

#: Where the bundled checkpoints are.
WEIGHTS = Path(__file__).parent / "weights"

#: The bundle that lends its parts to its neighbours.
LENDER = "tiny"

#: Largest file of a bundle.
SHARD_SIZE = "15MB"


def bundled() -> list[str]:
    """Names of the checkpoints inside the package."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/model_index.json"))


def find(name: str | os.PathLike, *kinds: str) -> Path:
    """The folder of a bundled name or of a path, checked to hold a pipeline of one of the classes `kinds`.

    Raises ModelError, naming near names, when there is none.
    """
    folder = WEIGHTS / name if str(name) in bundled() else Path(name)
    if not folder.is_dir():
        raise ModelError(_unknown(str(name)))
    found = index(folder).get("_class_name")
    if found not in kinds:
        raise ModelError(f"{name} holds a {images.printable(found)}, not a {' or '.join(kinds)}; choose another model")
    return folder


def index(folder: Path) -> dict:
    """The `model_index.json` of a pipeline folder; ModelError when it is missing or not one."""
    try:
        table = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"folder {folder} holds no model_index.json; give a folder written by save_pretrained") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'model_index.json'} cannot be read; get the model again") from error
    if not isinstance(table, dict):
        raise ModelError(f"{folder / 'model_index.json'} is not a pipeline's; get the model again")
    return table


def borrowed(folder: Path, without: Collection[str] = (), **options) -> dict[str, object]:
    """The parts that a pipeline's index names but its folder lacks, loaded from the lender beside it, by name.

    Parts in `without` are not wanted; `options` go to each part's `from_pretrained`. Raises ModelError naming the parts that neither has.
    """
    named = {name: value for name, value in index(folder).items() if isinstance(value, list) and value[0] is not None}
    lacking = {name: value for name, value in named.items() if name not in without and not (folder / name).is_dir()}
    missing = [name for name in lacking if not (folder.parent / LENDER / name).is_dir()]
    if missing:
        raise ModelError(f"{folder} is incomplete, it lacks {', '.join(missing)}; get the model again")
    return {name: _load(folder.parent / LENDER / name, *value, options) for name, value in lacking.items()}


def digest(name: str | os.PathLike) -> str:
    """16 hex digits over every file of a bundle, its own and what it may borrow: equal only for equal weights."""
    folder = WEIGHTS / name if str(name) in bundled() else Path(name)
    lender = folder.parent / LENDER
    sums = hashlib.sha256()
    for home in (folder, lender) if lender.is_dir() and lender != folder else (folder,):
        for path in sorted(path for path in home.rglob("*") if path.is_file() and path.suffix in (".json", ".safetensors")):
            sums.update(path.relative_to(home.parent).as_posix().encode() + path.read_bytes())
    return sums.hexdigest()[:16]


def write(pipeline, folder: str | os.PathLike, without: tuple[str, ...] = ()) -> Path:
    """Save a pipeline in half precision, in files of at most `SHARD_SIZE`, in place of the one that the folder held.

    What people wrote beside it (`*.md`) stays. Parts named in `without` are left to the lender. The pipeline itself keeps its precision.
    """
    import torch

    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
        whole, half = Path(scratch, "whole"), Path(scratch, "half")
        pipeline.save_pretrained(whole)
        copy = type(pipeline).from_pretrained(whole, torch_dtype=torch.float16)
        copy.save_pretrained(half, max_shard_size=SHARD_SIZE)
        for name in without:
            shutil.rmtree(half / name)
        _tidy(half)
        checksums.record(half)
        for page in folder.glob("*.md"):
            shutil.copy2(page, half)
        shutil.rmtree(folder, ignore_errors=True)
        half.replace(folder)
    return folder


def _tidy(folder: Path) -> None:
    """Drop the paths that libraries note in what they save, and let everybody read the files."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o644)
        if path.suffix == ".json" and '"_name_or_path"' in (text := path.read_text(encoding="utf-8")):
            table = {key: value for key, value in json.loads(text).items() if key != "_name_or_path"}
            path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def _load(folder: Path, library: str, kind: str, options: dict) -> object:
    part = getattr(importlib.import_module(library), kind)
    return part.from_pretrained(folder, **(options if hasattr(part, "forward") else {}))


def _unknown(name: str) -> str:
    names = bundled()
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.4)
    if "/" in name or "\\" in name:
        return f"there is no model folder {name}; give a folder or one of {', '.join(names) or 'none bundled'}"
    ask = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names) or 'none bundled'}, or give a folder"
    return f"there is no model called {name!r}; {ask}"
