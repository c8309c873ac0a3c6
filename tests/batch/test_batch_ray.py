"""The same folder over a Ray cluster of this machine: two workers, real processes."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import folders
import pytest
from folders import TASK, fill, load, negative

from smartedit import provenance
from smartedit.batch.jobs import of_folder
from smartedit.batch.run import DONE, EDITED, FAILED, run

pytestmark = pytest.mark.slow


@pytest.fixture
def findable(monkeypatch):
    """Workers find the package and the stub editor."""
    import smartedit

    here = (Path(smartedit.__file__).parents[1], Path(folders.__file__).parent, Path(__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, here)))


def go(home, editor=load):
    from smartedit.batch.spread import over_ray

    jobs = of_folder(home / "in", home / "out", "remove it", 1)
    return jobs, run(jobs, TASK, partial(over_ray, task=TASK, load=editor, workers=2))


def test_two_workers_do_a_folder(findable, tmp_path):
    broken = fill(tmp_path / "in", 9, broken=1)
    jobs, outcomes = go(tmp_path)
    assert [outcome.name for outcome in outcomes] == [job.name for job in jobs]
    assert {outcome.name for outcome in outcomes if outcome.status == FAILED} == set(broken)
    assert sum(outcome.status == EDITED for outcome in outcomes) == 9
    assert provenance.read(tmp_path / "out" / "left" / "01.jpg")[0].reply == "remove it (1)"
    assert sum(outcome.status == DONE for outcome in go(tmp_path)[1]) == 9


def dies_once(marker: str):
    """An editor whose process is killed at its third picture, the first time."""
    seen = []

    def editor(words, picture, seed):
        seen.append(picture)
        if len(seen) == 3 and not Path(marker).exists():
            Path(marker).write_text("died")
            time.sleep(0.2)
            os.kill(os.getpid(), 9)
        return negative(words, picture, seed)

    return editor


def test_a_worker_that_dies_costs_no_picture(findable, tmp_path):
    fill(tmp_path / "in", 10)
    _, outcomes = go(tmp_path, partial(dies_once, str(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()
    assert all(outcome.status in (EDITED, DONE) for outcome in outcomes) and len(outcomes) == 10


def test_no_cluster_there(findable, tmp_path):
    from smartedit.batch.spread import over_ray
    from smartedit.errors import SmartEditError

    fill(tmp_path / "in", 1)
    jobs = of_folder(tmp_path / "in", tmp_path / "out", "remove it", 1)
    with pytest.raises(SmartEditError, match="no Ray cluster at 127"):
        next(over_ray(jobs, TASK, load, workers=2, address="127.0.0.1:1"))
