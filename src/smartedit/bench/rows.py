"""Results on disk: one JSON line for each finished case, whole or not there, whenever a run is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from smartedit.errors import SmartEditError


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a `results.jsonl` in the order they were written; none when there is no such file.

    Raises SmartEditError that names the line when one is not a row.
    """
    path = Path(path)
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else [], start=1):
        if not _is_row(line):
            raise SmartEditError(f"{path} line {number} is not a result; delete that line and run again")
        rows.append(json.loads(line))
    return rows


def append_row(path: Path, row: Mapping) -> None:
    """Add one row as a single write that has reached the disk when this returns."""
    line = (json.dumps(row) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def mend(path: Path) -> None:
    """Cut off the end that a killed run left unfinished. Does nothing to a whole file or a missing one."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = len(lines)
    while whole and not (lines[whole - 1].endswith(b"\n") and _is_row(lines[whole - 1])):
        whole -= 1
    if whole != len(lines):
        write_whole(path, lambda file: file.write(b"".join(lines[:whole])))


def _is_row(line: bytes) -> bool:
    try:
        return "id" in json.loads(line)
    except (ValueError, TypeError):
        return False


def write_whole(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a file under a temporary name in its folder, then rename: it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            fill(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
