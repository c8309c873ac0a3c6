"""Other people's numbers on Reason-Edit, each with how sure it is; `field.json` is the data and says what the marks mean."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from smartedit.bench.tables import table

MARKS = ("seen", "second hand", "unverified")


@cache
def numbers() -> tuple[dict, ...]:
    """All rows, each with `method`, `split`, `protocol`, `measure`, `value`, `mark`, `source`."""
    data = json.loads(Path(__file__).with_name("field.json").read_text(encoding="utf-8"))
    return tuple(dict(zip(data["columns"], row, strict=True)) for row in data["rows"])


def comparable(suite: str) -> list[dict]:
    """The rows that may stand beside our strict measures of a suite: only those of the same pictures and arithmetic."""
    return [row for row in numbers() if suite == "reason-edit" and row["protocol"] == "strict"]


def markdown() -> str:
    """The whole field as Markdown, a table for each protocol."""
    protocols = dict.fromkeys(row["protocol"] for row in numbers())
    heads = ["method", "split", "measure", "value", "mark", "source"]
    parts = [
        f"### {protocol}\n\n" + table(heads, [[str(row[head]) for head in heads] for row in numbers() if row["protocol"] == protocol])
        for protocol in protocols
    ]
    return "\n\n".join(parts)
