"""How many edits a server does, with and without denoising them together, and whether it lasts.

    python benchmarks/serve.py --throughput
    python benchmarks/serve.py --soak 15

Both start `smartedit serve` themselves and write what they measured into docs/results/performance.json and its tables
into docs/performance.md. `--throughput` asks two servers, one with `--batch 1`, in turn. `--soak` sends 1.2 times the edits
that the server can do, and compares every answer with the same edit done alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from figures import UNMEASURED, keep, machine, where
from PIL import Image

CLIENTS = (1, 4, 8, 16)

#: More than what a server can do, by which the soak presses it.
PRESSURE = 1.2

#: How far an answer may be from the same edit alone: levels of 255, share of values.
TOLERANCE = (1, 1e-3)


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen
    address: str

    def memory(self) -> float:
        """Its resident memory in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096 / 2**20


@dataclass
class Tally:
    """What became of requests: seconds of those answered, and how many ended how."""

    seconds: list[float] = field(default_factory=list)
    ends: Counter = field(default_factory=Counter)


@contextlib.contextmanager
def server(*options: str) -> Iterator[Server]:
    """A running server; ended in order afterwards."""
    command = [sys.executable, "-m", "smartedit.cli", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield Server(process, re.search(r"http://\S+(?=/v1)", line)[0])
    finally:
        process.terminate()
        process.wait(180)


def asked(count: int = 8) -> list[tuple[dict, dict]]:
    """Different edits of different pictures, as files and fields of a form."""
    from smartedit.world.engine import make_case

    found = []
    for seed in range(count):
        pair = make_case("validation", seed, "plain")
        file = io.BytesIO()
        Image.fromarray(pair.before).save(file, "PNG")
        found.append(({"image": ("picture.png", file.getvalue())}, {"prompt": pair.instruction, "seed": str(seed)}))
    return found


async def one(http: httpx.AsyncClient, what: tuple[dict, dict], tally: Tally, wanted: np.ndarray | None = None) -> np.ndarray | None:
    """Ask for one edit and note its end; gives the picture."""
    began = time.perf_counter()
    try:
        answer = await http.post("/v1/images/edits", files=what[0], data=what[1])
    except httpx.HTTPError as error:
        tally.ends[f"lost: {type(error).__name__}"] += 1
        return None
    if answer.status_code != 200:
        promised = answer.status_code == 429 and "retry-after" in answer.headers
        tally.ends["refused" if promised else f"lost: {answer.status_code}"] += 1
        return None
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))), int)
    tally.seconds.append(time.perf_counter() - began)
    tally.ends["right" if wanted is None or _close(picture, wanted) else "wrong"] += 1
    return picture


def _close(picture: np.ndarray, wanted: np.ndarray) -> bool:
    difference = np.abs(picture - wanted)
    return difference.max() <= TOLERANCE[0] and (difference > 0).mean() <= TOLERANCE[1]


async def closed_loop(address: str, clients: int, seconds: float, edits: list) -> tuple[Tally, float]:
    """So many clients, each asking again as soon as it was answered; what became of it, and the seconds that took."""
    tally, began = Tally(), time.perf_counter()

    async def client(number: int) -> None:
        turn = number
        while time.perf_counter() - began < seconds:
            await one(http, edits[turn % len(edits)], tally)
            turn += clients

    async with httpx.AsyncClient(base_url=address, timeout=300) as http:
        await asyncio.gather(*(client(number) for number in range(clients)))
    return tally, time.perf_counter() - began


def throughput(seconds: float, options: list[str]) -> dict:
    """Rates and waiting times by number of clients, one by one and together.

    Every cell is measured in two halves, the second in opposite order, so that a machine that slows down or warms up does
    so for both.
    """
    edits, rows = asked(), []
    with server("--batch", "1", *options) as single, server("--batch", "8", *options) as together:
        servers = {1: single, 8: together}
        for each in servers.values():
            asyncio.run(closed_loop(each.address, 1, min(5, seconds), edits))  # the first edits also warm up
        for clients in CLIENTS:
            halves = [(batch, *asyncio.run(closed_loop(servers[batch].address, clients, seconds / 2, edits))) for batch in (1, 8, 8, 1)]
            rows += [_row(clients, batch, [half[1:] for half in halves if half[0] == batch]) for batch in servers]
            print(*rows[-2:], sep="\n", file=sys.stderr)
    return {"machine": machine(), "seconds": seconds, "rows": rows}


