"""A summary of a benchmark as a Markdown page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from smartedit.bench.measure import METRICS
from smartedit.bench.oracles import ORACLES

#: Rows whose measures the Markdown shows; `results.json` and the page have every group's.
_SHOWN = ("understanding", "reasoning", "all")


def markdown(result: Mapping) -> str:
    """A `summary` as Markdown: rates per group, differences, measures with their rules, people and models, what went wrong."""
    editors = result["editors"]
    parts = [f"# {result['suite']}: {result['count']} cases", *_incomplete(result)]
    if result["exact"]:
        parts += [rule_words(result["rule"]), rates(result)]
        if result["differences"]:
            parts += ["## Differences on the same cases", _rates(result["differences"], "group")]
        if any(editor["plain_by_operation"] for editor in editors.values()):
            plain = {name: editor["plain_by_operation"] for name, editor in editors.items()}
            parts += ["## Plain edits by operation", _rates(plain, "operation")]
    parts += [f"## {title}\n\n{table}" for title, table in measure_tables(result).items()]
    parts += [*_alignment(result), *_field(result)]
    parts += ["## How the edits went", _verdicts(editors), "## What became of the cases", _statuses(editors)]
    parts += [_failures(name, editor) for name, editor in editors.items() if editor["failed"]]
    return "\n\n".join(parts) + "\n"


def headline(result: Mapping) -> str:
    """The one table that README and model card show: rates per group of every editor in a `summary`, oracles left out."""
    editors = {name: editor["groups"] for name, editor in result["editors"].items() if name not in ORACLES}
    return _rates(editors, f"{result['count']} cases of {result['suite']}")


def rule_words(rule: Mapping) -> str:
    """The exact rule in a sentence."""
    return (
        f"Success rate with 95 % bootstrap interval. A case succeeds when the error inside the changed region is at "
        f"most {rule['inside_bound']:g} of the source's own, and the mean change outside it (grown by {rule['margin']} "
        f"px) at most {rule['outside_bound'] * 255:g}/255."
    )


def rates(result: Mapping) -> str:
    """Exact success per group and editor."""
    return _rates({name: editor["groups"] for name, editor in result["editors"].items()}, "group")


def measure_tables(result: Mapping, shown: Sequence[str] | None = _SHOWN) -> dict[str, str]:
    """Title -> table of every metric and editor, for the groups in `shown` (None: all); the rules; what is missing."""
    editors = result["editors"]
    metrics = [metric for metric in METRICS if any(metric in editor["measures"] for editor in editors.values())]
    groups = next(iter(editors.values()))["groups"]
    shown = [name for name in groups if metrics and (shown is None or name in shown)]
    tables = {f"Measures, {name}": _measures(editors, metrics, name) for name in shown}
    if metrics:
        rows = [[METRICS[m].label, "more" if METRICS[m].more_is_better else "less", METRICS[m].rule] for m in metrics]
        tables["How each was measured"] = table(["measure", "better", "rule"], rows)
    if any(result["measure_differences"].values()):
        pairs = result["measure_differences"]
        rows = [[METRICS[m].label, *(_mean(pair.get(m), METRICS[m].digits) for pair in pairs.values())] for m in metrics]
        tables["Differences of measures on the same cases"] = table(["measure", *pairs], rows)
    if holes := list(_holes(editors)):
        tables["What could not be measured"] = "\n".join(holes)
    return tables


def _measures(editors: Mapping[str, Mapping], metrics: Sequence[str], group: str) -> str:
    """One row a metric, one column an editor, over the cases of a group."""
    rows = []
    for metric in metrics:
        cells = (_mean(editor["measures"].get(metric, {}).get(group), METRICS[metric].digits) for editor in editors.values())
        rows.append([METRICS[metric].label, *cells])
    return table(["measure", *editors], rows)


def _holes(editors: Mapping[str, Mapping]) -> Iterator[str]:
    for name, editor in editors.items():
        for hole in editor["holes"]:
            label = METRICS[hole["metric"]].label if hole["metric"] in METRICS else hole["metric"]
            yield f"- {name}: {label}, {hole['cases']} cases: {hole['reason']}"


def _incomplete(result: Mapping) -> list[str]:
    """What the numbers do not cover: cases that the suite lacks, runs that did not fit."""
    parts = []
    if result["left_out"]:
        reasons = Counter(one["reason"] for one in result["left_out"])
        ids = {reason: [one["id"] for one in result["left_out"] if one["reason"] == reason] for reason in reasons}
        lines = [f"- {count} x {reason}: {_some(ids[reason])}" for reason, count in reasons.items()]
        parts += [f"**{len(result['left_out'])} more could not be asked**, and no number below covers them:\n\n" + "\n".join(lines)]
    if result["refused"]:
        parts += ["**Left out of the tables:**\n\n" + "\n".join(f"- {why}" for why in result["refused"])]
    return parts


def _some(ids: Sequence[str], most: int = 5) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")


def _alignment(result: Mapping) -> list[str]:
    """Ins-align by people and by models, with what is needed to judge the judges."""
    parts = []
    if raters := result.get("raters"):
        alpha = "not defined" if raters["alpha"] is None else f"{raters['alpha']:.2f}"
        rows = [[name, _mean(value, 3)] for name, value in raters["editors"].items()]
        about = f"0, 0.5 or 1, blind and shuffled; {raters['raters']} raters, {raters['ratings']} ratings, Krippendorff's alpha {alpha}."
        parts += ["## Ins-align by people", about, table(["editor", "mean over cases"], rows)]
    for judge in result.get("judges", ()):
        rows = [[name, _mean(value, 3), str(value["errors"])] for name, value in judge["editors"].items()]
        parts += [f"## Ins-align by {judge['judge']}", table(["editor", "mean over cases", "judge errors (not in the mean)"], rows),
                  f"Prompt {judge['prompt_version']}, temperature 0:\n\n```text\n{judge['prompt']}\n```"]  # fmt: skip
    return parts


def _field(result: Mapping) -> list[str]:
    """Published numbers, where the protocol is the same."""
    if not result["field"]:
        return []
    rows = [[row["method"], row["split"], row["measure"], f"{row['value']:g}", row["mark"], row["source"]] for row in result["field"]]
    return ["## The field, same protocol (strict)", table(["method", "split", "measure", "value", "mark", "source"], rows)]


def _rates(columns: Mapping[str, Mapping[str, Mapping]], what: str) -> str:
    """One row a group or operation, one column an editor; the number of cases stands in each cell."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return table(
        [what, *columns], [[name, *(_mean(column.get(name), 2) for column in columns.values())] for name in names]
    )


