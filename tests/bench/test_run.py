"""A run can be killed at any moment, never mixes two measurements, and counts what editors do wrong."""

from __future__ import annotations

import json
import os
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from smartedit.bench.rows import append_row, mend, read_rows
from smartedit.bench.run import STATUSES, case_seed, run
from smartedit.errors import SmartEditError


def lazy(picture, instruction, seed):
    return picture


def test_oracles_are_honest(tmp_path, squares):
    assert [row["success"] for row in run("squares", None, "identity", tmp_path, squares)] == [False] * 8
    assert [row["success"] for row in run("squares", None, "oracle", tmp_path, squares)] == [True] * 8


def test_an_unknown_oracle_is_named(tmp_path, squares):
    with pytest.raises(SmartEditError, match="identity, oracle"):
        run("squares", None, "orakel", tmp_path, squares)
    assert not list(tmp_path.iterdir())


def test_the_editor_sees_picture_words_and_a_seed_of_the_case(tmp_path, squares):
    seen = []

    def editor(picture, instruction, seed):
        seen.append((picture.size, instruction, seed))
        picture.paste((0, 0, 0), (0, 0, 48, 48))  # an editor may scribble on what it is given
        return picture

    rows = run("squares", editor, "scribble", tmp_path, squares, seed=3)
    assert seen == [((48, 48), case.instruction, case_seed(3, case.id)) for case in squares]
    assert {row["status"] for row in rows} == {"judged"} and rows[0]["outside_change"] > 0.3


def test_a_killed_run_goes_on_where_it_was(tmp_path, squares):
    calls = []

    def mortal(picture, instruction, seed):
        calls.append(instruction)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return picture

    with pytest.raises(KeyboardInterrupt):
        run("squares", mortal, "mortal", tmp_path, squares)
    assert len(read_rows(tmp_path / "mortal" / "results.jsonl")) == 3
    rows = run("squares", mortal, "mortal", tmp_path, squares)
    assert [row["id"] for row in rows] == [case.id for case in squares]
    assert calls == [squares[i].instruction for i in (0, 1, 2, 3, 3, 4, 5, 6, 7)]
    whole = run("squares", lazy, "whole", tmp_path, squares)
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in some] for some in (rows, whole)]
    assert timeless[0] == timeless[1]


def test_a_finished_run_asks_and_renders_nothing(tmp_path, squares):
    rows = run("squares", lazy, "lazy", tmp_path, squares)

    def never(*_):
        raise AssertionError("asked again")

    assert run("squares", never, "lazy", tmp_path, squares) == rows


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400))
def test_a_torn_file_keeps_every_whole_row(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "results.jsonl"
    for number in range(6):
        append_row(path, {"id": str(number), "words": "naïve\u2028 line"})
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    mend(path)
    assert [row["id"] for row in read_rows(path)] == [str(n) for n in range(data.count(b"\n"))]


def test_zeros_after_a_power_cut_are_cut_off(tmp_path):
    path = tmp_path / "results.jsonl"
    append_row(path, {"id": "a"})
    path.write_bytes(path.read_bytes() + b"\0" * 30 + b"\n")
    mend(path)
    assert read_rows(path) == [{"id": "a"}]


def test_a_bad_line_in_the_middle_is_named(tmp_path, squares):
    run("squares", lazy, "lazy", tmp_path, squares)
    path = tmp_path / "lazy" / "results.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "oops", *lines[1:]]) + "\n")
    with pytest.raises(SmartEditError, match="line 2"):
        run("squares", lazy, "lazy", tmp_path, squares)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"suite": "circles"}, "suite"), ({"seed": 1}, "seed"), ({"settings": {"steps": 9}}, "settings")],
)
def test_another_configuration_is_refused(tmp_path, squares, changes, word):
    call = {"suite": "squares", "editor": lazy, "editor_name": "lazy", "out": tmp_path, "cases": squares}
    run(**call)
    with pytest.raises(SmartEditError, match=f"another {word}"):
        run(**(call | changes))


