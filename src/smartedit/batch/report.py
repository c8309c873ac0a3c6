"""What came of a folder: a table to read, a CSV file to keep."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from smartedit import images
from smartedit.batch.jobs import Job
from smartedit.batch.run import DONE, EDITED, FAILED, KEPT, Outcome
from smartedit.bench.rows import write_whole
from smartedit.errors import SmartEditError

#: The file in the output folder that lists every job.
NAME = "smartedit-batch.csv"


def write(jobs: Sequence[Job], outcomes: Sequence[Outcome], out: Path) -> Path:
    """Write one line a job into `NAME` in the output folder, whole or not at all; returns its path."""
    path = out / NAME
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(["picture", "output", "status", "seconds", "seed", "instruction", "told"])
    for job, outcome in zip(jobs, outcomes, strict=True):
        lines.writerow([job.name, job.output, outcome.status, outcome.seconds, job.seed, job.instruction, outcome.told])
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(text.getvalue().encode()))
    except OSError as error:
        raise SmartEditError(f"cannot write {path} ({error.strerror}); choose another --out") from error
    return path


def table(outcomes: Sequence[Outcome]) -> str:
    """Counts of what became of the pictures, then a line for each that needs looking at."""
    counts = Counter(outcome.status for outcome in outcomes)
    told = [f"{len(outcomes)} pictures: " + ", ".join(f"{counts[status]} {status}" for status in (EDITED, DONE, KEPT, FAILED))]
    noted = [outcome for outcome in outcomes if outcome.status in (FAILED, KEPT)]
    width = max((len(images.printable(outcome.name)) for outcome in noted), default=0)
    told += [f"  {outcome.status:6}  {images.printable(outcome.name):{width}}  {outcome.told}" for outcome in noted]
    return "\n".join(told)
