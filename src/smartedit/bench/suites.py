"""Suites by name. What a suite needs beside its name (a folder, a split, a count) is asked for in words."""

from __future__ import annotations

from pathlib import Path

from smartedit.bench.cases import Suite
from smartedit.errors import SmartEditError

#: What `smartedit bench run` can measure on; the last four read what people have on disk.
NAMES = ("mini-reason-edit", "world", "reason-edit", "magicbrush", "magicbrush-multi", "folder")

#: Where the data of a suite is to be had, in words. Nothing is downloaded by itself: each has terms of its own.
SOURCES = {
    "reason-edit": "Reason-Edit (219 pictures, masks, instructions) is handed out by its authors: follow \"Reason-Edit evaluation benchmark\" "
    "in https://github.com/TencentARC/SmartEdit#inference (a Google Drive folder), unpack it, and give that folder with --root DIR.",
    "magicbrush": "MagicBrush's test set is handed out by its authors behind a password against training on it: see "
    "https://github.com/OSU-NLP-Group/MagicBrush#dataset-summary. Unpack it and give the folder with edit_sessions.json with --root DIR.",
    "folder": "Your own pictures: a folder with cases.csv or cases.jsonl, one row a picture; columns picture, instruction, and, if you "
    "have them, id, group, mask, truth, clip. Give it with --root DIR.",
}


def find(name: str, root: str | Path | None = None, split: str = "validation", cases: int | None = None, seed: int = 0) -> Suite:
    """The suite called `name`.

    `root` is the folder of a suite that is read from disk; `split`, `cases` (300 of world, all of mini-reason-edit unless
    said otherwise) and `seed` choose among rendered cases.
    Raises SmartEditError for an unknown name, a missing or empty folder, or impossible numbers.
    """
    if name not in NAMES:
        raise SmartEditError(f"no suite {name!r}; there are {', '.join(NAMES)}")
    if name in ("world", "mini-reason-edit"):
        return _rendered(name, split, cases, seed)
    if root is None:
        raise SmartEditError(f"the suite {name} is read from a folder; give it with --root DIR")
    if not Path(root).is_dir():
        raise SmartEditError(f"there is no folder {root}; see: smartedit bench fetch {name}")
    return _read(name, Path(root))


def _rendered(name: str, split: str, cases: int | None, seed: int) -> Suite:
    from smartedit.bench.rendered import mini_cases, world_cases

    try:
        if name == "world":
            return Suite(f"world-{split}", world_cases(split, 300 if cases is None else cases, seed))
        name = name if seed == 0 else f"{name}-seed-{seed}"
        whole = mini_cases(seed)
        if cases is None or cases == len(whole):
            return Suite(name, whole)
        return Suite(f"{name}-{cases}-of-{len(whole)}", _spread(whole, cases))
    except ValueError as error:
        raise SmartEditError(f"{error}; choose other --cases or --seed") from error


def _spread(cases: list, count: int) -> list:
    """`count` of the cases, at even distances, so that groups keep their shares."""
    if not 1 <= count <= len(cases):
        raise ValueError(f"there are 1 to {len(cases)} cases to take, not {count}")
    return [cases[k * len(cases) // count] for k in range(count)]


def _read(name: str, root: Path) -> Suite:
    from smartedit.bench import folder, magicbrush, reason_edit

    suite = {
        "reason-edit": reason_edit.read,
        "magicbrush": magicbrush.read,
        "magicbrush-multi": magicbrush.read_multi,
        "folder": folder.read,
    }[name](root)
    if not suite.cases:
        reasons = "; ".join(sorted({f"{out.id}: {out.reason}" for out in suite.left_out})[:3])
        raise SmartEditError(f"{root} holds no case of {name} ({reasons or 'nothing there'}); see: smartedit bench fetch {name}")
    return suite
