"""How fast the world is drawn: `python benchmarks/render.py [--pictures 24] [--size 256] [--processes 2]`.

Prints the median seconds a picture in one process and the pictures a second of several processes, anti-aliased.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context
from statistics import median

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


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=int, default=24)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--device", default="cpu")
    told = options.parse_args()
    seconds(0, 16, told.device)  # compile
    times = [seconds(seed, told.size, told.device) for seed in range(told.pictures)]
    print(f"median {median(times):.3f} s a picture of {told.size} px in one process (slowest {max(times):.3f} s)")
    with get_context("spawn").Pool(told.processes) as pool:
        list(pool.imap_unordered(drawn, [(range(1), 16, told.device)] * told.processes))  # start and load
        jobs = [(range(seed, seed + 1), told.size, told.device) for seed in range(told.pictures)]
        start = time.perf_counter()
        count = sum(pool.imap_unordered(drawn, jobs))
        taken = time.perf_counter() - start
    print(f"{count / taken:.1f} pictures a second with {told.processes} processes")


if __name__ == "__main__":
    main()
