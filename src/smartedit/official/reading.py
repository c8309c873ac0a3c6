"""Weights in files of either kind, tensor by tensor: safetensors mapped here, pickles thawed by a process without rights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from smartedit import images
from smartedit.errors import ModelError

#: Endings of weight files, the safer first.
SAFE, PICKLED = (".safetensors",), (".bin", ".pt", ".pth", ".ckpt")

#: Parts of names of files that hold other precisions, or averages, of what lies beside them.
VARIANTS = (".fp16.", ".bf16.", ".non_ema.")

#: Files with such an ending that hold no weights.
NO_WEIGHTS = ("training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.bin", "scheduler.pt", "rng_state.pth")


class Thawer:
    """The process that unpickles; started when first needed, ended by `close`."""

    def __init__(self, largest: int = 0) -> None:
        self.largest, self.process, self.current = largest, None, None

    def open(self, path: Path) -> dict:
        """Names -> [dtype, shape] of a file; ModelError for one that holds anything but tensors, or is damaged."""
        self.current = None
        self._ask({"open": str(path)})
        answer = self.process.stdout.readline()
        if not answer:
            self.close()
            raise ModelError(f"{path} is damaged: reading it ended the reader; download it again")
        table = json.loads(answer)
        if isinstance(table.get("error"), str):
            raise ModelError(f"{path} {table['error']}")
        self.current = path
        return table

    def get(self, path: Path, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        """One tensor of a file."""
        if self.current != path:
            self.open(path)
        values = torch.empty(shape, dtype=dtype)
        self._ask({"path": str(path), "name": name})
        room = memoryview(values.view(-1).view(torch.uint8).numpy())
        while room:
            count = self.process.stdout.readinto(room)
            if not count:
                raise ModelError(f"{path} is damaged: {name} could not be read; download it again")
            room = room[count:]
        return values

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _ask(self, request: dict) -> None:
        if self.process is None:
            script = Path(__file__).with_name("thaw.py")
            home = Path(torch.__file__).parents[1]
            kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
            self.process = subprocess.Popen(
                [sys.executable, "-I", script, home, str(self.largest)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env={**kept, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer that does not come tells


@dataclass
class Weights:
    """The tensors of one or several files; `shapes` and `dtypes` by name, `home` the file of each."""

    thawer: Thawer
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dtypes: dict[str, torch.dtype] = field(default_factory=dict)
    home: dict[str, Path] = field(default_factory=dict)
    _opened: dict[Path, safe_open] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Take in a file. Raises ModelError, naming it, if it cannot be read or holds a name twice."""
        _check_real(path)
        found = self._safe(path) if path.suffix in SAFE else self.thawer.open(path)
        for name, (dtype, shape) in found.items():
            self.shapes[name], self.home[name] = tuple(shape), path
            self.dtypes[name] = getattr(torch, dtype)

    def get(self, name: str) -> Tensor:
        """One tensor, read now."""
        path = self.home[name]
        if path in self._opened:
            return self._opened[path].get_tensor(name)
        return self.thawer.get(path, name, self.dtypes[name], self.shapes[name])

    def _safe(self, path: Path) -> dict:
        try:
            file = self._opened[path] = safe_open(path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is truncated or damaged ({images.first_line(error)}); download it again") from error
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return {name: (_SAFE_DTYPES[part.get_dtype()], part.get_shape()) for name, part in slices.items()}


_SAFE_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
                "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}  # fmt: skip


@contextmanager
def reader(*folders: Path | None) -> Iterator[Thawer]:
    """A thawer for the files in some folders, ended with the block."""
    sizes = [path.stat().st_size for folder in folders if folder for path in folder.rglob("*") if path.suffix in PICKLED]
    thawer = Thawer(max(sizes, default=0))
    try:
        yield thawer
    finally:
        thawer.close()


def weight_files(folder: Path) -> list[Path]:
    """The weight files directly in a folder: safetensors if there are any, else pickles."""
    for endings in (SAFE, PICKLED):
        named = (path for path in folder.iterdir() if path.suffix in endings and path.name not in NO_WEIGHTS)
        found = sorted(path for path in named if not any(variant in path.name for variant in VARIANTS))
        if found:
            return found
    return []


def weights_in(folder: Path, thawer: Thawer) -> Weights:
    """All tensors of all weight files directly in a folder, whatever its sharding. ModelError if there are none."""
    weights = Weights(thawer)
    files = weight_files(folder)
    if not files:
        raise ModelError(f"{folder} holds no weights; give a folder with .safetensors or .bin files")
    for index in folder.glob("*.index.json"):
        _check_shards(index, files)
    for path in files:
        weights.add(path)
    return weights


def _check_shards(index: Path, files: list[Path]) -> None:
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"{index} cannot be read; download it again") from error
    present = {path.name for path in files}
    lacking = sorted(named - present)
    if lacking and {Path(name).suffix for name in named} <= {path.suffix for path in files}:
        raise ModelError(f"{index.parent} lacks {lacking[0]}, which {index.name} names; download it")


def _check_real(path: Path) -> None:
    """Not one of the stand-ins that an incomplete download leaves."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a Git LFS pointer, not the weights; run git lfs pull, or download the file itself")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise ModelError(f"{path} is a web page, not the weights; download the file itself")
    if not start:
        raise ModelError(f"{path} is empty; download it again")
