"""Every number that people read equals the file it came from."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from smartedit.bench.tables import headline

ROOT = Path(__file__).parents[1]
CARD = ROOT / "src/smartedit/weights/tiny/README.md"
RESULTS = json.loads((ROOT / "docs/results/world-test/results.json").read_text())


def between(page: Path, mark: str) -> str:
    found = re.search(f"<!-- {mark}:begin -->\n(.*?)\n<!-- {mark}:end -->", page.read_text(encoding="utf-8"), re.S)
    assert found, f"{page.name} has no marks for {mark}"
    return found[1]


def program(path: str):
    """A program outside the package, as a module."""
    spec = importlib.util.spec_from_file_location(f"program_{Path(path).stem}", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", [ROOT / "README.md", CARD], ids=["README", "model card"])
def test_result_tables(page):
    assert between(page, "results") == headline(RESULTS)


def test_training_table():
    history = json.loads((CARD.parent / "training.json").read_text())
    assert between(CARD, "training") == program("recipes/publish_results.py").training_table(history)


@pytest.mark.parametrize(
    ("mark", "file", "table"),
    [
        ("edit", "edit", "table"),
        ("render", "render", "table"),
        ("full-size", "full_size", "table"),
        ("serve-throughput", "serve", "throughput_table"),
        ("serve-soak", "serve", "soak_table"),
    ],
)
def test_performance_tables(mark, file, table, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    bench, figures = program(f"benchmarks/{file}.py"), program("benchmarks/figures.py")
    assert between(figures.PAGE, mark) == getattr(bench, table)(figures.kept(mark))


@pytest.mark.parametrize("mark", ["trust", "trust-groups", "trust-editors"])
def test_trust_tables(mark):
    found = program("recipes/publish_results.py")
    assert between(found.BENCH, mark) == found.trust_tables(json.loads(found.TRUST.read_text()))[mark]


def test_results_name_their_weights_and_keep_the_judge_honest():
    editors = RESULTS["editors"]
    assert RESULTS["count"] >= 300 and not any(editor["missing"] for editor in editors.values())
    assert editors["oracle"]["groups"]["all"]["rate"] == 1 and editors["identity"]["groups"]["all"]["rate"] == 0
    assert all(re.fullmatch("[0-9a-f]{16}", editors[name]["settings"]["weights"]) for name in ("tiny", "base"))


def test_results_are_of_the_bundled_weights():
    from smartedit.bundles import digest

    for name in ("tiny", "base"):
        assert RESULTS["editors"][name]["settings"]["weights"] == digest(name)
