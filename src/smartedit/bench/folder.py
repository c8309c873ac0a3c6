"""Your own suite: pictures and a table of instructions, `cases.csv` or `cases.jsonl`, in one folder.

    picture,instruction,id,group,mask,truth,clip
    kitchen.png,remove the left cup,,,kitchen-mask.png,,a wooden table

Only `picture` and `instruction` are needed. Paths are relative to the folder; masks are white where the edit belongs.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smartedit import images
from smartedit.bench.cases import Case, LeftOut, Suite
from smartedit.errors import PictureError, SmartEditError

TABLES = ("cases.csv", "cases.jsonl")
COLUMNS = ("picture", "instruction", "id", "group", "mask", "truth", "clip")


@dataclass(frozen=True)
class FolderCase:
    """A row of the table; nothing is opened yet."""

    id: str
    group: str
    root: Path
    row: Mapping[str, str]

    def render(self) -> Case:
        """The case. Raises PictureError when a file cannot be read or sizes differ."""
        picture = images.open(self.root / self.row["picture"])
        mask = np.asarray(images.open(self.root / self.row["mask"]).convert("L")) if self.row.get("mask") else None
        truths = (images.open(self.root / self.row["truth"]),) if self.row.get("truth") else ()
        for name, size in [("mask", mask is not None and mask.shape[::-1]), ("truth", truths and truths[0].size)]:
            if size and size != picture.size:
                raise PictureError(f"the {name} of {self.id} is {size[0]} x {size[1]}, its picture {picture.width} x {picture.height}")
        return Case(self.id, self.group, picture, self.row["instruction"], None if mask is None else mask >= 128, truths,
                    clip_words=self.row.get("clip") or "", soft_mask=mask)  # fmt: skip


def read(root: Path) -> Suite:
    """The suite in a folder; rows that cannot be asked are left out and named. Raises SmartEditError without a table."""
    cases, left_out, taken = [], [], set()
    for number, row in enumerate(_rows(root), start=1):
        id = str(row.get("id") or Path(str(row.get("picture") or f"row-{number}")).stem)
        id, group = (f"{id}-{number}" if id in taken else id), row.get("group") or "all-cases"
        taken.add(id)
        wrong = _wrong(root, row, id)
        if wrong:
            left_out.append(LeftOut(id, group, wrong))
        else:
            cases.append(FolderCase(id, group, root, row))
    return Suite(f"folder-{root.resolve().name}", cases, exact=False, left_out=tuple(left_out))


def _wrong(root: Path, row: Mapping, id: str) -> str | None:
    if "/" in id or id.startswith("."):
        return f"its id {id!r} cannot name a file"
    if missing := [name for name in ("picture", "instruction") if not str(row.get(name) or "").strip()]:
        return f"its row has no {' and no '.join(missing)}"
    lost = [row[name] for name in ("picture", "mask", "truth") if row.get(name) and not (root / row[name]).exists()]
    return f"there is no {' and no '.join(lost)}" if lost else None


def _rows(root: Path) -> list[dict]:
    path = next((root / name for name in TABLES if (root / name).exists()), None)
    if path is None:
        raise SmartEditError(f"{root} has no {' or '.join(TABLES)}; write one row a picture: {','.join(COLUMNS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            rows = list(csv.DictReader(text.splitlines()))
        else:
            rows = [dict(json.loads(line)) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, TypeError, csv.Error) as error:  # text in another encoding is a ValueError
        wanted = "a first line of column names" if path.suffix == ".csv" else "one JSON object a line"
        raise SmartEditError(f"{path} cannot be read ({error}); write it in UTF-8, with {wanted}") from error
    unknown = {str(name) for row in rows for name in row} - set(COLUMNS)
    if unknown:
        raise SmartEditError(f"{path.name} has unknown columns {', '.join(sorted(unknown))}; known: {', '.join(COLUMNS)}")
    return rows
