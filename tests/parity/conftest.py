"""`--golden FOLDER`: which golden cases to compare with, by default the copies in the repository."""

from __future__ import annotations

from pathlib import Path

from golden import GOLDEN


def pytest_addoption(parser):
    parser.addoption("--golden", default=str(GOLDEN), metavar="FOLDER", help="folder of golden cases (default: tests/golden)")


def pytest_generate_tests(metafunc):
    if "case_file" in metafunc.fixturenames:
        folder = Path(metafunc.config.getoption("--golden", default=str(GOLDEN)))
        files = sorted(folder.glob("*.json")) or [folder]
        metafunc.parametrize("case_file", files, ids=[path.stem for path in files])
