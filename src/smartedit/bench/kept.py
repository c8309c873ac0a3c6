"""Cases kept on disk beside the results, so that several editors are asked the same questions without making them again.

They also stand for the suite when a report is written, or pictures are rated, long after the suite's folder has gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case, Planned, Suite
from smartedit.bench.rows import write_whole
from smartedit.errors import SmartEditError

_WORDS = ("id", "group", "instruction", "op", "edit", "scene", "clip_words", "earlier")


@dataclass(frozen=True)
class KeptCase:
    """A planned case that is made once and then read from `folder/ID.npz`."""

    planned: Planned
    folder: Path

    @property
    def id(self) -> str:
        """The planned case's id."""
        return self.planned.id

    @property
    def group(self) -> str:
        """The planned case's group."""
        return self.planned.group

    def render(self) -> Case:
        """The case as it was made first; an unreadable file is made again."""
        path = self.folder / f"{self.id}.npz"
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            case = self.planned.render()
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda file: np.savez_compressed(file, **_arrays(case)))
            return case


@dataclass(frozen=True)
class _Gone:
    """A case of which only the name is known."""

    id: str
    group: str

    def render(self) -> Case:
        raise SmartEditError(f"the pictures of {self.id} are no longer beside the results; run the same bench run again")


def keep(cases: Sequence[Planned], folder: str | Path) -> list[KeptCase]:
    """The same cases, each made at its first use only. The folder belongs to one suite of one version."""
    return [KeptCase(case, Path(folder)) for case in cases]


def keep_suite(suite: Suite, out: str | Path) -> Suite:
    """The same suite with its cases kept in `OUT/cases`. Raises SmartEditError when those belong to another suite."""
    folder, wanted = Path(out) / "cases", json.dumps({"suite": suite.name, "version": suite.version})
    note = folder / "suite.json"
    try:
        if note.exists() and note.read_text() != wanted:
            raise SmartEditError(f"{out} holds results of another suite ({note.read_text()}); choose another --out")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(note, lambda file: file.write(wanted.encode()))
    except OSError as error:
        raise SmartEditError(f"cannot write results to {out} ({error.strerror}); choose another --out") from error
    return replace(suite, cases=keep(suite.cases, folder))


def kept_suite(configuration: dict, out: str | Path) -> Suite:
    """The suite of a `run.json`, its cases read from `OUT/cases`."""
    cases = keep([_Gone(case["id"], case["group"]) for case in configuration["cases"]], Path(out) / "cases")
    return Suite(configuration["suite"], cases, configuration["exact"], configuration["version"])


def _arrays(case: Case) -> dict[str, np.ndarray]:
    """Truths are kept as what they change (modulo 256), which is nothing almost everywhere and so packs well."""
    picture = np.asarray(case.picture)
    words = json.dumps({name: getattr(case, name) for name in _WORDS})
    changes = [np.asarray(truth) - picture for truth in case.truths]
    masks = {name: mask for name in ("mask", "soft_mask") if (mask := getattr(case, name)) is not None}
    return {"picture": picture, "changes": np.array(changes, np.uint8), "words": np.array(words), **masks}


def _read(path: Path) -> Case:
    with np.load(path) as data:
        picture, changes = data["picture"], data["changes"]
        truths = tuple(Image.fromarray(picture + change) for change in changes)
        words = json.loads(str(data["words"]))
        words["earlier"] = tuple(map(tuple, words["earlier"]))
        masks = {name: data.get(name) for name in ("mask", "soft_mask")}
        return Case(picture=Image.fromarray(picture), truths=truths, **masks, **words)
