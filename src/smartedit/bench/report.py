"""From rows to numbers that people can trust: rates and means with intervals, editors side by side.

A rate is successes over finished cases; an editor that raised or answered with nothing has failed there, and cases that
were not run yet, or that the suite could not ask, are counted in the open. Intervals are 95 % percentile bootstrap over
cases (seeded, so a report is the same every time); the difference of two editors is resampled over the cases both have
finished.
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

from smartedit.bench import field, mllm, rating
from smartedit.bench.cases import UNDERSTANDING, Case, Planned
from smartedit.bench.measure import METRICS, measures, plain
from smartedit.bench.page import write_page
from smartedit.bench.rows import read_rows, write_whole
from smartedit.bench.run import ANSWERED, STATUSES
from smartedit.bench.statistics import mean_with_interval
from smartedit.bench.tables import markdown
from smartedit.errors import SmartEditError
from smartedit.world.sheet import contact_sheet

#: What must be equal before two runs may stand in one table.
SHARED = ("format", "suite", "version", "rule", "cases", "left_out")
#: The two that end every table.
HONEST = ("identity", "oracle")


@dataclass(frozen=True)
class Run:
    """One editor's results: its `run.json`, its rows, and what was measured of its pictures by id."""

    name: str
    configuration: Mapping
    rows: tuple[Mapping, ...]
    measures: Mapping[str, Mapping]

    @cached_property
    def by_id(self) -> dict[str, Mapping]:
        """The row of each finished case."""
        return {row["id"]: row for row in self.rows}

    @property
    def asked(self) -> list[Mapping]:
        """The rows of cases that the suite could ask."""
        return [row for row in self.rows if row["status"] != "unaskable"]

    @property
    def missing(self) -> list[str]:
        """Ids of the cases that were not run yet."""
        return [case["id"] for case in self.configuration["cases"] if case["id"] not in self.by_id]

    def values(self, metric: str, groups: Iterable[str]) -> dict[str, float]:
        """Id -> value of a metric, over the cases of some groups that have one."""
        groups, (kind, _, key) = set(groups), metric.partition(".")
        rows = [row for row in self.rows if row["group"] in groups]
        if kind == "judge":
            return {row["id"]: row[key] for row in rows if key in row}
        measured = {row["id"]: self.measures[row["id"]]["values"] for row in rows if row["id"] in self.measures}
        return {id: float(values[metric]) for id, values in measured.items() if metric in values}


def read_runs(out: str | Path) -> tuple[list[Run], list[str]]:
    """The runs in the folders of `out`, best first, identity and oracle last; and why each other folder has no place beside them.

    The run that was begun last says which suite and version the table is about. Raises SmartEditError when there is none.
    """
    found = sorted(Path(out).glob("*/run.json"), key=lambda path: (path.stat().st_mtime_ns, path))
    if not found:
        raise SmartEditError(f"no results in {out}; run: smartedit bench run SUITE --editor NAME --out {out}")
    runs = [_read(path.parent) for path in found]
    latest = runs[-1]
    refused = [f"{run.name} {why}" for run in runs if (why := _other(run, latest))]
    kept = [run for run in runs if not _other(run, latest)]
    return sorted(kept, key=lambda run: (run.name in HONEST, -(rate(run.asked)["rate"] or 0), run.name)), refused


def _read(folder: Path) -> Run:
    try:
        configuration = json.loads((folder / "run.json").read_text())
    except ValueError:
        raise SmartEditError(f"{folder / 'run.json'} is not readable JSON; move the folder away") from None
    return Run(folder.name, configuration, tuple(read_rows(folder / "results.jsonl")), measures(folder / "measures.jsonl"))


def _other(run: Run, latest: Run) -> str | None:
    """In which way a run is about something else than the latest; None when it is not."""
    different = [key for key in SHARED if run.configuration.get(key) != latest.configuration.get(key)]
    seen = [{id: row["fingerprint"] for id, row in one.by_id.items() if "fingerprint" in row} for one in (run, latest)]
    different += [f"picture of {id}" for id in seen[0].keys() & seen[1].keys() if seen[0][id] != seen[1][id]][:1]
    if not different:
        return None
    one, other = run.configuration, latest.configuration
    short = [f"{key} {one.get(key)!r}, not {other.get(key)!r}" for key in different if key in ("suite", "version", "format")]
    told = short or [f"another {key}" for key in different]
    return f"is about something else than {latest.name} ({', '.join(told)}); measure it again in a new folder"


def rate(rows: Sequence[Mapping]) -> dict:
    """Success rate of rows with its interval, and the means of what the judge found on the judged ones.

    Keys: those of `mean_with_interval` (None where success is not known exactly), `successes`, and over judged rows (None
    without any) `inside_ratio`, `outside_change`, `region_iou`.
    """
    wins = [float(row["success"]) for row in rows if row["success"] is not None]
    judged = [row for row in rows if "inside_ratio" in row]
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
    rows = ([row for row in run.asked if row["group"] in groups and row["success"] is not None] for run in (one, other))
    return _paired(*({row["id"]: float(row["success"]) for row in some} for some in rows))


def _paired(one: Mapping[str, float], other: Mapping[str, float]) -> dict:
    """The mean difference over common ids; two infinities are equal."""
    common = [id for id in one if id in other]
    return mean_with_interval([0.0 if one[id] == other[id] else one[id] - other[id] for id in common])


