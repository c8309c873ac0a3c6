"""How long `smartedit --help`, loading and editing take, and how much memory an edit needs.

    python benchmarks/edit.py

Medians of `REPEATS` edits in one process of its own, on two threads; the table goes to docs/performance.md.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from figures import UNMEASURED, keep, machine, where

REPEATS = 7

_EDIT = f"""
import json, resource, time
import torch
torch.set_num_threads(2)
from PIL import Image
from smartedit.world.engine import make_case
picture = Image.fromarray(make_case("validation", 0, "plain").before)
start = time.perf_counter()
from smartedit import SmartEditPipeline
pipe = SmartEditPipeline.from_pretrained("tiny")
pipe.set_progress_bar_config(disable=True)
loaded = time.perf_counter() - start
spent = []
for seed in range({REPEATS}):
    start = time.perf_counter()
    timings = pipe("remove the red apple", picture, seed=seed).timings
    spent.append((time.perf_counter() - start, timings))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"loaded": loaded, "spent": spent, "peak": peak}}))
"""


def measured() -> dict:
    """Loading time, time of every edit with its phases, peak memory in MiB, from one fresh process."""
    done = subprocess.run([sys.executable, "-c", _EDIT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def seconds_of_help() -> float:
    """Median seconds of `smartedit --help`."""
    spent = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "smartedit.cli", "--help"], capture_output=True, check=True)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def table(results: dict) -> str:
    """The Markdown table of `main`."""
    if not results:
        return UNMEASURED
    rows = [
        ("`smartedit --help`, s", results["help"], 0.3),
        ("loading `tiny`, s", results["loading"], 5.0),
        ("one edit, s", results["edit"], 3.0),
    ]
    rows += [(f"- of it {phase}, s", seconds, None) for phase, seconds in results["phases"].items()]
    rows += [("peak memory, MiB", results["peak"], 1536.0)]
    lines = [f"| {name} | {value:.2f} | {bound if bound is not None else '-'} |" for name, value, bound in rows]
    return "\n".join(
        ["| figure | measured | bound |", "| --- | --- | --- |", *lines, "", f"({where(results['machine'])})"]
    )


def main() -> None:
    """Measure, print and keep."""
    found = measured()
    results = {
        "machine": machine(), "help": seconds_of_help(), "loading": found["loaded"],
        "edit": statistics.median(total for total, _ in found["spent"]),
        "phases": {phase: statistics.median(timings[phase] for _, timings in found["spent"]) for phase in found["spent"][0][1]},
        "peak": found["peak"],
    }  # fmt: skip
    print(table(results))
    keep("edit", results, table(results))


if __name__ == "__main__":
    main()
