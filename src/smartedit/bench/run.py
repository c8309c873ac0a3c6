"""An editor on every case of a suite: one JSON line for each finished case, resumable after any kind of end.

A run lives in `OUT/EDITOR/`: `run.json` (what was asked, written first), `results.jsonl` (one row a case) and
`pictures/` (what the editor answered). A killed run loses at most the case it was working on; the same call goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case
from smartedit.bench.judge import INSIDE_BOUND, MARGIN, OUTSIDE_BOUND, judge
from smartedit.bench.rows import append_row, mend, read_rows, write_whole
from smartedit.errors import SmartEditError

#: What is measured: (picture, instruction, seed) -> picture of the same size.
Editor = Callable[[Image.Image, str, int], Image.Image]
Progress = Callable[[int, int, Mapping], None]

#: What became of a case. Everything but "judged" counts as a failure and is named in the report.
STATUSES = ("judged", "raised", "no picture", "wrong size")
FORMAT = 1

#: Editors that keep the judge honest. They see the whole case: identity must score 0, oracle 1.
ORACLES: dict[str, Callable[[Case], Image.Image]] = {
    "identity": lambda case: case.picture,
    "oracle": lambda case: case.truths[0],
}


class Planned(Protocol):
    """What a suite is a list of: something with an id and a group that renders its case on demand."""

    @property
    def id(self) -> str: ...

    @property
    def group(self) -> str: ...

    def render(self) -> Case: ...


def run(
    suite: str,
    editor: Editor | None,
    editor_name: str,
    out: str | Path,
    cases: Sequence[Planned],
    seed: int = 0,
    settings: Mapping | None = None,
    progress: Progress | None = None,
) -> list[dict]:
    """Rows of all `cases` in their order, running `editor` on those that have none yet in `OUT/EDITOR_NAME/`.

    `editor=None` takes the oracle called `editor_name`. `settings` (plain JSON: weights, steps, guidance ...) are kept
    in `run.json`; `progress(done, total, row)` is called after every case. An editor that raises, answers with nothing
    or with another size gets a row that says so, and the run goes on.

    Raises SmartEditError when the folder holds a run with another configuration or of other cases, when it cannot be
    written, or when no oracle has that name.
    """
    answer = _answerer(editor, editor_name, seed)
    folder = _folder(Path(out), editor_name)
    _claim(folder / "run.json", configuration(suite, editor_name, cases, seed, settings))
    lines = folder / "results.jsonl"
    mend(lines)
    rows = {row["id"]: row for row in read_rows(lines)}
    _check_same_world(rows, cases, folder)
    for case in cases:
        if case.id in rows:
            continue
        row = rows[case.id] = _ask(answer, case.render(), folder / "pictures")
        append_row(lines, row)
        if progress:
            progress(len(rows), len(cases), row)
    return [rows[case.id] for case in cases]


def configuration(
    suite: str, editor_name: str, cases: Sequence[Planned], seed: int = 0, settings: Mapping | None = None
) -> dict:
    """What `run.json` holds: two runs may share a folder only when this is equal. Plain JSON."""
    ids = [case.id for case in cases]
    if len(set(ids)) != len(ids):
        raise ValueError("two cases of the suite have the same id")
    return {
        "format": FORMAT,
        "suite": suite,
        "editor": editor_name,
        "seed": seed,
        "settings": json.loads(json.dumps(dict(settings or {}))),
        "rule": {"inside_bound": INSIDE_BOUND, "outside_bound": OUTSIDE_BOUND, "margin": MARGIN},
        "count": len(ids),
        "cases": [{"id": case.id, "group": case.group} for case in cases],
    }


def case_seed(seed: int, case_id: str) -> int:
    """The seed an editor gets for a case: fixed by the case, whatever ran before it. In [0, 2**32)."""
    return crc32(f"{seed}|{case_id}".encode())


def _folder(out: Path, editor_name: str) -> Path:
    """The run's folder with room for pictures."""
    if not editor_name or editor_name.startswith(".") or any(sign in editor_name for sign in "/\\:\0"):
        raise SmartEditError(f"{editor_name!r} cannot name a results folder; use letters, digits, dots and dashes")
    try:
        (out / editor_name / "pictures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SmartEditError(f"cannot write results to {out} ({error.strerror}); choose another --out") from error
    return out / editor_name


def _answerer(editor: Editor | None, name: str, seed: int) -> Callable[[Case], Image.Image]:
    if editor is not None:
        return lambda case: editor(case.picture.copy(), case.instruction, case_seed(seed, case.id))
    if name not in ORACLES:
        raise SmartEditError(f"no built-in editor {name!r}; there are {', '.join(ORACLES)}")
    return ORACLES[name]


def _claim(path: Path, wanted: dict) -> None:
    """Write the configuration, or check that the one written before is the same."""
    if not path.exists():
        write_whole(path, lambda file: file.write(json.dumps(wanted, indent=1).encode()))
        return
    try:
        found = json.loads(path.read_text())
    except ValueError:
        raise SmartEditError(f"{path} is not readable JSON; move the folder away or choose another --out") from None
    different = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if different:
        raise SmartEditError(
            f"{path.parent} holds a run with another {', '.join(different)}; choose another --out or move it away"
        )


def _check_same_world(rows: Mapping[str, dict], cases: Sequence[Planned], folder: Path) -> None:
    """Refuse to go on when a finished case would be rendered differently today (one case is rendered to see)."""
    finished = [case for case in cases if case.id in rows]
    if finished and len(finished) < len(cases):
        last = finished[-1].render()
        if rows[last.id]["fingerprint"] != last.fingerprint:
            raise SmartEditError(f"{folder} was measured on other pictures of {last.id}; choose another --out")


def _ask(answer: Callable[[Case], Image.Image], case: Case, pictures: Path) -> dict:
    """The row of one case; the editor's picture is kept when there is one."""
    row = {"id": case.id, "group": case.group, "op": case.op, "instruction": case.instruction}
    row |= {"fingerprint": case.fingerprint, "success": False}
    started = time.perf_counter()
    try:
        result = _rgb(answer(case))
    except Exception as error:  # whatever an editor throws must not end the run
        return row | {"status": "raised", "error": f"{type(error).__name__}: {error}"[:500]}
    row["seconds"] = round(time.perf_counter() - started, 4)
    if not isinstance(result, Image.Image):
        return row | {"status": "no picture", "error": f"the editor answered with {type(result).__name__}"}
    if result.size != case.picture.size:
        return row | {"status": "wrong size", "error": f"{result.size} instead of {case.picture.size}"}
    write_whole(pictures / f"{case.id}.png", lambda file: result.save(file, "PNG"))
    return row | {"status": "judged"} | _measured(case, result)


def _rgb(answer: object) -> object:
    """A picture as RGB (which also decodes a lazy one, so that its errors are the editor's); else what came."""
    return answer.convert("RGB") if isinstance(answer, Image.Image) else answer


def _measured(case: Case, result: Image.Image) -> dict:
    source, answer, *truths = (np.asarray(picture) for picture in (case.picture, result, *case.truths))
    verdict = judge(source, answer, truths)
    return {
        "success": verdict.success,
        "inside_ratio": round(verdict.inside_ratio, 6),
        "outside_change": round(verdict.outside_change, 8),
        "region_iou": round(verdict.region_iou, 6),
        "excess": round(verdict.excess, 6),
        "truth": verdict.truth,
    }
