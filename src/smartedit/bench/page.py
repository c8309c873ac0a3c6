"""The report as one HTML file with everything in it: tables, and every case with its pictures, the worst first."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit.bench import tables
from smartedit.bench.cases import Planned
from smartedit.bench.measure import METRICS
from smartedit.bench.rows import write_whole
from smartedit.bench.run import ANSWERED
from smartedit.errors import SmartEditError

#: At most this many cases have their pictures in the page; larger suites show the worst of the first editor.
MOST_CASES = 300
#: Largest side of a picture in the page, and its WebP quality.
_SIDE, _QUALITY = 320, 82


def write_page(out: Path, result: Mapping, runs: Sequence, planned: Mapping[str, Planned]) -> Path:
    """Write `OUT/report.html` about a `summary` and its runs (`report.Run`); gives its path."""
    shown = _shown(runs, planned)
    pictures = _Pictures()
    cases = [_case(planned[id], runs, out, pictures) for id in shown]
    data = {
        "editors": [run.name for run in runs], "exact": result["exact"], "pictures": pictures.urls,
        "cases": [case for case in cases if case], "bars": _bars(result),
        "labels": {key: METRICS[key].label for key in METRICS},
    }  # fmt: skip
    parts = {
        "title": html.escape(f"{result['suite']}: {result['count']} cases"),
        "note": _note(result, len(shown)),
        "rule": html.escape(tables.rule_words(result["rule"])) if result["exact"] else "No exact truth is known for this suite.",
        "tables": _tables(result),
        # "<" never appears in the script's text, so no instruction can end it.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text)
    write_whole(out / "report.html", lambda file: file.write(page.encode()))
    return out / "report.html"


def _shown(runs: Sequence, planned: Mapping[str, Planned]) -> list[str]:
    first = runs[0]
    order = sorted(planned, key=lambda id: -first.by_id.get(id, {}).get("excess", float("inf")))
    return order[:MOST_CASES]


def _note(result: Mapping, shown: int) -> str:
    """What the page does not cover."""
    notes = []
    if shown < result["count"]:
        notes.append(f"Pictures of the {shown} worst of {result['count']} cases are in this page; the numbers cover all.")
    if result["left_out"]:
        notes.append(f"{len(result['left_out'])} more cases could not be asked; no number covers them (see report.md).")
    notes += [f"Left out of the tables: {why}." for why in result["refused"]]
    notes += [f"{name}: {len(editor['missing'])} cases were not run yet." for name, editor in result["editors"].items() if editor["missing"]]
    return html.escape(" ".join(notes))


def _tables(result: Mapping) -> str:
    """Every table of the Markdown as HTML, each under a heading that opens it."""
    found = {}
    if result["exact"]:
        found["Exact success per group"] = tables.rates(result)
    found |= tables.measure_tables(result, shown=None)
    first = next(iter(found), None)
    return "".join(
        f"<details{' open' if title == first else ''}><summary>{html.escape(title)}</summary>{_table(text)}</details>"
        for title, text in found.items()
    )


def _table(markdown: str) -> str:
    if not markdown.startswith("|"):
        return f"<p class=lines>{html.escape(markdown)}</p>"
    head, _, *rows = ([html.escape(cell) for cell in line[2:-2].split(" | ")] for line in markdown.splitlines())
    body = "".join(f"<tr><th scope=row>{row[0]}</th>{''.join(map(_cell, row[1:]))}</tr>" for row in rows)
    heads = "".join(f"<th scope=col>{cell}</th>" for cell in head)
    return f"<div class=wide><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(text: str) -> str:
    return f"<td class=words>{text}</td>" if len(text) > 60 else f"<td>{text}</td>"


def _bars(result: Mapping) -> list[dict]:
    """Group -> success of every editor with its interval, for the chart; empty without exact truth."""
    if not result["exact"]:
        return []
    columns = [editor["groups"] for editor in result["editors"].values()]
    return [
        {"group": group, "rates": [[column[group][key] for key in ("rate", "low", "high")] for column in columns]}
        for group in columns[0]
    ]


class _Pictures:
    """Pictures as data addresses, each different one once."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self._known: dict[bytes, int] = {}

    def add(self, picture: Image.Image, lossless: bool = False) -> int:
        """The number of the picture."""
        scale = min(1.0, _SIDE / max(picture.size))
        small = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS) if scale < 1 else picture
        key = small.mode.encode() + small.tobytes()
        if key not in self._known:
            data = io.BytesIO()
            small.save(data, "WEBP", quality=_QUALITY, lossless=lossless, method=2)
            self._known[key] = len(self.urls)
            self.urls.append(f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}")
        return self._known[key]


def _case(planned: Planned, runs: Sequence, out: Path, pictures: _Pictures) -> dict | None:
    """What the page shows of a case; None when it can no longer be rendered."""
    try:
        case = planned.render()
    except SmartEditError:
        return None
    truth = runs[0].by_id.get(case.id, {}).get("truth", 0)
    return {
        "id": case.id, "group": case.group, "words": case.instruction, "before": pictures.add(case.picture),
        "truth": pictures.add(case.truths[truth]) if case.truths else None,
        "mask": pictures.add(_overlay(case.mask), lossless=True) if case.mask is not None else None,
        "answers": [_answer(run, case.id, out, pictures) for run in runs],
    }  # fmt: skip


def _answer(run, id: str, out: Path, pictures: _Pictures) -> dict | None:
    row = run.by_id.get(id)
    if row is None:
        return None
    told = {key: row[key] for key in ("status", "success", "excess", "error", "seconds") if key in row}
    if row["status"] in ANSWERED:
        with Image.open(out / run.name / "pictures" / f"{id}.png") as picture:
            told["picture"] = pictures.add(picture.convert("RGB"))
    return told | {"values": run.measures.get(id, {"values": {}})["values"]}


def _overlay(mask: np.ndarray) -> Image.Image:
    """The mask as a transparent orange picture."""
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[mask] = (255, 120, 0, 130)
    return Image.fromarray(picture)
