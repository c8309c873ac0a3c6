"""Rendered cases kept on disk, so that several editors are asked the same questions without rendering them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case
from smartedit.bench.rows import write_whole
from smartedit.bench.run import Planned

_WORDS = ("id", "group", "instruction", "op", "edit", "scene")


@dataclass(frozen=True)
class KeptCase:
    """A planned case that is rendered once and then read from `folder/ID.npz`."""

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
        """The case as it was rendered first; an unreadable file is rendered again."""
        path = self.folder / f"{self.id}.npz"
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            case = self.planned.render()
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda file: np.savez_compressed(file, **_arrays(case)))
            return case


def keep(cases: Sequence[Planned], folder: str | Path) -> list[KeptCase]:
    """The same cases, each rendered at its first use only. The folder belongs to one suite of one version."""
    return [KeptCase(case, Path(folder)) for case in cases]


def _arrays(case: Case) -> dict[str, np.ndarray]:
    """Truths are kept as what they change (modulo 256), which is nothing almost everywhere and so packs well."""
    picture = np.asarray(case.picture)
    words = json.dumps({name: getattr(case, name) for name in _WORDS})
    changes = np.stack([np.asarray(truth) - picture for truth in case.truths])
    return {"picture": picture, "changes": changes, "mask": case.mask, "words": np.array(words)}


def _read(path: Path) -> Case:
    with np.load(path) as data:
        picture, changes = data["picture"], data["changes"]
        truths = tuple(Image.fromarray(picture + change) for change in changes)
        words = json.loads(str(data["words"]))
        return Case(picture=Image.fromarray(picture), truths=truths, mask=data["mask"], **words)
