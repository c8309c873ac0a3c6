"""Copy measured numbers to where people read them: README.md, the model card and docs/bench.md, between their marks.

    python recipes/publish_results.py docs/results/world-test

reads FOLDER/results.json, which `smartedit bench run world --out FOLDER` wrote, `docs/results/trust.json`, which
`smartedit bench trust` wrote, and the bundle's `training.json`, which `smartedit train` wrote. Nothing is typed by hand,
and `tests/test_results.py` checks that the pages still equal the files.
"""

import json
import re
import sys
from pathlib import Path

from smartedit.bench import trust
from smartedit.bench.tables import headline

ROOT = Path(__file__).parents[1]
CARD = ROOT / "src/smartedit/weights/tiny/README.md"
BENCH, TRUST = ROOT / "docs/bench.md", ROOT / "docs/results/trust.json"


def training_table(history: list[dict]) -> str:
    """The stages of a run as Markdown: what was seen, in which time, and the last losses."""
    lines = ["| stage | samples seen | batch | hours | last losses |", "| --- | --- | --- | --- | --- |"]
    for stage in history:
        losses = {name: value for name, value in stage["last"].items() if name not in ("step", "samples_per_second")}
        told = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        lines.append(
            f"| {stage['stage']} | {stage['samples_seen']:,} | {stage['batch']} | {stage['hours']:.2f} | {told} |"
        )
    return "\n".join(lines)


def fill(page: Path, mark: str, table: str) -> None:
    """Put a table between the marks `<!-- MARK:begin -->` and `<!-- MARK:end -->` of a page."""
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{table}\n{end}", text, flags=re.S), encoding="utf-8"
    )


def trust_tables(result: dict) -> dict[str, str]:
    """Mark in docs/bench.md -> table of what `smartedit bench trust` found."""
    return {"trust": trust.overview(result), "trust-groups": trust.by_group(result), "trust-editors": trust.editors_table(result)}


def publish(folder: Path) -> None:
    """Fill the result tables of README and model card, the card's table of training, and the tables of trust."""
    for mark, table in trust_tables(json.loads(TRUST.read_text())).items():
        fill(BENCH, mark, table)
    for page in (ROOT / "README.md", CARD):
        fill(page, "results", headline(json.loads((folder / "results.json").read_text())))
    fill(CARD, "training", training_table(json.loads((CARD.parent / "training.json").read_text())))


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
