"""Work shared by processes: nothing is lost or done twice, and no case can stop the others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial

import pytest
from errands import Broken, Squaring, moody, open_moody, raise_model_error
from hypothesis import given
from hypothesis import strategies as st

from smartedit.bench.cluster import each_on_ray
from smartedit.bench.editors import Entrant
from smartedit.bench.run import run
from smartedit.bench.workers import Lost, each, shards
from smartedit.errors import MissingExtra, SmartEditError


@given(st.integers(0, 60), st.integers(1, 9))
def test_shards_deal_out_every_task_once_and_evenly(count, parts):
    hands = shards(count, parts)
    assert Counter(number for hand in hands for number in hand) == Counter(range(count))
    assert len(hands) == min(parts, count) and (not hands or max(map(len, hands)) - min(map(len, hands)) <= 1)


def test_two_processes_share_the_tasks():
    results = dict(each(Squaring(), list(range(8)), processes=2))
    assert {number: value for number, (value, _) in results.items()} == {n: n * n for n in range(8)}
    assert os.getpid() not in {process for _, process in results.values()}


def test_a_hanging_and_a_deadly_task_lose_only_themselves():
    results = dict(each(Squaring(), [1, "hang", 2, "die", 3], processes=1, deadline=10))
    assert results[1] == Lost("too slow", "no answer within 10 s") and results[3] == Lost("died", "its process ended with exit code 7")
    assert [results[number][0] for number in (0, 2, 4)] == [1, 4, 9]


def test_nothing_to_do_starts_no_process():
    assert list(each(Broken("die"), [], processes=3)) == [] and list(each(Broken("die"), [])) == []


@pytest.mark.parametrize(("how", "match"), [("extra", "smartedit\\[bench\\]"), ("value", "no such weights"), ("die", "exit code 3")])
def test_a_job_that_cannot_be_opened_says_why(how, match):
    with pytest.raises(SmartEditError, match=match):
        list(each(Broken(how), [1, 2], processes=1))


def test_an_editor_that_hangs_or_dies_fails_there_and_the_run_goes_on(tmp_path, few):
    rows = run(few(4), Entrant("moody", open_moody), tmp_path, processes=1, deadline=20)
    assert [row["status"] for row in rows] == ["judged", "too slow", "died", "judged"]
    assert "within 20 s" in rows[1]["error"] and not any(row["success"] for row in rows)
    assert run(few(4), Entrant("moody", open_moody), tmp_path) == rows, "a finished run asks nothing"


def test_an_editor_that_cannot_be_opened_ends_the_run_in_words(tmp_path, few):
    with pytest.raises(SmartEditError, match="no model there; get one"):
        run(few(2), Entrant("none", raise_model_error), tmp_path, processes=1)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"smartedit\[ray\]"):
        list(each_on_ray(Squaring(), [1], parts=1))


@pytest.mark.slow
def test_a_local_ray_cluster_of_two_workers(tmp_path, outside):
    """In a process of its own, as Ray leaves threads and signal handlers behind."""
    pytest.importorskip("ray", reason="Ray has no wheels for every Python")
    code = (
        "from errands import Squaring\nfrom smartedit.bench.cluster import each_on_ray\n"
        "found = dict(each_on_ray(Squaring(), [0, 1, 2, 'hang', 4, 5], parts=2, deadline=20))\n"
        "assert found[3].status == 'too slow', found\n"
        "assert [found[n][0] for n in (0, 1, 2, 4, 5)] == [0, 1, 4, 16, 25], found\n"
        "assert len({found[n][1] for n in (0, 1, 2, 4, 5)}) >= 2\nprint('shared')"
    )
    path = os.pathsep.join([outside["PYTHONPATH"], os.path.dirname(__file__)])
    run_it = [sys.executable, "-c", code]
    done = subprocess.run(run_it, capture_output=True, text=True, env={**outside, "PYTHONPATH": path}, cwd=tmp_path, timeout=900)
    assert done.stdout.strip().endswith("shared"), done.stderr[-2000:]


def test_an_entrant_of_a_picklable_callable_runs_elsewhere(tmp_path, few):
    rows = run(few(1), Entrant.of("moody", moody), tmp_path, spread=partial(each, processes=1, deadline=60))
    assert rows[0]["status"] == "judged"
