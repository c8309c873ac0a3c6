"""MagicBrush's test set as it is handed out: `edit_sessions.json`, `images/ID/`, and captions.

Single turn asks every edit on the true picture before it; multi turn asks turn k on what the editor itself made of the
turns before. A truth here is one good answer that a person chose, not the only one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit import images
from smartedit.bench.cases import Case, LeftOut, Suite
from smartedit.errors import PictureError, SmartEditError


@dataclass(frozen=True)
class MagicBrushCase:
    """One turn of a session that is not opened yet."""

    id: str
    group: str
    before: Path
    target: Path
    mask: Path | None
    instruction: str
    caption: str
    earlier: tuple[tuple[str, str], ...] = ()

    def render(self) -> Case:
        """The case; masks come from `images/ID/ID-maskK.png` and are ignored in later turns, which start elsewhere."""
        picture, target = images.open(self.before), images.open(self.target)
        mask = region(self.mask) if self.mask and self.mask.exists() else None
        if target.size != picture.size:
            raise PictureError(f"{self.target.name} is {target.size}, {self.before.name} is {picture.size}")
        return Case(self.id, self.group, picture, self.instruction, mask, (target,), clip_words=self.caption, earlier=self.earlier)


def region(path: Path) -> np.ndarray:
    """The edited region of a mask file, bool (H, W): where it is transparent or, without transparency, bright."""
    with Image.open(path) as mask:
        if "A" in mask.getbands():
            return np.asarray(mask.getchannel("A")) < 128
        return np.asarray(mask.convert("L")) >= 128


def read(root: Path) -> Suite:
    """The single-turn suite: groups `turn-1`, `turn-2`, `turn-3`."""
    return _read(root, multi=False)


def read_multi(root: Path) -> Suite:
    """The multi-turn suite: the same turns, each after the editor's own earlier ones."""
    return _read(root, multi=True)


def _read(root: Path, multi: bool) -> Suite:
    sessions = _json(root / "edit_sessions.json")
    captions = _json(root / "global_descriptions.json") if (root / "global_descriptions.json").exists() else {}
    cases, left_out = [], []
    for session, turns in sorted(sessions.items()):
        for number in range(1, len(turns) + 1):
            case = _turn(root / "images" / session, session, turns[:number], captions.get(session, {}), multi)
            missing = [path.name for path in (case.before, case.target) if not path.exists()]
            if missing:
                left_out.append(LeftOut(case.id, case.group, f"there is no {' and no '.join(missing)}"))
            else:
                cases.append(case)
    return Suite("magicbrush-multi" if multi else "magicbrush", cases, exact=False, left_out=tuple(left_out))


def _turn(folder: Path, session: str, turns: list[Mapping], captions: Mapping, multi: bool) -> MagicBrushCase:
    """The last of `turns`."""
    last, number = turns[-1], len(turns)
    earlier = tuple((f"{session}-{k}", turn["instruction"]) for k, turn in enumerate(turns[:-1], start=1)) if multi else ()
    return MagicBrushCase(
        id=f"{session}-{number}",
        group=f"turn-{number}",
        before=folder / (turns[0] if multi else last)["input"],
        target=folder / last["output"],
        mask=folder / last["mask"] if last.get("mask") and not earlier else None,
        instruction=last["instruction"],
        caption=captions.get(last["output"], ""),
        earlier=earlier,
    )


def _json(path: Path) -> Mapping:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SmartEditError(f"cannot read {path} ({error.strerror}); see: smartedit bench fetch magicbrush") from error
    except ValueError as error:
        raise SmartEditError(f"{path} is not JSON; get the data again") from error