def _mean(value: Mapping | None, digits: int) -> str:
    """A mean with its interval and its number of cases."""
    if not value or value["rate"] is None:
        return f"no mean of {value['cases']}" if value and value["cases"] else "no case yet"
    mean, low, high = (f"{float(value[key]):.{digits}f}" for key in ("rate", "low", "high"))
    return f"{mean} [{low}, {high}] of {value['cases']}"


def _verdicts(editors: Mapping[str, Mapping]) -> str:
    rows = []
    for name, editor in editors.items():
        whole = editor["groups"]["all"]
        outside = whole["outside_change"]
        rows.append([name, _number(whole["inside_ratio"]), _number(outside and outside * 255), _number(whole["region_iou"])])
        peaks = ("-" if editor[key] is None else str(editor[key]) for key in ("peak_mb", "peak_gpu_mb"))
        rows[-1] += [_number(editor["median_seconds"]), *peaks]
    heads = ["editor", "mean inside ratio", "mean outside change (of 255)", "mean region IoU", "median seconds", "peak MB", "peak GPU MB"]
    return table(heads, rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _statuses(editors: Mapping[str, Mapping]) -> str:
    statuses = list(next(iter(editors.values()))["statuses"])
    rows = [
        [name, *(str(editor["statuses"][status]) for status in statuses), str(len(editor["missing"]))]
        for name, editor in editors.items()
    ]
    return table(["editor", *statuses, "not run yet"], rows)


def _failures(name: str, editor: Mapping, most: int = 10) -> str:
    failed = editor["failed"]
    lines = [f"- {row['id']}: {row['status']}: {' '.join(row['error'].split())}" for row in failed[:most]]
    if len(failed) > most:
        lines.append(f"- and {len(failed) - most} more in results.json")
    return f"{name} gave no picture that could be judged (counted as failures, unless the case could not be asked):\n\n" + "\n".join(lines)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars in cells become slashes."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in line) + " |" for line in lines)