def _row(clients: int, batch: int, halves: list[tuple[Tally, float]]) -> dict:
    spent = [seconds for tally, _ in halves for seconds in tally.seconds]
    p50, p95 = (round(float(value), 3) for value in np.percentile(spent, [50, 95]))
    rate, ends = len(spent) / sum(seconds for _, seconds in halves), sum((tally.ends for tally, _ in halves), Counter())
    return {"batch": batch, "clients": clients, "edits_per_second": round(rate, 3), "p50": p50, "p95": p95, "ends": dict(ends)}


def soak(minutes: float, options: list[str]) -> dict:
    """What becomes of requests that come faster than they can be done, and of the server's memory."""
    edits = asked()
    with server("--batch", "8", "--queue", "16", *options) as running:
        done, seconds = asyncio.run(closed_loop(running.address, 16, 60 * min(1, minutes), edits))
        capacity = round(len(done.seconds) / seconds, 3)
        tally, memory = asyncio.run(_pressed(running, PRESSURE * capacity, 60 * minutes, edits))
    each = max(1, len(memory) // max(1, round(minutes)))  # samples a minute
    settled, end = statistics.mean(memory[each : 2 * each] or memory), statistics.mean(memory[-each:])
    return {
        "machine": machine(), "minutes": minutes, "capacity": capacity, "requests": sum(tally.ends.values()), "ends": dict(tally.ends),
        "p50": round(float(np.median(tally.seconds)), 3), "p95": round(float(np.percentile(tally.seconds, 95)), 3),
        "memory_settled": round(settled, 1), "memory_end": round(end, 1), "growth": round(end / settled - 1, 4),
        "memory_by_minute": [round(statistics.mean(memory[k : k + each])) for k in range(0, len(memory), each)],
    }  # fmt: skip


async def _pressed(running: Server, rate: float, seconds: float, edits: list) -> tuple[Tally, list[float]]:
    tally, memory, under_way = Tally(), [], set()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=running.address, timeout=300, limits=limits) as http:
        alone = [await one(http, what, Tally()) for what in edits]
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0, began + number / rate - time.perf_counter()))
            turn = number % len(edits)
            task = asyncio.create_task(one(http, edits[turn], tally, alone[turn]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            memory.append(running.memory())
        await asyncio.gather(*under_way)
    return tally, memory


def throughput_table(results: dict) -> str:
    """The Markdown table of `throughput`."""
    if not results:
        return UNMEASURED
    rows = results["rows"]
    heads = ("clients", "one by one, edits/s", "together, edits/s", "gain", "one by one, p95 s", "together, p95 s")
    lines = [f"| {' | '.join(heads)} |", f"|{' ---: |' * len(heads)}"]
    for clients in dict.fromkeys(row["clients"] for row in rows):
        one_by_one, together = ({row["batch"]: row for row in rows if row["clients"] == clients}[batch] for batch in (1, 8))
        gain = together["edits_per_second"] / one_by_one["edits_per_second"]
        rates = f"{one_by_one['edits_per_second']:.2f} | {together['edits_per_second']:.2f} | {gain:.2f} x"
        lines.append(f"| {clients} | {rates} | {one_by_one['p95']:.2f} | {together['p95']:.2f} |")
    return "\n".join([*lines, "", f"({where(results['machine'])}; {results['seconds']:g} s a cell)"])


def soak_table(results: dict) -> str:
    """The Markdown table of `soak`."""
    if not results:
        return UNMEASURED
    ends = results["ends"]
    lost = sum(count for end, count in ends.items() if end.startswith("lost"))
    rows = [
        ("minutes", f"{results['minutes']:g}"), ("requests", results["requests"]), ("answered as when alone", ends.get("right", 0)),
        ("answered otherwise", ends.get("wrong", 0)), ("lost", lost), ("refused with 429 and Retry-After", ends.get("refused", 0)),
        ("p95, s", f"{results['p95']:.2f}"), ("memory after the first minute, MiB", f"{results['memory_settled']:.0f}"),
        ("memory in the last minute, MiB", f"{results['memory_end']:.0f}"), ("growth", f"{results['growth']:.1%}"),
    ]  # fmt: skip
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| figure | measured |", "| --- | ---: |", *lines, "", f"({where(results['machine'])})"])


TABLES = {"serve-throughput": throughput_table, "serve-soak": soak_table}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--throughput", action="store_true")
    what.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--seconds", type=float, default=60, help="of every cell of the throughput table (default: 60)")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    parser.add_argument("options", nargs="*", help="more options of `smartedit serve`, after --")
    args = parser.parse_args()
    mark = "serve-throughput" if args.throughput else "serve-soak"
    results = throughput(args.seconds, args.options) if args.throughput else soak(args.soak, args.options)
    table = TABLES[mark](results)
    print(table)
    if not args.dry:
        keep(mark, results, table)


if __name__ == "__main__":
    main()
