"""An editor on every case of a suite: one JSON line for each finished case, resumable after any kind of end.

A run lives in `OUT/EDITOR/`: `run.json` (what was asked, written first), `results.jsonl` (one row a case) and
`pictures/` (what the editor answered). A killed run loses at most the cases it was working on; the same call goes on.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case, Planned, Suite
from smartedit.bench.editors import Entrant
from smartedit.bench.judge import INSIDE_BOUND, MARGIN, OUTSIDE_BOUND, judge
from smartedit.bench.rows import append_row, mend, read_rows, write_whole
from smartedit.bench.workers import Lost, each
from smartedit.errors import SmartEditError

Progress = Callable[[int, int, Mapping], None]
#: How tasks are worked on: (job, tasks) -> (number, result) as they are done. `workers.each` or `cluster.each_on_ray`.
Spread = Callable[..., Iterator[tuple[int, object]]]

#: What became of a case. "resized" (only in suites without exact truth) was judged after scaling to the case's size.
#: "unaskable" is the suite's fault and leaves a hole; everything else but "judged" is a failure of the editor.
STATUSES = ("judged", "resized", "raised", "no picture", "wrong size", "too slow", "died", "unaskable")
ANSWERED = ("judged", "resized")
FORMAT = 2


def run(
    suite: Suite,
    entrant: Entrant,
    out: str | Path,
    seed: int = 0,
    processes: int = 0,
    deadline: float | None = None,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> list[dict]:
    """Rows of all cases of the suite in their order, asking the entrant only for those that have none in `OUT/NAME/`.

    `processes=0` asks here and cannot stop an editor that hangs; with more, the entrant must be picklable and a case may
    take `deadline` seconds. `spread` replaces the local processes, by a cluster for one. `progress(done, total, row)` is
    called after every case. An editor that raises, hangs, dies, answers with nothing or with another size gets a row
    that says so, and the run goes on.

    Raises SmartEditError when the folder holds a run with another configuration or of other cases, when it cannot be
    written, or what opening the editor raises.
    """
    folder = _folder(Path(out), entrant.name)
    _claim(folder / "run.json", configuration(suite, entrant, seed))
    lines = folder / "results.jsonl"
    mend(lines)
    rows = {row["id"]: row for row in read_rows(lines)}
    _check_same_world(rows, suite, folder)
    todo = [case for case in suite.cases if case.id not in rows]
    spread = spread or partial(each, processes=processes, deadline=deadline)
    for number, answer in spread(_Asking(entrant, suite.exact, seed), todo):
        row = rows[todo[number].id] = _keep(answer, _row(todo[number], suite.exact), folder / "pictures")
        append_row(lines, row)
        if progress:
            progress(len(rows), len(suite.cases), row)
    return [rows[case.id] for case in suite.cases]


def configuration(suite: Suite, entrant: Entrant, seed: int = 0) -> dict:
    """What `run.json` holds: two runs may share a folder only when this is equal. Plain JSON."""
    ids = [case.id for case in suite.cases]
    if len(set(ids)) != len(ids):
        raise ValueError("two cases of the suite have the same id")
    return {
        "format": FORMAT,
        "suite": suite.name,
        "version": suite.version,
        "editor": entrant.name,
        "seed": seed,
        "settings": json.loads(json.dumps(dict(entrant.settings))),
        "exact": suite.exact,
        "rule": {"inside_bound": INSIDE_BOUND, "outside_bound": OUTSIDE_BOUND, "margin": MARGIN},
        "count": len(ids),
        "left_out": [asdict(one) for one in suite.left_out],
        "cases": [{"id": case.id, "group": case.group} for case in suite.cases],
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


def _check_same_world(rows: Mapping[str, dict], suite: Suite, folder: Path) -> None:
    """Refuse to go on when a finished case would look different today (one case is rendered to see)."""
    finished = [case for case in suite.cases if rows.get(case.id, {}).get("fingerprint")]
    if finished and len(rows) < len(suite.cases):
        last = finished[-1].render()
        if rows[last.id]["fingerprint"] != last.fingerprint:
            raise SmartEditError(f"{folder} was measured on other pictures of {last.id}; choose another --out")


@dataclass(frozen=True)
class _Asking:
    """The job: open the editor, then case -> (row, PNG bytes of its answer or None)."""

    entrant: Entrant
    exact: bool
    seed: int

    def open(self) -> Callable[[Planned], tuple[dict, bytes | None]]:
        editor = self.entrant.open()
        return lambda planned: self._ask(editor, planned)

    def _ask(self, editor: Callable, planned: Planned) -> tuple[dict, bytes | None]:
        row = _row(planned, self.exact)
        try:
            case = planned.render()
        except SmartEditError as error:
            return row | {"status": "unaskable", "error": str(error)}, None
        row |= {"op": case.op, "instruction": case.instruction, "fingerprint": case.fingerprint}
        started = time.perf_counter()
        try:
            result = _rgb(self._answer(editor, case))
        except Exception as error:  # whatever an editor throws must not end the run
            return row | {"status": "raised", "error": f"{type(error).__name__}: {error}"[:500]}, None
        row |= {"seconds": round(time.perf_counter() - started, 4)} | _peak_memory()
        return _judged(row, case, result, self.exact)

    def _answer(self, editor: Callable, case: Case) -> object:
        if self.entrant.sees_case:
            return editor(case, case_seed(self.seed, case.id))
        picture = case.picture.copy()
        for id, words in (*case.earlier, (case.id, case.instruction)):
            picture = editor(picture, words, case_seed(self.seed, id))
        return picture


def _judged(row: dict, case: Case, result: object, exact: bool) -> tuple[dict, bytes | None]:
    """The row with its status and, where truth is exact, its verdict; and the picture."""
    if not isinstance(result, Image.Image):
        return row | {"status": "no picture", "error": f"the editor answered with {type(result).__name__}"}, None
    status = "judged"
    if result.size != case.picture.size:
        error = f"{result.size} instead of {case.picture.size}"
        if exact or not all(result.size):
            return row | {"status": "wrong size", "error": error}, None
        status, row = "resized", row | {"note": error}
    data = io.BytesIO()
    result.save(data, "PNG")
    return row | {"status": status} | (_measured(case, result) if exact else {}), data.getvalue()


def _row(case: Planned, exact: bool) -> dict:
    """The row of a case that nothing is known of yet: a failure, or nothing at all where success is not known exactly."""
    return {"id": case.id, "group": case.group, "op": "", "instruction": "", "success": False if exact else None}


def _keep(answer: tuple[dict, bytes | None] | Lost, row: dict, pictures: Path) -> dict:
    """Store the picture of an answer; its row, which for a lost one is the bare `row`."""
    if isinstance(answer, Lost):
        return row | asdict(answer)
    row, png = answer
    if png is not None:
        write_whole(pictures / f"{row['id']}.png", lambda file: file.write(png))
    return row


def _rgb(answer: object) -> object:
    """A picture as RGB (which also decodes a lazy one, so that its errors are the editor's); else what came."""
    return answer.convert("RGB") if isinstance(answer, Image.Image) else answer


def _peak_memory() -> dict:
    """The largest memory this process has held so far, in MB; of the GPU's too, where one was used."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    unit = 2**20 if sys.platform == "darwin" else 2**10
    found = {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        found["peak_gpu_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return found


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
