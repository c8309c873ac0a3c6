"""How fast the world is drawn: `python benchmarks/render.py [--pictures 24] [--size 256] [--processes 2]`.

The median seconds a picture in one process and the pictures a second of several processes, anti-aliased; the table goes
to docs/performance.md.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context
from statistics import median

from figures import UNMEASURED, keep, machine, where

from smartedit.world.render import render
from smartedit.world.sampling import sample_scene


def seconds(seed: int, size: int, device: str) -> float:
    """Time to draw one sampled scene."""
    scene = sample_scene(seed)
    start = time.perf_counter()
    render(scene, size, device=device)
    return time.perf_counter() - start


def drawn(job: tuple[range, int, str]) -> int:
    """Draw the scenes of a range of seeds; how many."""
    seeds, size, device = job
    for seed in seeds:
        seconds(seed, size, device)
    return len(seeds)


def table(results: dict) -> str:
    """The Markdown table of `main`."""
    if not results:
        return UNMEASURED
    rows = [
        ("median, s a picture in one process", f"{results['median']:.3f}", "-"), ("slowest, s", f"{results['slowest']:.3f}", "-"),
        (f"pictures a second in {results['processes']} processes", f"{results['rate']:.1f}", "12"),
    ]  # fmt: skip
    lines = [f"| {name} | {value} | {wanted} |" for name, value, wanted in rows]
    note = f"({results['size']} px, {results['device']}; {where(results['machine'])})"
    return "\n".join(["| figure | measured | wanted |", "| --- | --- | --- |", *lines, "", note])


def main() -> None:
    """Measure, print and keep."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=int, default=24)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--device", default="cpu")
    told = options.parse_args()
    seconds(0, 16, told.device)  # compile
    times = [seconds(seed, told.size, told.device) for seed in range(told.pictures)]
    with get_context("spawn").Pool(told.processes) as pool:
        list(pool.imap_unordered(drawn, [(range(1), 16, told.device)] * told.processes))  # start and load
        jobs = [(range(seed, seed + 1), told.size, told.device) for seed in range(told.pictures)]
        start = time.perf_counter()
        count = sum(pool.imap_unordered(drawn, jobs))
        taken = time.perf_counter() - start
    results = {
        "machine": machine(), "size": told.size, "device": told.device, "median": median(times), "slowest": max(times),
        "processes": told.processes, "rate": count / taken,
    }  # fmt: skip
    print(table(results))
    keep("render", results, table(results))


if __name__ == "__main__":
    main()
