"""Reason-Edit in its published folder layout: read by name with every mismatch named, and written for other people's scripts.

    1-Left-Right/0001.png  0001_mask.jpg  Left_Right_text.txt     one line a picture, in the order of the sorted names:
    ...                                                           remove the left cup  CLIP: a wooden table

Masks are white where the edit belongs. The layout has no truths; `export` puts them into a folder of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit import images
from smartedit.bench.cases import Case, LeftOut, Planned, Suite
from smartedit.bench.rows import write_whole
from smartedit.errors import PictureError, SmartEditError

#: Group -> its folder and its text file. The last folder's text file is not known: any single .txt is taken there.
LAYOUT: dict[str, tuple[str, str]] = {
    "left-right": ("1-Left-Right", "Left_Right_text.txt"),
    "relative-size": ("2-Relative-Size", "Size_text.txt"),
    "mirror": ("3-Mirror", "Mirror_text.txt"),
    "colour": ("4-Color", "Color_text.txt"),
    "multiple": ("5-Multiple-Objects", "MultipleObjects_text.txt"),
    "reasoning": ("6-Reasoning", "Reason_test.txt"),
    "add": ("7-Add-supp", "Add_text.txt"),
}
#: Groups that must be there; "add" is a supplement.
REQUIRED = tuple(group for group in LAYOUT if group != "add")

#: Between instruction and target words on a line.
_CLIP = "CLIP: "


@dataclass(frozen=True)
class ReasonEditCase:
    """A picture of the published layout that is not opened yet."""

    id: str
    group: str
    path: Path
    instruction: str
    clip_words: str

    def render(self) -> Case:
        """The case with its mask as it came. Raises PictureError when a file cannot be read or sizes differ."""
        picture = images.open(self.path)
        soft = np.asarray(images.open(mask_of(self.path)).convert("L"))
        if soft.shape != picture.size[::-1]:
            raise PictureError(f"{mask_of(self.path).name} is {soft.shape[1]} x {soft.shape[0]}, its picture {picture.width} x {picture.height}")
        return Case(self.id, self.group, picture, self.instruction, soft >= 128, clip_words=self.clip_words, soft_mask=soft)


def mask_of(picture: Path) -> Path:
    """Where the mask of a picture lies."""
    return picture.with_name(f"{picture.stem}_mask.jpg")


def read(root: Path) -> Suite:
    """The suite in a folder; what does not fit together is left out and named. Ids are like `colour-0003`.

    Folders are found by the end of their names, as they were published with dates before or behind them.
    """
    cases: list[ReasonEditCase] = []
    left_out: list[LeftOut] = []
    for group, (folder, text) in LAYOUT.items():
        found = sorted(path for path in root.rglob("*") if path.is_dir() and folder in path.name and "truth" not in path.parts)
        if len(found) == 1:
            for one in _group(group, found[0], text):
                (cases if isinstance(one, ReasonEditCase) else left_out).append(one)
        elif found or group in REQUIRED:
            left_out.append(LeftOut(folder, group, f"{len(found)} folders of that name; there must be one"))
    return Suite("reason-edit", cases, exact=False, left_out=tuple(left_out))


def _group(group: str, folder: Path, text: str) -> Iterator[ReasonEditCase | LeftOut]:
    pictures = sorted(path for path in folder.glob("*.png") if not path.stem.endswith("_mask"))
    lines = _lines(folder, text)
    if len(lines) != len(pictures):
        reason = f"{len(lines)} lines in {text} for {len(pictures)} pictures, so no line can be matched to its picture"
        yield from (LeftOut(f"{group}-{path.stem}", group, reason) for path in pictures)
        return
    for path, line in zip(pictures, lines, strict=True):
        instruction, _, words = line.partition(_CLIP)
        if not mask_of(path).exists():
            yield LeftOut(f"{group}-{path.stem}", group, f"there is no {mask_of(path).name}")
        elif not instruction.strip():
            yield LeftOut(f"{group}-{path.stem}", group, f"its line in {text} has no instruction")
        else:
            yield ReasonEditCase(f"{group}-{path.stem}", group, path, instruction.rstrip(), words.strip())
    known = {mask_of(path).name for path in pictures}
    for mask in sorted(folder.glob("*_mask.jpg")):
        if mask.name not in known:
            yield LeftOut(f"{group}-{mask.stem}", group, "a mask without a picture")


def _lines(folder: Path, text: str) -> list[str]:
    """The lines of the group's text file without blank ones at its end; none when there is no such file."""
    others = sorted(folder.glob("*.txt"))
    path = folder / text if (folder / text).exists() or len(others) != 1 else others[0]
    return path.read_text(encoding="utf-8").rstrip().splitlines() if path.exists() else []


def export(cases: Sequence[Planned], out: Path) -> Path:
    """Write rendered cases in the published layout, and every right answer and the edits as data beside it.

    `truth/GROUP/0001-0.png` are the right answers, `cases.json` holds ids, instructions, edits and scenes. Raises
    SmartEditError when `out` holds something already, or cannot be written.
    """
    if out.exists() and any(out.iterdir()):
        raise SmartEditError(f"{out} is not empty; choose another --out")
    told, lines = [], {group: [] for group in LAYOUT}
    try:
        for planned in cases:
            case = planned.render()
            lines[case.group].append(f"{case.instruction}  {_CLIP}{case.clip_words}")
            told.append(_write_case(case, out, f"{len(lines[case.group]):04d}"))
        for group, text in lines.items():
            if text:
                (out / LAYOUT[group][0] / LAYOUT[group][1]).write_text("\n".join(text) + "\n", encoding="utf-8")
        write_whole(out / "cases.json", lambda file: file.write(json.dumps(told, indent=1).encode()))
    except OSError as error:
        raise SmartEditError(f"cannot write to {out} ({error.strerror}); choose another --out") from error
    return out


def _write_case(case: Case, out: Path, stem: str) -> dict:
    folder, truths = out / LAYOUT[case.group][0], out / "truth" / LAYOUT[case.group][0]
    for one in (folder, truths):
        one.mkdir(parents=True, exist_ok=True)
    case.picture.save(folder / f"{stem}.png")
    Image.fromarray(case.mask.astype(np.uint8) * 255).save(mask_of(folder / f"{stem}.png"), quality=95)
    for k, truth in enumerate(case.truths):
        truth.save(truths / f"{stem}-{k}.png")
    return {"id": case.id, "file": f"{folder.name}/{stem}.png", "instruction": case.instruction, "clip_words": case.clip_words,
            "truths": len(case.truths), "edit": dict(case.edit), "scene": dict(case.scene)}  # fmt: skip
