"""What the README promises can be typed: its commands parse, its links lead somewhere, its first result comes early."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from smartedit import cli

ROOT = Path(__file__).parents[1]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.exists()]


def blocks(page: Path) -> list[tuple[int, str]]:
    """(line, contents) of every shell block."""
    text = page.read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 1, m[1]) for m in re.finditer(r"```(?:bash|sh|shell|console)?\n(.*?)```", text, re.S)]


def commands(page: Path) -> list[str]:
    lines = [line.strip() for _, block in blocks(page) for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.split(" #")[0].strip() for line in lines for part in line.split("&&")]
    return [part for part in parts if part.startswith("smartedit ") and "..." not in part and "[" not in part]


def test_the_first_result_comes_by_line_25():
    first, block = blocks(ROOT / "README.md")[0]
    assert first + block.count("\n") <= 25 and "smartedit demo" in block


def test_the_second_block_runs_the_tests():
    assert "pytest" in blocks(ROOT / "README.md")[1][1]


@pytest.mark.parametrize(("page", "command"), [(page.name, command) for page in PAGES for command in commands(page)])
def test_commands_parse(page, command):
    try:
        cli.parser().parse_args(shlex.split(command)[1:])
    except SystemExit as stopped:
        assert stopped.code == 0, f"{page}: {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
