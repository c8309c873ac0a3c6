"""The engine: as many pairs as wanted, on disk (`build`) or as a stream (`stream`), by any number of processes.

A shard holds the pairs of a fixed number of scenes and depends on nothing but its number, so a build that was killed
goes on where it stopped, and shards are the same whoever writes them.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from itertools import count as count_from
from multiprocessing import get_context, parent_process
from pathlib import Path

from tqdm import tqdm

from smartedit.errors import MissingExtra, SceneError
from smartedit.world.checks import require_known
from smartedit.world.pairs import Pair, make_case, make_pairs
from smartedit.world.splits import SEEDS

__all__ = ["Pair", "build", "make_case", "make_pairs", "stream"]

#: Scenes per shard.
SHARD_SCENES = 64
#: Changed whenever the same seeds would give other pairs.
WORLD_VERSION = 1


def stream(split: str, start: int, count: int, processes: int | None = None, size: int = 256) -> Iterator[Pair]:
    """The pairs of scenes number `start` to `start + count - 1`, in order, made by several processes."""
    tasks = ((split, index, size) for index in range(start, start + count))
    for pairs in in_order(make_pairs, tasks, processes):
        yield from pairs


def build(
    split: str,
    pairs: int,
    out: str | Path,
    processes: int | None = None,
    size: int = 256,
    progress: bool = True,
    first: int = 0,
) -> Path:
    """Write exactly `pairs` pairs of a split as `OUT/{split}-00000.parquet`, ..., readable by `datasets.load_dataset`.

    They are of the split's scenes number `first`, a multiple of `SHARD_SCENES`, and the next ones; the shards' names count
    from the split's beginning. Finished shards of an earlier, interrupted call are kept. `dataset.json` holds the resolved
    configuration. Returns the folder. Raises SceneError for impossible numbers, when the folder holds a dataset of another
    configuration, or when the split ends too early: what there is of it is kept.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", "train")
    out = Path(out)
    _begin(out, split, pairs, size, first)
    done, missing = _finished(out, split, first // SHARD_SCENES)
    with tqdm(total=pairs, initial=min(done, pairs), desc=split, unit="pair", disable=not progress) as bar:
        if done < pairs:
            last = len(SEEDS[split]) // SHARD_SCENES
            shards = ((split, number, size, str(out)) for number in range(missing, last))
            for number, temporary in enumerate(in_order(_make_shard, shards, processes), missing):
                done += _keep(Path(temporary), _shard_path(out, split, number), pairs - done, bar)
                if done >= pairs:
                    break
    _sweep(out, split)
    if done < pairs:
        raise SceneError(f"the {split} split has only {done} pairs from scene {first} on; begin at an earlier one")
    return out


def first_scene(out: str | Path, split: str) -> int:
    """The number of the split's scene at which a dataset on disk begins; 0 where its folder does not say."""
    start = SEEDS[split].start
    return _configurations(Path(out)).get(split, {}).get("first_seed", start) - start


def _begin(out: Path, split: str, pairs: int, size: int, first: int) -> None:
    """Check the numbers, write or compare `dataset.json`, remove what a killed build left behind."""
    require_known(split, SEEDS, "split")
    if pairs < 1 or not 16 <= size <= 2048:
        raise SceneError(f"cannot build {pairs} pairs of size {size}; give at least 1 pair and a size from 16 to 2048")
    if first % SHARD_SCENES or first not in range(len(SEEDS[split])):
        raise SceneError(
            f"cannot begin at scene {first}; give a multiple of {SHARD_SCENES} from 0 to {len(SEEDS[split]) - SHARD_SCENES}"
        )
    wanted = {"pairs": pairs, "size": size, "scenes_per_shard": SHARD_SCENES, "world_version": WORLD_VERSION}
    wanted["first_seed"] = SEEDS[split].start + first
    known = _configurations(out)
    if known.get(split, wanted) != wanted:
        raise SceneError(f"{out} holds another {split} dataset ({known[split]}); choose another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        temporary = out / f"dataset.json.{os.getpid()}.tmp"
        temporary.write_text(json.dumps({**known, split: wanted}, indent=2) + "\n")
        os.replace(temporary, out / "dataset.json")
    except OSError as error:
        raise SceneError(f"cannot write to {out}: {error.strerror}; choose another folder") from error
    _sweep(out, split)


def _configurations(out: Path) -> dict:
    try:
        return dict(json.loads((out / "dataset.json").read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise SceneError(f"{out / 'dataset.json'} cannot be read; remove it or choose another folder") from error


def _sweep(out: Path, split: str) -> None:
    for stale in (*out.glob(f"{split}-*.tmp"), *out.glob("dataset.json.*.tmp")):
        stale.unlink(missing_ok=True)


def _finished(out: Path, split: str, first: int) -> tuple[int, int]:
    """Pairs in the finished shards from number `first` on, and the number of the first one that is missing."""
    from smartedit.world.shards import count_rows

    done = 0
    for number in count_from(first):
        path = _shard_path(out, split, number)
        if not path.exists():
            return done, number
        done += count_rows(path)


def _shard_path(out: Path, split: str, number: int) -> Path:
    return out / f"{split}-{number:05d}.parquet"


def _make_shard(split: str, number: int, size: int, out: str) -> str:
    """Write shard `number` under a temporary name; the parent alone gives final names."""
    from smartedit.world.shards import pair_row, write_shard

    start = number * SHARD_SCENES
    rows = [pair_row(pair) for index in range(start, start + SHARD_SCENES) for pair in make_pairs(split, index, size)]
    temporary = Path(out) / f"{split}-{number:05d}.{os.getpid()}.tmp"
    write_shard(rows, temporary)
    return str(temporary)


def _keep(temporary: Path, path: Path, room: int, bar: tqdm) -> int:
    """Give a finished shard its name, shortened to `room` pairs; how many pairs it brings."""
    from smartedit.world.shards import count_rows, truncate_shard

    rows = count_rows(temporary)
    if rows > room:
        truncate_shard(temporary, room)
    os.replace(temporary, path)
    bar.update(min(rows, room))
    return min(rows, room)


def in_order(function, tasks: Iterator[tuple], processes: int | None) -> Iterator:
    """`function(*task)` for every task, in order, computed at most a few tasks ahead by several processes."""
    processes = processes or os.cpu_count() or 1
    if processes == 1:
        yield from (function(*task) for task in tasks)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_die_with_parent)
    ahead: deque[Future] = deque()
    try:
        for task in tasks:
            ahead.append(pool.submit(function, *task))
            if len(ahead) > 2 * processes:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except BrokenProcessPool as error:
        raise SceneError("a worker process died; run the same command again, with fewer processes") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """Make this worker end at once when the process that started it is killed, so that it writes nothing more."""

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
