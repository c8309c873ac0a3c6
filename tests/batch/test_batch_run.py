"""A folder is done completely, whatever is in it and whenever it is killed."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from folders import TASK, fill, load, negative
from PIL import ImageOps

from smartedit import images, provenance
from smartedit.batch import report
from smartedit.batch.jobs import of_folder
from smartedit.batch.run import DONE, EDITED, FAILED, KEPT, Task, one_by_one, run

ASK = "remove the red apple"


def go(folder: Path, task: Task = TASK, editor=load, words: str = ASK):
    jobs = of_folder(folder / "in", folder / "out", words, 7)
    return jobs, run(jobs, task, partial(one_by_one, task=task, load=editor))


def never():
    raise AssertionError("nothing was left to do, yet a model was loaded")


def statuses(outcomes) -> dict[str, int]:
    found = [outcome.status for outcome in outcomes]
    return {status: found.count(status) for status in set(found)}


def test_fifty_pictures_with_five_broken_ones(tmp_path):
    broken = fill(tmp_path / "in", 45, broken=5)
    jobs, outcomes = go(tmp_path)
    assert statuses(outcomes) == {EDITED: 45, FAILED: 5}
    assert {outcome.name for outcome in outcomes if outcome.status == FAILED} == set(broken)
    for job, outcome in zip(jobs, outcomes, strict=True):
        assert job.name == outcome.name and Path(job.output).exists() == (outcome.status == EDITED)
    first = images.open(tmp_path / "out" / "00.png")
    assert np.array_equal(first, ImageOps.invert(images.open(tmp_path / "in" / "00.png")))
    (edit,) = provenance.read(tmp_path / "out" / "left" / "01.jpg")
    assert (edit.instruction, edit.seed, edit.model, edit.reply) == (ASK, 7, "negative", f"{ASK} (7)")


def test_the_same_again_does_nothing(tmp_path):
    broken = fill(tmp_path / "in", 6)
    go(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    _, outcomes = go(tmp_path, editor=never)
    assert statuses(outcomes) == {DONE: 6} and not broken
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert outcomes[0].told == f"{ASK} (7)", "the reply is read back"


def test_other_files_are_kept_unless_told(tmp_path):
    fill(tmp_path / "in", 3)
    shutil.copytree(tmp_path / "in", tmp_path / "out")
    mine = (tmp_path / "out" / "00.png").read_bytes()
    assert statuses(go(tmp_path, editor=never)[1]) == {KEPT: 3}
    assert (tmp_path / "out" / "00.png").read_bytes() == mine
    assert statuses(go(tmp_path, Task(TASK.asked, overwrite=True))[1]) == {EDITED: 3}
    assert statuses(go(tmp_path, editor=never, words="make it blue")[1]) == {KEPT: 3}, "made by other words"
    assert statuses(go(tmp_path, Task(TASK.asked, overwrite=True), editor=never)[1]) == {DONE: 3}


def test_a_result_edited_again_tells_both_edits(tmp_path):
    fill(tmp_path / "in", 1)
    go(tmp_path)
    (tmp_path / "out").rename(tmp_path / "once")
    (tmp_path / "twice").mkdir()
    jobs = of_folder(tmp_path / "once", tmp_path / "twice", "make it blue", 8)
    run(jobs, TASK, partial(one_by_one, task=TASK, load=load))
    assert [(edit.instruction, edit.seed) for edit in provenance.read(tmp_path / "twice" / "00.png")] == [(ASK, 7), ("make it blue", 8)]


def test_an_editor_that_trips_costs_one_picture(tmp_path):
    fill(tmp_path / "in", 3)

    def trips(words, picture, seed):
        if picture.width == 13:
            raise RuntimeError("shape mismatch\nwith more lines")
        return negative(words, picture, seed)

    _, outcomes = go(tmp_path, editor=lambda: trips)
    assert statuses(outcomes) == {EDITED: 2, FAILED: 1}
    assert outcomes[1].told == "unexpected RuntimeError: shape mismatch"


def test_a_place_that_cannot_be_written(tmp_path):
    fill(tmp_path / "in", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left").write_text("a file where a folder should be")
    _, outcomes = go(tmp_path)
    assert [outcome.status for outcome in outcomes] == [EDITED, FAILED] and "choose another --out" in outcomes[1].told


#: A run with a slow editor that counts its edits in a file.
SLOW = """
import sys, time
from pathlib import Path
from functools import partial
from folders import TASK, negative
from smartedit.batch.jobs import of_folder
from smartedit.batch.run import one_by_one, run
home = Path(sys.argv[1])
def slow(*asked):
    with open(home / "edits", "a") as file:
        file.write("edit\\n")
    time.sleep(0.1)
    return negative(*asked)
run(of_folder(home / "in", home / "out", "remove it", 1), TASK, partial(one_by_one, task=TASK, load=lambda: slow))
"""


def test_a_kill_loses_at_most_the_running_picture(tmp_path, outside):
    fill(tmp_path / "in", 12)
    path = [outside["PYTHONPATH"], str(Path(__file__).parent), str(Path(__file__).parents[1])]
    command, env = [sys.executable, "-c", SLOW, str(tmp_path)], {**outside, "PYTHONPATH": ":".join(path)}

    def whole() -> list[Path]:
        return [path for path in (tmp_path / "out").rglob("*.*") if not path.name.startswith(".")]

    running = subprocess.Popen(command, env=env)
    deadline = time.monotonic() + 60
    while len(whole()) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert 4 <= len(whole()) < 12 and all(images.open(path) for path in whole())
    (tmp_path / "out" / "left").mkdir(exist_ok=True)
    (tmp_path / "out" / "left" / ".10.webp.999.part").write_bytes(b"half")  # what a kill while writing leaves
    subprocess.run(command, env=env, check=True)
    names = sorted(path.name for path in (tmp_path / "out").rglob("*.*"))
    assert len(names) == 12 and not [name for name in names if name.startswith(".")]
    assert (tmp_path / "edits").read_text().count("edit") <= 13


def test_the_report(tmp_path):
    fill(tmp_path / "in", 3, broken=1)
    jobs, outcomes = go(tmp_path)
    rows = list(csv.DictReader(report.write(jobs, outcomes, tmp_path / "out").open()))
    assert [row["status"] for row in rows] == [outcome.status for outcome in outcomes] and len(rows) == 4
    assert rows[0]["picture"] == "0-empty.png" and "empty" in rows[0]["told"]
    lines = report.table(outcomes).splitlines()
    assert lines[0] == "4 pictures: 3 edited, 0 done before, 0 kept, 1 failed"
    assert len(lines) == 2 and "0-empty.png" in lines[1] and "empty" in lines[1]


@pytest.mark.parametrize("name", ["out", "out/smartedit-batch.csv"])
def test_a_report_that_cannot_be_written(tmp_path, name):
    from smartedit.errors import SmartEditError

    (tmp_path / "out").mkdir()
    blocked = tmp_path / name
    if blocked.is_dir():
        blocked.rmdir()
        blocked.write_text("a file")
    else:
        blocked.mkdir()
    with pytest.raises(SmartEditError, match="--out"):
        report.write([], [], tmp_path / "out")
