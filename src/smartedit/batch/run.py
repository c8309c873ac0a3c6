"""Doing jobs: skip what is done, edit the rest one picture at a time, never leave half a picture."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from smartedit import images, provenance
from smartedit.batch.jobs import Job
from smartedit.errors import PictureError, SmartEditError
from smartedit.provenance import Edit

#: What may become of a job: edited now; done by an earlier run; another file is there and was kept; not possible.
EDITED, DONE, KEPT, FAILED = "edited", "done before", "kept", "failed"

#: (instruction, picture, seed) -> the output of a pipeline for that one picture.
Editor = Callable[[str, Image.Image, int], Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: one of the four words above, the seconds it took, and the reply or the reason."""

    name: str
    status: str
    seconds: float = 0.0
    told: str = ""


@dataclass(frozen=True)
class Task:
    """What the jobs of one run share: the edit they ask for but for words and seed, and whether other files give way."""

    asked: Edit
    overwrite: bool = False

    def edits(self, job: Job) -> list[Edit]:
        """The edits that make the job's output: those of its source, if it is itself a result, and the one asked for."""
        return [*provenance.read(job.source), replace(self.asked, instruction=job.instruction, seed=job.seed)]


def run(jobs: Sequence[Job], task: Task, work: Callable[[list[Job]], Iterator[Outcome]]) -> list[Outcome]:
    """The outcome of every job, in their order: `work` does those that are left, in any order; a bar shows how far it is.

    `work` is not asked when nothing is left, so that a finished run loads no model.
    """
    outcomes = {job.name: settled(job, task) for job in jobs}
    left = [job for job in jobs if outcomes[job.name] is None]
    with tqdm(total=len(jobs), initial=len(jobs) - len(left), unit="picture", disable=None) as bar:
        for outcome in work(left) if left else ():
            outcomes[outcome.name] = outcome
            bar.update()
    return list(outcomes.values())


def settled(job: Job, task: Task) -> Outcome | None:
    """The outcome of a job that needs no work, read off the file that is there; None for one to do."""
    if job.problem:
        return Outcome(job.name, FAILED, told=job.problem)
    if not Path(job.output).exists():
        return None
    found, wanted = provenance.read(job.output), task.edits(job)
    if len(found) == len(wanted) and all(map(Edit.same_work, found, wanted)):
        return Outcome(job.name, DONE, told=found[-1].reply)
    return None if task.overwrite else Outcome(job.name, KEPT, told=f"{job.output} was made otherwise")


def one_by_one(jobs: Iterable[Job], task: Task, load: Callable[[], Editor]) -> Iterator[Outcome]:
    """Edit jobs in order on this machine, with the editor that `load` gives."""
    editor = load()
    for job in jobs:
        yield edit(job, task, editor)


def edit(job: Job, task: Task, editor: Editor) -> Outcome:
    """Edit one picture into its place. Whatever goes wrong with it is its outcome, so that the others go on."""
    started = time.perf_counter()
    try:
        picture = images.open(job.source)
        result = editor(job.instruction, picture, job.seed)
        *before, last = task.edits(job)
        _make_room(Path(job.output))
        provenance.save(result.images[0], job.output, [*before, replace(last, reply=result.reply[0])])
    except SmartEditError as error:
        return Outcome(job.name, FAILED, told=str(error))
    except Exception as error:  # a picture that trips a library must not cost the rest of the folder
        return Outcome(job.name, FAILED, told=f"unexpected {type(error).__name__}: {images.first_line(error)}")
    return Outcome(job.name, EDITED, round(time.perf_counter() - started, 3), result.reply[0])


def _make_room(output: Path) -> None:
    """The output's folder, without what a killed run left of this file."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for half in output.parent.glob(f".{glob.escape(output.name)}.*.part"):
            half.unlink(missing_ok=True)
    except OSError as error:
        raise PictureError(f"cannot write to {output.parent} ({error.strerror}); choose another --out") from error
