"""What the weights of a folder weighed when they were written, so that a lost or changed byte is named, not computed with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from smartedit.errors import ModelError

#: The file that keeps them.
NAME = "checksums.json"

#: What is weighed: weights and tokenizers. Configurations stay open to change.
WEIGHED = ("*.safetensors", "tokenizer.json")

_CHUNK = 2**22


def record(folder: Path) -> Path:
    """Write size and SHA-256 of every file that counts into `NAME`."""
    files = sorted(path for pattern in WEIGHED for path in folder.rglob(pattern))
    table = {path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files}
    target = folder / NAME
    target.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return target


def verify(folder: Path) -> int:
    """Compare a folder with what was recorded; gives how many files were compared, 0 for a folder without a record.

    Raises ModelError naming the first file that is missing, has another size, or other bytes.
    """
    if not (folder / NAME).is_file():
        return 0
    try:
        table = json.loads((folder / NAME).read_text(encoding="utf-8"))
        wanted = {folder / name: (entry["bytes"], entry["sha256"]) for name, entry in table.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{folder / NAME} cannot be read; get the model again") from error
    for path in wanted:
        if not path.is_file():
            raise ModelError(f"{folder} is incomplete, it lacks {path.relative_to(folder)}; get the model again")
    for path, (size, digest) in wanted.items():
        if path.stat().st_size != size or sha256(path) != digest:
            raise ModelError(f"{path} is damaged: its bytes are not those that were written; get the model again")
    return len(wanted)


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hex."""
    sums = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sums.update(chunk)
    return sums.hexdigest()
