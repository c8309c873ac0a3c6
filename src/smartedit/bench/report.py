"""From rows to numbers that people can trust: rates with intervals, editors side by side, the worst cases first.

A rate is successes over finished cases; an editor that raised or answered with nothing has failed there, and cases that
were not run yet are counted in the open. Intervals are 95 % percentile bootstrap over cases (seeded, so a report is the
same every time); the difference of two editors is resampled over the cases both have finished.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit.bench.cases import UNDERSTANDING, Case
from smartedit.bench.rows import read_rows, write_whole
from smartedit.bench.run import ORACLES, STATUSES, Planned
from smartedit.bench.tables import markdown
from smartedit.errors import SmartEditError
from smartedit.world.sheet import contact_sheet

DRAWS = 2000
#: What must be equal before two runs may stand in one table.
SHARED = ("format", "suite", "rule", "cases")


@dataclass(frozen=True)
class Run:
    """One editor's results: its `run.json` and its rows."""

    name: str
    configuration: Mapping
    rows: tuple[Mapping, ...]

    @cached_property
    def by_id(self) -> dict[str, Mapping]:
        """The row of each finished case."""
        return {row["id"]: row for row in self.rows}

    @property
    def missing(self) -> list[str]:
        """Ids of the cases that were not run yet."""
        return [case["id"] for case in self.configuration["cases"] if case["id"] not in self.by_id]


def read_runs(out: str | Path) -> list[Run]:
    """The runs in the folders of `out`: best first, the oracles last.

    Raises SmartEditError when there is none, or when they are not about the same cases.
    """
    folders = sorted(path.parent for path in Path(out).glob("*/run.json"))
    if not folders:
        raise SmartEditError(f"no results in {out}; run: smartedit bench world --out {out}")
    runs = []
    for folder in folders:
        configuration = json.loads((folder / "run.json").read_text())
        runs.append(Run(configuration["editor"], configuration, tuple(read_rows(folder / "results.jsonl"))))
    for run in runs[1:]:
        _check_comparable(runs[0], run)
    return sorted(runs, key=lambda run: (run.name in ORACLES, -(rate(run.rows)["rate"] or 0), run.name))


def _check_comparable(one: Run, other: Run) -> None:
    different = [key for key in SHARED if one.configuration.get(key) != other.configuration.get(key)]
    different += [
        f"picture of {id}"
        for id in one.by_id.keys() & other.by_id.keys()
        if one.by_id[id]["fingerprint"] != other.by_id[id]["fingerprint"]
    ][:1]
    if different:
        names = f"{one.name} and {other.name}"
        raise SmartEditError(f"{names} have another {', '.join(different)}; measure both again in a new folder")


def mean_with_interval(values: Sequence[float], seed: int = 0) -> dict:
    """`cases`, `rate` (the mean) and its 95 % percentile bootstrap interval `low`, `high`; None for no values."""
    if not len(values):
        return {"cases": 0, "rate": None, "low": None, "high": None}
    data = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(data), size=(DRAWS, len(data)))
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5])
    return {"cases": len(data), "rate": float(data.mean()), "low": float(low), "high": float(high)}


def rate(rows: Sequence[Mapping]) -> dict:
    """Success rate of rows with its interval, and the means of what was measured on the judged ones.

    Keys: those of `mean_with_interval`, `successes`, and over judged rows (None without any) `inside_ratio`,
    `outside_change`, `region_iou`.
    """
    wins = [float(row["success"]) for row in rows]
    judged = [row for row in rows if row["status"] == "judged"]
    means = {
        key: float(np.mean([row[key] for row in judged])) if judged else None
        for key in ("inside_ratio", "outside_change", "region_iou")
    }
    return mean_with_interval(wins) | {"successes": int(sum(wins))} | means


def slices(configuration: Mapping) -> dict[str, tuple[str, ...]]:
    """Row name -> groups in it: each group of the suite, then "understanding" (five groups) and "all"."""
    groups = list(dict.fromkeys(case["group"] for case in configuration["cases"]))
    table = {group: (group,) for group in groups}
    if understanding := tuple(group for group in UNDERSTANDING if group in groups):
        table["understanding"] = understanding
    return table | {"all": tuple(groups)}


