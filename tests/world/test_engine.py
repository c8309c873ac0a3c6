"""Pairs: true to their words and pictures, the same for any number of processes, and safe against `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from smartedit.errors import SceneError
from smartedit.world import engine, shards
from smartedit.world.describe import describe
from smartedit.world.edit_json import edit_from_json
from smartedit.world.edits import Paint, changed_region
from smartedit.world.engine import build, make_case, make_pairs, stream
from smartedit.world.pairs import LEAST_CHANGED
from smartedit.world.proposals import GROUPS, groups_of
from smartedit.world.render import render
from smartedit.world.scene import Scene

SIZE = 32


@pytest.fixture(scope="module")
def pairs():
    return [pair for index in range(40) for pair in make_pairs("train", index, 64)]


def test_pairs_are_what_their_data_says(pairs):
    for pair in pairs:
        scene, edit = Scene.from_json(pair.scene), edit_from_json(pair.edit)
        rendered = render(scene, 64)
        assert np.array_equal(rendered.picture, pair.before)
        assert np.array_equal(rendered.ids, pair.region_ids)
        assert pair.scene == describe(scene, rendered)
        if not isinstance(edit, Paint):
            assert np.array_equal(render(edit.apply(scene), 64).picture, pair.after)
        assert np.array_equal(pair.mask, changed_region(pair.before, pair.after))
        assert pair.mask.sum() * 16 >= LEAST_CHANGED
        assert pair.instruction and pair.reply
        assert pair.group in groups_of(pair.op)


def test_pairs_of_a_scene_differ(pairs):
    assert len({pair.id for pair in pairs}) == len(pairs)
    for index in range(40):
        mine = [pair for pair in pairs if pair.seed == index]
        assert 1 <= len(mine) <= 3
        assert len({pair.op for pair in mine}) == len(mine)
        assert sum(pair.group == "reasoning" for pair in mine) <= 1


def test_all_groups_and_operations_occur(pairs):
    assert {pair.group for pair in pairs} == set(GROUPS)
    assert {"remove", "recolour", "replace", "paint", "move", "add"} <= {pair.op for pair in pairs}
    reasoning = [pair for pair in pairs if pair.group == "reasoning"]
    assert all(pair.fact for pair in reasoning)
    assert 0.05 < len(reasoning) / len(pairs) < 0.3


@pytest.mark.parametrize("group", GROUPS)
def test_cases_are_of_their_group(group):
    case = make_case("test", 3, group, size=64)
    again = make_case("test", 3, group, size=64)
    assert case.group == group and case.op != "paint"
    assert (case.instruction, case.edit, case.scene) == (again.instruction, again.edit, again.scene)
    assert np.array_equal(case.after, again.after)
    assert np.array_equal(case.truths[0], case.after)
    assert make_case("test", 4, group, size=64).seed != case.seed


def test_a_case_of_an_operation():
    assert make_case("validation", 0, "plain", op="surface", size=64).op == "surface"
    assert make_case("validation", 0, "plain", op="add", size=64) is None


def test_additions_have_several_right_answers():
    truths = make_case("test", 0, "add", size=64).truths
    assert 4 <= len(truths) <= 24
    assert len({truth.tobytes() for truth in truths}) == len(truths)


def test_the_number_of_processes_changes_nothing():
    one = list(stream("test", 0, 4, processes=1, size=SIZE))
    two = list(stream("test", 0, 4, processes=2, size=SIZE))
    assert [pair.id for pair in one] == [pair.id for pair in two]
    for a, b in zip(one, two, strict=True):
        assert (a.instruction, a.reply, a.scene, a.edit) == (b.instruction, b.reply, b.scene, b.edit)
        assert np.array_equal(a.before, b.before) and np.array_equal(a.after, b.after)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(engine, "SHARD_SCENES", 3)


def test_a_dataset_reads_back_as_pictures(tmp_path, small_shards):
    datasets = pytest.importorskip("datasets")
    build("train", 10, tmp_path, processes=1, size=SIZE, progress=False)
    build("validation", 4, tmp_path, processes=1, size=SIZE, progress=False)
    loaded = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert {split: data.num_rows for split, data in loaded.items()} == {"train": 10, "validation": 4}
    made = [pair for index in range(6) for pair in make_pairs("train", index, SIZE)][:10]
    for row, pair in zip(loaded["train"], made, strict=True):
        assert np.array_equal(np.asarray(row["before"]), pair.before)
        assert np.array_equal(np.asarray(row["after"]), pair.after)
        assert np.array_equal(np.asarray(row["mask"]) == 255, pair.mask)
        assert np.array_equal(np.asarray(row["region_ids"]).astype(int) - shards.IDS_OFFSET, pair.region_ids)
        assert json.loads(row["scene"]) == pair.scene and json.loads(row["edit"]) == pair.edit
        assert (row["id"], row["instruction"], row["reply"]) == (pair.id, pair.instruction, pair.reply)
        assert (row["group"], row["op"], row["seed"], row["fact"]) == (pair.group, pair.op, pair.seed, pair.fact)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_finished_build_is_left_alone_and_another_refused(tmp_path, small_shards):
    build("train", 7, tmp_path, processes=1, size=SIZE, progress=False)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    build("train", 7, tmp_path, processes=1, size=SIZE, progress=False)
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    with pytest.raises(SceneError, match="holds another train dataset"):
        build("train", 8, tmp_path, processes=1, size=SIZE, progress=False)


def test_a_build_may_begin_at_another_scene(tmp_path, small_shards):
    build("train", 4, tmp_path, processes=1, size=SIZE, progress=False, first=6)
    assert [path.name for path in sorted(tmp_path.glob("*.parquet"))][0] == "train-00002.parquet"
    seeds = {row["seed"] for path in tmp_path.glob("*.parquet") for row in parquet.read_table(path, columns=["seed"]).to_pylist()}
    assert min(seeds) == 6 and engine.first_scene(tmp_path, "train") == 6
    assert engine.first_scene(tmp_path, "validation") == engine.first_scene(tmp_path / "nowhere", "train") == 0
    with pytest.raises(SceneError, match="holds another train dataset"):
        build("train", 4, tmp_path, processes=1, size=SIZE, progress=False)
    for first in (7, -3, 1_000_000_002):
        with pytest.raises(SceneError, match="give a multiple of 3 from 0"):
            build("train", 4, tmp_path / "other", size=SIZE, first=first)
    assert not (tmp_path / "other").exists()


def test_a_build_ends_with_its_split(tmp_path, small_shards, monkeypatch):
    """The next scene would be another split's."""
    monkeypatch.setitem(engine.SEEDS, "train", range(0, 12))
    with pytest.raises(SceneError, match="only .* from scene 9 on"):
        build("train", 40, tmp_path, processes=1, size=SIZE, progress=False, first=9)
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["train-00003.parquet"]


