"""A summary of a benchmark as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartedit.bench.run import ORACLES, STATUSES


def markdown(result: Mapping) -> str:
    """A `summary` as Markdown: rates per group, differences, plain edits per operation, what went wrong."""
    editors = result["editors"]
    rule = result["rule"]
    parts = [
        f"# {result['suite']}: {result['count']} cases",
        f"Success rate with 95 % bootstrap interval. A case succeeds when the error inside the changed region is at "
        f"most {rule['inside_bound']:g} of the source's own, and the mean change outside it (grown by {rule['margin']} "
        f"px) at most {rule['outside_bound'] * 255:g}/255.",
        _rates({name: editor["groups"] for name, editor in editors.items()}, "group"),
    ]
    if result["differences"]:
        parts += ["## Differences on the same cases", _rates(result["differences"], "group")]
    if any(editor["plain_by_operation"] for editor in editors.values()):
        parts += ["## Plain edits by operation"]
        parts += [_rates({name: editor["plain_by_operation"] for name, editor in editors.items()}, "operation")]
    parts += ["## How the edits went", _measures(editors), "## What became of the cases", _statuses(editors)]
    parts += [_failures(name, editor) for name, editor in editors.items() if editor["failed"]]
    return "\n\n".join(parts) + "\n"


def headline(result: Mapping) -> str:
    """The one table that README and model card show: rates per group of every editor in a `summary`, oracles left out."""
    editors = {name: editor["groups"] for name, editor in result["editors"].items() if name not in ORACLES}
    return _rates(editors, f"{result['count']} cases of {result['suite']}")


def _rates(columns: Mapping[str, Mapping[str, Mapping]], what: str) -> str:
    """One row a group or operation, one column an editor; the number of cases stands in each cell."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    return _table(
        [what, *columns], [[name, *(_cell(column.get(name)) for column in columns.values())] for name in names]
    )


def _cell(value: Mapping | None) -> str:
    if not value or value["rate"] is None:
        return "no case yet"
    return f"{value['rate']:.2f} [{value['low']:.2f}, {value['high']:.2f}] of {value['cases']}"


def _measures(editors: Mapping[str, Mapping]) -> str:
    rows = []
    for name, editor in editors.items():
        whole, seconds = editor["groups"]["all"], editor["median_seconds"]
        outside = whole["outside_change"]
        rows.append([name, _number(whole["inside_ratio"]), _number(outside and outside * 255)])
        rows[-1] += [_number(whole["region_iou"]), _number(seconds)]
    heads = ["editor", "mean inside ratio", "mean outside change (of 255)", "mean region IoU", "median seconds"]
    return _table(heads, rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _statuses(editors: Mapping[str, Mapping]) -> str:
    rows = [
        [name, *(str(editor["statuses"][status]) for status in STATUSES), str(len(editor["missing"]))]
        for name, editor in editors.items()
    ]
    return _table(["editor", *STATUSES, "not run yet"], rows)


def _failures(name: str, editor: Mapping, most: int = 10) -> str:
    failed = editor["failed"]
    lines = [f"- {row['id']}: {row['status']}: {' '.join(row['error'].split())}" for row in failed[:most]]
    if len(failed) > most:
        lines.append(f"- and {len(failed) - most} more in results.json")
    return f"{name} gave no picture that could be judged (counted as failures):\n\n" + "\n".join(lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
