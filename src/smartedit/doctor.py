"""`smartedit doctor`: what this machine is, which sizes it can run, and whether the weights on its disk are whole."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from smartedit import bundles, checksums
from smartedit.errors import ModelError
from smartedit.machine import OVERHEAD, PRECISIONS, Room, counts, free_disk, rooms, weight_bytes
from smartedit.models.presets import PRESETS

LIBRARIES = ("torch", "diffusers", "transformers", "safetensors", "accelerate", "numpy", "Pillow")

KINDS = ("SmartEditPipeline", "BasePipeline")


@dataclass(frozen=True)
class Fit:
    """Whether a size at a precision fits somewhere: bytes of its weights, of running it, and the first place with that room."""

    preset: str
    precision: str
    weights: int
    needed: int
    place: str | None


def fits(places: list[Room]) -> list[Fit]:
    """Every size at every precision, against the memory that each place has in all."""
    found = []
    for preset in PRESETS:
        counted = counts(preset)
        for precision in PRECISIONS:
            weights = weight_bytes(counted, precision)
            needed = round(weights * OVERHEAD)
            place = next((room.name for room in places if room.total >= needed), None)
            found.append(Fit(preset, precision, weights, needed, place))
    return found


def machine_lines(places: list[Room]) -> list[str]:
    """Python, libraries, processor, memory, disk."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    lines = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}", versions]
    lines += [f"{room.device}: {room.name}, {room.total / 1e9:.1f} GB, {room.free / 1e9:.1f} GB free" for room in places]
    return [*lines, f"disk: {free_disk(Path.cwd()) / 1e9:.1f} GB free here"]


def fit_lines(found: list[Fit]) -> list[str]:
    """The arithmetic, a line a size and precision: weights times overhead, and where that fits."""
    return [
        f"{fit.preset:<5} {fit.precision:<5} {fit.weights / 1e9:6.2f} GB of weights x {OVERHEAD} = {fit.needed / 1e9:6.1f} GB: "
        + (f"fits ({fit.place})" if fit.place else "does not fit")
        for fit in found
    ]


def advice(found: list[Fit]) -> str:
    """One line: the largest size that fits, at its best precision."""
    fitting = [fit for fit in found if fit.place and fit.precision != "fp32"]
    best = next((fit for preset in ("13b", "7b") for fit in fitting if fit.preset == preset), None)
    if best is None:
        return "run tiny; 7b needs a larger machine, or a GPU of 8 GB with --llm-bits 4"
    bits = {"8bit": " --llm-bits 8", "4bit": " --llm-bits 4"}.get(best.precision, "")
    return f"{best.preset} runs here in {best.precision}: smartedit edit PICTURE INSTRUCTION --model FOLDER{bits}"


def check_model(name: str) -> list[str]:
    """What was found of a model: files, keys, shapes, hashes. ModelError names the first thing that is wrong."""
    folder = bundles.find(name, *KINDS)
    weighed = checksums.verify(folder)
    lender = folder.parent / bundles.LENDER
    lines = []
    for part, value in bundles.index(folder).items():
        if not isinstance(value, list) or value[0] is None:
            continue
        home = folder / part if (folder / part).is_dir() else lender / part
        if not home.is_dir():
            raise ModelError(f"{folder} is incomplete, it lacks {part}; get the model again")
        wanted = _wanted(home, *value)
        if wanted is not None:
            _compare(home, wanted, _stored(home))
            lines.append(f"{part}: {len(wanted)} tensors, all there")
    hashes = f"{weighed} files have the bytes they were written with" if weighed else "no checksums were recorded, so bytes are not compared"
    return [*lines, hashes]


def _wanted(home: Path, library: str, kind: str) -> dict[str, tuple[int, ...]] | None:
    """Names and shapes that the part's class expects, by its configuration; None for parts without weights."""
    part = getattr(importlib.import_module(library), kind)
    if not hasattr(part, "forward"):
        return None
    try:
        with torch.device("meta"):
            if hasattr(part, "config_class") and part.config_class is not None:
                module = part(part.config_class.from_pretrained(home))
            else:
                module = part.from_config(part.load_config(home))
    except Exception as error:
        raise ModelError(f"{home / 'config.json'} cannot be used ({str(error).splitlines()[0][:80]}); get the model again") from error
    return {name: tuple(t.shape) for name, t in module.state_dict().items()}


def _stored(home: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes in the part's files."""
    found = {}
    for path in sorted(home.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is truncated or damaged; get the model again") from error
    return found


def _compare(home: Path, wanted: dict, stored: dict) -> None:
    # transformers may keep a prefix in the files that its modules have dropped, or the other way round
    tails = {name.split("_model.", 1)[-1]: shape for name, shape in stored.items()}
    for name, shape in wanted.items():
        found = stored.get(name, tails.get(name.split("_model.", 1)[-1]))
        if found is None:
            raise ModelError(f"{home} lacks the tensor {name}; get the model again")
        if found != shape:
            raise ModelError(f"{home}: {name} is {found}, not {shape}; the files are of different models")


def examine(model: str | None, say=print) -> None:
    """All of it, told to `say`; ModelError where the model asked for cannot be used."""
    places = rooms()
    for line in machine_lines(places):
        say(line)
    say(f"smartedit in {Path(sys.modules['smartedit'].__file__).parent}; bundled: {', '.join(bundles.bundled()) or 'nothing'}")
    found = fits(places)
    for line in fit_lines(found):
        say(line)
    for line in check_model(model) if model else ():
        say(f"{model}: {line}")
    say(f"advice: {advice(found)}")