BUILD = """
from smartedit.world import engine
engine.SHARD_SCENES = 8
if __name__ == "__main__":
    engine.build("train", 120, {out!r}, processes=2, size=16, progress=False)
"""


def test_killed_builds_go_on_without_loss_or_duplicates(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "SHARD_SCENES", 8)
    script, out = tmp_path / "build.py", tmp_path / "data"
    script.write_text(BUILD.format(out=str(out)))
    process = subprocess.Popen([sys.executable, str(script)])
    deadline = time.time() + 300
    while not list(out.glob("*.parquet")) and time.time() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = contents(out)
    shards_kept = [name for name in kept if name.endswith(".parquet")]
    assert 1 <= len(shards_kept) < 5, "the build was to be killed half way"
    (out / "train-00001.999.tmp").write_bytes(b"half a shard")
    build("train", 120, out, processes=1, size=16, progress=False)
    assert all(contents(out)[name] == kept[name] for name in shards_kept)
    assert not list(out.glob("*.tmp"))
    tables = [shards.pq.read_table(path, columns=["id"]) for path in sorted(out.glob("*.parquet"))]
    ids = [id for table in tables for id in table["id"].to_pylist()]
    wanted = [pair.id for pair in stream("train", 0, 60, processes=1, size=16)][:120]
    assert ids == wanted


@pytest.mark.parametrize(("pairs", "size"), [(0, 64), (5, 8), (5, 10**6)])
def test_impossible_builds_are_refused(tmp_path, pairs, size):
    with pytest.raises(SceneError, match="cannot build"):
        build("train", pairs, tmp_path / "new", size=size)
    assert not (tmp_path / "new").exists()


def test_an_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SceneError, match="choose another folder"):
        build("train", 5, tmp_path / "file", size=32)
