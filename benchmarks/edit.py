"""How long `smartedit --help`, loading and editing take, and how much memory an edit needs.

    python benchmarks/edit.py

Prints one Markdown row a figure: medians of `REPEATS` edits in one process of its own, on two threads.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

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


def main() -> None:
    """Measure and print the table."""
    result = measured()
    rows = [("`smartedit --help`, s", seconds_of_help(), 0.3), ("loading `tiny`, s", result["loaded"], 5.0)]
    rows += [("one edit, s", statistics.median(total for total, _ in result["spent"]), 3.0)]
    for phase in result["spent"][0][1]:
        rows.append((f"- of it {phase}, s", statistics.median(timings[phase] for _, timings in result["spent"]), None))
    rows += [("peak memory, MiB", result["peak"], 1536.0)]
    print("| figure | measured | bound |\n| --- | --- | --- |")
    for name, value, bound in rows:
        print(f"| {name} | {value:.2f} | {bound if bound is not None else '-'} |")


if __name__ == "__main__":
    main()