def difference(one: Run, other: Run, groups: Iterable[str]) -> dict:
    """Success of `one` minus success of `other` over the cases of `groups` that both have finished, with interval."""
    groups = set(groups)
    common = [id for id, row in one.by_id.items() if id in other.by_id and row["group"] in groups]
    return mean_with_interval([float(one.by_id[id]["success"]) - float(other.by_id[id]["success"]) for id in common])


def summary(runs: Sequence[Run]) -> dict:
    """Everything the report says, as plain JSON: per editor its groups, operations, statuses and missing cases."""
    first = runs[0]
    table = slices(first.configuration)
    return {
        "suite": first.configuration["suite"],
        "rule": first.configuration["rule"],
        "count": first.configuration["count"],
        "editors": {run.name: _editor(run, table) for run in runs},
        "differences": {
            f"{first.name} - {other.name}": {name: difference(first, other, groups) for name, groups in table.items()}
            for other in runs[1:]
            if other.name not in ORACLES
        },
    }


def _editor(run: Run, table: Mapping[str, tuple[str, ...]]) -> dict:
    statuses = Counter(row["status"] for row in run.rows)
    seconds = [row["seconds"] for row in run.rows if "seconds" in row]
    ops = sorted({row["op"] for row in run.rows})
    return {
        "settings": run.configuration["settings"],
        "seed": run.configuration["seed"],
        "groups": {name: rate([row for row in run.rows if row["group"] in groups]) for name, groups in table.items()},
        "plain_by_operation": {
            op: rate(rows) for op in ops if (rows := [r for r in run.rows if r["op"] == op and r["group"] == "plain"])
        },
        "statuses": {status: statuses[status] for status in STATUSES},
        "failed": [{key: row[key] for key in ("id", "status", "error")} for row in run.rows if "error" in row],
        "missing": run.missing,
        "median_seconds": float(np.median(seconds)) if seconds else None,
    }


def worst_first(run: Run) -> list[Mapping]:
    """Rows with the worst first: those without a judged picture, then by how far the rule's bounds were exceeded."""
    return sorted(run.rows, key=lambda row: -row.get("excess", float("inf")))


def write_report(out: str | Path, cases: Sequence[Planned] = (), worst: int = 24) -> Path:
    """Write `results.json` and `report.md` about the runs in `out`; returns the path of the Markdown.

    With the suite's `cases` (rendered again where needed) also `OUT/EDITOR/worst.png` for each editor: before,
    instruction, result and nearest truth of the `worst` cases. Raises SmartEditError as `read_runs` does.
    """
    out = Path(out)
    runs = read_runs(out)
    result = summary(runs)
    write_whole(out / "results.json", lambda file: file.write(json.dumps(result, indent=1, allow_nan=False).encode()))
    write_whole(out / "report.md", lambda file: file.write(markdown(result).encode()))
    planned = {case.id: case for case in cases}
    for run in runs:
        shown = [row for row in worst_first(run) if row["id"] in planned][:worst]
        if shown:
            rows = [_shown(out / run.name, row, planned[row["id"]].render()) for row in shown]
            sheet = contact_sheet(rows, headings=("before", run.name, "nearest truth"))
            write_whole(out / run.name / "worst.png", lambda file: sheet.save(file, "PNG"))
    return out / "report.md"


def _shown(folder: Path, row: Mapping, case: Case) -> tuple:
    """A row of the contact sheet: before, words and verdict, answer (blank where there is none), nearest truth."""
    if row["status"] == "judged":
        answer, verdict = Image.open(folder / "pictures" / f"{case.id}.png"), f"uses {row['excess']:.2f} of the bounds"
    else:
        answer, verdict = Image.new("RGB", case.picture.size, "lightgray"), row["status"]
    return case.picture, f"{row['instruction']} ({case.id}: {verdict})", answer, case.truths[row.get("truth", 0)]
