"""The demo: one instruction of every group on rendered scenes, each beside the truth, on one sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from smartedit import images
from smartedit.errors import PictureError, SmartEditError
from smartedit.pipeline import EditPipeline
from smartedit.world.pairs import Pair, make_case
from smartedit.world.sheet import contact_sheet

#: What is shown: the paper's groups and a conventional edit. The order is that of the sheet.
GROUPS = ("plain", "left-right", "relative-size", "colour", "multiple", "mirror", "add", "reasoning")

#: Scenes come from the validation split: never trained on, and not what the benchmark reports.
SPLIT = "validation"


@dataclass(frozen=True)
class Row:
    """One scene of the demo: the pair, and what every editor made of it by name; `reply` is the first editor's."""

    pair: Pair
    edited: dict[str, Image.Image]
    reply: str


def demo(editors: dict[str, EditPipeline], out: str | Path, seed: int = 0, say: Callable[[str], None] = print) -> Path:
    """Edit one scene of each of `GROUPS` with every editor; writes the sheet and each picture into `out`, gives the sheet's path.

    `seed` picks other scenes and the editors' noise; `say` hears one line a group. Raises PictureError if `out` cannot be written.
    """
    out = _folder(Path(out))
    rows = []
    for group in GROUPS:
        row = _row(editors, group, seed)
        for name, picture in (("before", Image.fromarray(row.pair.before)), *row.edited.items()):
            images.save(picture, out / f"{group}-{name}.png")
        say(f"{group:13} {row.pair.instruction}" + (f"  ->  {row.reply}" if row.reply else ""))
        rows.append(row)
    return images.save(sheet(rows), out / "sheet.png")


def sheet(rows: Sequence[Row]) -> Image.Image:
    """Before, what each editor made of it, and the truth, one row a scene, the words below."""
    headings = ("before", *rows[0].edited, "truth")
    cells = [(row.pair.before, _caption(row), *row.edited.values(), row.pair.after) for row in rows]
    return contact_sheet(cells, headings=headings)


def _row(editors: dict[str, EditPipeline], group: str, seed: int) -> Row:
    pair = make_case(SPLIT, seed, group)
    if pair is None:
        raise SmartEditError(f"seed {seed} has no scene for {group}; try another --seed")
    before = Image.fromarray(pair.before)
    results = {name: editor(pair.instruction, before, seed=seed) for name, editor in editors.items()}
    first = next(iter(results.values()))
    return Row(pair, {name: result.images[0] for name, result in results.items()}, first.reply[0])


def _caption(row: Row) -> str:
    return f"{row.pair.group}: {row.pair.instruction}" + (f"   [{row.reply}]" if row.reply else "")


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"cannot make folder {path} ({error.strerror}); choose another --out") from error
    return path
