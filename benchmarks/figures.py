"""What the benchmarks measured: kept in docs/results/performance.json, shown between the marks of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "docs/results/performance.json", ROOT / "docs/performance.md"
UNMEASURED = "Not measured yet."


def machine() -> dict:
    """What it was measured on."""
    import torch

    import smartedit

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cores": len(os.sched_getaffinity(0)), "processor": _processor(), "gpu": gpu, "torch": torch.__version__.split("+")[0],
        "smartedit": smartedit.__version__,
    }  # fmt: skip


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", told.read_text(), re.M) if told.exists() else None
    return found[1] if found else platform.machine()


def where(found: dict) -> str:
    """`machine()` in a line of words."""
    gpu = f", {found['gpu']}" if found["gpu"] else ", no GPU"
    return f"{found['cores']} cores of {found['processor']}{gpu}, torch {found['torch']}"


def kept(mark: str) -> dict:
    """The results of a mark; empty where it has not been measured."""
    return json.loads(RESULTS.read_text()).get(mark, {}) if RESULTS.exists() else {}


def keep(mark: str, results: dict, table: str) -> None:
    """Write results into the file and their table into the page."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**known, mark: results}, indent=1) + "\n")
    page = re.sub(
        f"(<!-- {mark}:begin -->\n).*?(\n<!-- {mark}:end -->)",
        lambda found: found[1] + table + found[2], PAGE.read_text(encoding="utf-8"), flags=re.S,
    )  # fmt: skip
    PAGE.write_text(page, encoding="utf-8")
