"""The README tells the truth: its numbers equal the files they came from, its commands and links exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from smartedit.bench.tables import headline
from smartedit.cli import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = ROOT / "src/smartedit/weights/tiny/README.md"
RESULTS = ROOT / "docs/results/world-test/results.json"
MARKS = re.compile(r"<!-- results:begin -->\n(.*?)\n<!-- results:end -->", re.S)


def _commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.S)
    lines = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("&&")]
    return [line.split("#")[0].strip() for line in lines if line.startswith("smartedit ")]


@pytest.mark.parametrize("page", [ROOT / "README.md", CARD], ids=["README", "model card"])
def test_tables_equal_the_file_of_results(page):
    shown = MARKS.search(page.read_text(encoding="utf-8")).group(1)
    assert shown == headline(json.loads(RESULTS.read_text()))


def test_first_result_comes_by_line_25_with_a_picture():
    head = README.splitlines()[:25]
    assert any("smartedit demo" in line for line in head)
    assert any(line.startswith("![") for line in head)


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets and all((ROOT / target).exists() for target in targets)


@pytest.mark.parametrize("command", _commands())
def test_every_command_is_understood(command):
    import shlex

    parser().parse_args(shlex.split(command)[1:])