def summary(runs: Sequence[Run], refused: Sequence[str] = ()) -> dict:
    """Everything the report says, as plain JSON: per editor its groups, measures, statuses, holes and missing cases."""
    first = runs[0]
    table = slices(first.configuration)
    rivals = [run for run in runs[1:] if run.name not in HONEST]
    shared = {key: first.configuration[key] for key in ("suite", "version", "exact", "rule", "count", "left_out")}
    return _finite({
        **shared,
        "refused": list(refused),
        "editors": {run.name: _editor(run, table) for run in runs},
        "differences": {
            f"{first.name} - {run.name}": {name: difference(first, run, groups) for name, groups in table.items()} for run in rivals
        } if first.configuration["exact"] else {},
        "measure_differences": {
            f"{first.name} - {run.name}": {
                metric: gap for metric in METRICS
                if (gap := _paired(first.values(metric, table["all"]), run.values(metric, table["all"])))["cases"]
            } for run in rivals
        },
        "field": field.comparable(first.configuration["suite"]),
    })  # fmt: skip


def _finite(value: object) -> object:
    """The same with infinities as JSON can hold them."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return plain(value) if isinstance(value, float) and not np.isfinite(value) else value


def _editor(run: Run, table: Mapping[str, tuple[str, ...]]) -> dict:
    statuses = Counter(row["status"] for row in run.rows)
    seconds = [row["seconds"] for row in run.rows if "seconds" in row]
    ops = sorted({row["op"] for row in run.asked})
    peaks = {key: max((row[key] for row in run.rows if key in row), default=None) for key in ("peak_mb", "peak_gpu_mb")}
    return {
        "settings": run.configuration["settings"],
        "seed": run.configuration["seed"],
        "groups": {name: rate([row for row in run.asked if row["group"] in groups]) for name, groups in table.items()},
        "plain_by_operation": {
            op: rate(rows) for op in ops if (rows := [r for r in run.asked if r["op"] == op and r["group"] == "plain"])
        },
        "measures": {metric: _means(run, metric, table) for metric in METRICS if run.values(metric, table["all"])},
        "holes": _holes(run),
        "statuses": {status: statuses[status] for status in STATUSES},
        "failed": [{key: row[key] for key in ("id", "status", "error")} for row in run.rows if "error" in row],
        "missing": run.missing,
        "median_seconds": float(np.median(seconds)) if seconds else None,
        **peaks,
    }  # fmt: skip


def _means(run: Run, metric: str, table: Mapping[str, tuple[str, ...]]) -> dict[str, dict]:
    return {name: mean_with_interval(list(run.values(metric, groups).values())) for name, groups in table.items()}


def _holes(run: Run) -> list[dict]:
    """What could not be measured: `metric`, `reason`, and on how many `cases`."""
    counts = Counter((metric, reason) for found in run.measures.values() for metric, reason in found["holes"].items())
    return [{"metric": metric, "reason": reason, "cases": count} for (metric, reason), count in counts.items()]


def worst_first(run: Run) -> list[Mapping]:
    """Rows with the worst first: those without a judged picture, then by how far the rule's bounds were exceeded."""
    return sorted(run.rows, key=lambda row: -row.get("excess", float("inf")))


def write_report(out: str | Path, cases: Sequence[Planned] = (), worst: int = 24) -> Path:
    """Write `results.json` and `report.md` about the runs in `out`; returns the path of the Markdown.

    With the suite's `cases` (rendered again where needed) also `report.html`, all of it in one file, and for each editor
    `OUT/EDITOR/worst.png`: before, instruction, result and nearest truth of the `worst` cases. Raises SmartEditError as
    `read_runs` does.
    """
    out = Path(out)
    runs, refused = read_runs(out)
    result = summary(runs, refused) | {"raters": rating.summary(out), "judges": mllm.summary(out)}
    write_whole(out / "results.json", lambda file: file.write(json.dumps(result, indent=1, allow_nan=False).encode()))
    write_whole(out / "report.md", lambda file: file.write(markdown(result).encode()))
    planned = {case.id: case for case in cases}
    if planned:
        _find_pictures(out, runs)
        write_page(out, result, runs, planned)
        for run in runs:
            _write_worst(out / run.name, [row for row in worst_first(run) if row["status"] != "unaskable"][:worst], planned)
    return out / "report.md"


def _find_pictures(out: Path, runs: Sequence[Run]) -> None:
    for run in runs:
        answers = (out / run.name / "pictures" / f"{row['id']}.png" for row in run.rows if row["status"] in ANSWERED)
        if gone := next((path for path in answers if not path.exists()), None):
            raise SmartEditError(f"{gone} is gone, though a result tells of it; delete {out / run.name} and run that editor again")


def _write_worst(folder: Path, rows: Sequence[Mapping], planned: Mapping[str, Planned]) -> None:
    shown = [_shown(folder, row, planned[row["id"]].render()) for row in rows if row["id"] in planned]
    if shown:
        sheet = contact_sheet(shown, headings=("before", folder.name, "nearest truth"))
        write_whole(folder / "worst.png", lambda file: sheet.save(file, "PNG"))


def _shown(folder: Path, row: Mapping, case: Case) -> tuple:
    """A row of the contact sheet: before, words and verdict, answer (blank where there is none), nearest truth if any."""
    if row["status"] in ANSWERED:
        answer, verdict = Image.open(folder / "pictures" / f"{case.id}.png"), row["status"]
        verdict = f"uses {row['excess']:.2f} of the bounds" if "excess" in row else verdict
    else:
        answer, verdict = Image.new("RGB", case.picture.size, "lightgray"), row["status"]
    truth = case.truths[row.get("truth", 0) : row.get("truth", 0) + 1]
    return case.picture, f"{case.instruction} ({case.id}: {verdict})", answer, *truth