def test_other_cases_are_refused(tmp_path, squares):
    run("squares", lazy, "lazy", tmp_path, squares[:4])
    with pytest.raises(SmartEditError, match="another cases, count"):
        run("squares", lazy, "lazy", tmp_path, squares)


def test_cases_that_look_different_today_are_refused(tmp_path, squares, square_case):
    run("squares", lazy, "lazy", tmp_path, squares)
    path = tmp_path / "lazy" / "results.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    repainted = square_case(0)
    repainted.picture.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(SmartEditError, match="other pictures of case-0"):
        run("squares", lazy, "lazy", tmp_path, [repainted, *squares[1:]])


def test_two_cases_with_one_id_are_refused(tmp_path, squares):
    with pytest.raises(ValueError, match="same id"):
        run("squares", lazy, "lazy", tmp_path, [squares[0], squares[0]])


def test_what_editors_do_wrong_is_named_and_fails(tmp_path, squares):
    truncated = tmp_path / "truncated.png"
    squares[0].picture.save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:60])
    answers = [ValueError("boom\nbang"), None, Image.new("RGB", (9, 9))]
    answers += [Image.open(truncated), "text", Image.new("RGB", (0, 0))]

    def clumsy(picture, instruction, seed):
        answer = answers[int(instruction.split()[-1])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    rows = run("squares", clumsy, "clumsy", tmp_path / "out", squares[:6])
    expected = ["raised", "no picture", "wrong size", "raised", "no picture", "wrong size"]
    assert [row["status"] for row in rows] == expected
    assert set(expected) < set(STATUSES)
    assert not any(row["success"] for row in rows) and all(row["error"] for row in rows)


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "L", "F"])
def test_every_picture_mode_is_judged(tmp_path, squares, mode):
    (row,) = run("squares", lambda p, *_: p.convert(mode), "modes", tmp_path, squares[:1])
    assert row["status"] == "judged" and row["inside_ratio"] == pytest.approx(1, abs=0.1)
    assert Image.open(tmp_path / "modes" / "pictures" / "case-0.png").mode == "RGB"


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_names_that_leave_the_folder_are_refused(tmp_path, squares, name):
    with pytest.raises(SmartEditError, match="folder"):
        run("squares", lazy, name, tmp_path, squares)


def test_an_unwritable_folder_is_named(tmp_path, squares):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SmartEditError, match="--out"):
        run("squares", lazy, "lazy", tmp_path / "file", squares)


def test_configuration_is_written_before_the_first_case(tmp_path, squares):
    def editor(picture, instruction, seed):
        config = json.loads((tmp_path / "early" / "run.json").read_text())
        assert (config["suite"], config["count"], config["settings"]) == ("squares", 8, {"steps": 4})
        return picture

    rows = run("squares", editor, "early", tmp_path, squares, settings={"steps": 4})
    assert {row["status"] for row in rows} == {"judged"}


def test_progress_counts_every_case(tmp_path, squares):
    seen = []
    run("squares", lazy, "lazy", tmp_path, squares, progress=lambda done, total, row: seen.append((done, total)))
    assert seen == [(n, 8) for n in range(1, 9)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_loses_only_the_running_case(tmp_path, squares):
    """A forked child is killed while it works on the fourth case; the parent goes on."""

    def doomed(picture, instruction, seed):
        if instruction.endswith("3"):
            os.kill(os.getpid(), signal.SIGKILL)
        return picture

    if child := os.fork():
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    else:
        run("squares", doomed, "killed", tmp_path, squares)
        os._exit(0)
    assert len(read_rows(tmp_path / "killed" / "results.jsonl")) == 3
    rows = run("squares", lazy, "killed", tmp_path, squares)
    assert [row["id"] for row in rows] == [case.id for case in squares]
