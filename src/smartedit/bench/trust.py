"""Which metric to trust: where success is known exactly, how well does each metric put answers, and editors, in order?

Three views of the same question, each with a 95 % bootstrap interval over cases; a metric is turned so that more is better:

* `answers`: Spearman's rank correlation of the metric with exact success over all answers of all editors;
* `pairs`: of all pairs of a right and a wrong answer to one question, how many the metric puts in order (0.5 is chance);
* `editors`: Spearman's rank correlation over editors of mean metric and success rate, which is what a table of results shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from smartedit.bench.measure import METRICS, plain
from smartedit.bench.report import Run, read_runs, slices
from smartedit.bench.rows import write_whole
from smartedit.bench.statistics import pairs_right, rank_correlation
from smartedit.bench.tables import table

#: Resamplings: fewer than for means, since each ranks thousands of answers again.
DRAWS = 200
VIEWS = ("answers", "pairs", "editors")


def write_trust(out: str | Path, to: str | Path) -> Path:
    """Compare every metric with exact success over the runs in `out`; writes the JSON `to` and gives its path."""
    runs, _ = read_runs(out)
    result = trust(runs)
    to = Path(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    write_whole(to, lambda file: file.write((json.dumps(result, indent=1, allow_nan=False) + "\n").encode()))
    return to


def trust(runs: Sequence[Run]) -> dict:
    """`suite`, `count`, success rate and settings of each of `editors`, and `metrics`: metric -> group -> view -> value, low, high.

    `holes` are the metrics that no editor was measured by.
    """
    groups = slices(runs[0].configuration)
    wins = {run.name: {row["id"]: bool(row["success"]) for row in run.asked} for run in runs}
    measured = [metric for metric in METRICS if any(run.values(metric, groups["all"]) for run in runs)]
    return {
        "suite": runs[0].configuration["suite"],
        "count": runs[0].configuration["count"],
        "editors": {run.name: _editor(run, list(wins[run.name].values())) for run in runs},
        "metrics": {
            metric: {name: views for name, members in groups.items() if (views := _views(metric, members, runs, wins))}
            for metric in measured
        },
        "holes": [metric for metric in METRICS if metric not in measured],
    }


def _editor(run: Run, wins: Sequence[bool]) -> dict:
    return {"rate": round(float(np.mean(wins)), 4), "cases": len(wins), "settings": run.configuration["settings"]}


def _views(metric: str, groups: Sequence[str], runs: Sequence[Run], wins: Mapping[str, Mapping[str, bool]]) -> dict:
    """The three views over the cases of some groups; a view that is not defined is left out."""
    sign = 1 if METRICS[metric].more_is_better else -1
    columns = [run.values(metric, groups) for run in runs]
    ids = sorted(set.union(*(set(column) for column in columns)))
    if not ids:
        return {}
    values = np.array([[sign * column.get(id, np.nan) for column in columns] for id in ids])
    success = np.array([[wins[run.name].get(id, False) for run in runs] for id in ids])
    found = {"cases": len(ids)}
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(ids), (DRAWS, len(ids)))
    for view, compute in (("answers", _answers), ("pairs", _pairs), ("editors", _editors)):
        of = compute(values, success)
        value = of(np.arange(len(ids)))
        if not np.isnan(value):
            low, high = np.nanpercentile([of(picks) for picks in draws], [2.5, 97.5])
            found[view] = {key: plain(round(float(number), 4)) for key, number in (("value", value), ("low", low), ("high", high))}
    return found


#: A view of cases (numbers of rows, with repeats) that were drawn; nan where it is not defined.
View = Callable[[np.ndarray], float]


def _answers(values: np.ndarray, success: np.ndarray) -> View:
    def of(picks: np.ndarray) -> float:
        known = ~np.isnan(values[picks])
        return rank_correlation(values[picks][known], success[picks][known])

    return of


def _pairs(values: np.ndarray, success: np.ndarray) -> View:
    counts = np.array([pairs_right(row[~np.isnan(row)], wins[~np.isnan(row)]) for row, wins in zip(values, success, strict=True)])

    def of(picks: np.ndarray) -> float:
        right, total = counts[picks].sum(axis=0)
        return right / total if total else float("nan")

    return of


def _editors(values: np.ndarray, success: np.ndarray) -> View:
    def of(picks: np.ndarray) -> float:
        known = ~np.isnan(values[picks]).all(axis=0)
        return rank_correlation(np.nanmean(values[picks][:, known], axis=0), success[picks][:, known].mean(axis=0))

    return of


def overview(result: Mapping) -> str:
    """The table of all metrics over all cases, best first by `pairs`, as Markdown."""
    rows = [(metric, groups["all"]) for metric, groups in result["metrics"].items() if "all" in groups]
    rows.sort(key=lambda row: -row[1].get("pairs", {"value": 0})["value"])
    heads = ["metric", "editors in order (rho)", "answers in order (rho)", "right before wrong (of pairs)"]
    return table(heads, [[METRICS[m].label, *(_cell(views.get(view)) for view in ("editors", "answers", "pairs"))] for m, views in rows])


def by_group(result: Mapping) -> str:
    """Metrics down, groups across: the share of pairs in order, as Markdown."""
    groups = list(dict.fromkeys(group for views in result["metrics"].values() for group in views))
    rows = [
        [METRICS[metric].label, *(_cell(views.get(group, {}).get("pairs")) for group in groups)]
        for metric, views in result["metrics"].items()
    ]
    return table(["right before wrong", *groups], rows)


def editors_table(result: Mapping) -> str:
    """The editors that were compared, with their exact success."""
    told = {name: ", ".join(f"{key} {value}" for key, value in editor["settings"].items()) for name, editor in result["editors"].items()}
    rows = [[name, f"{editor['rate']:.2f}", str(editor["cases"]), told[name] or "-"] for name, editor in result["editors"].items()]
    return table(["editor", "exact success", "cases", "settings"], rows)


def _cell(value: Mapping | None) -> str:
    return "-" if value is None else f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"
