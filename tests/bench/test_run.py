"""A run can be killed at any moment, never mixes two measurements, and counts what editors do wrong."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from smartedit.bench.cases import Suite
from smartedit.bench.editors import built_in
from smartedit.bench.rows import append_row, mend, read_rows
from smartedit.bench.run import STATUSES, case_seed
from smartedit.errors import PictureError, SmartEditError


def lazy(picture, instruction, seed):
    return picture


def test_oracles_are_honest(ask, squares):
    assert [row["success"] for row in ask(squares, "identity")] == [False] * 8
    assert [row["success"] for row in ask(squares, "oracle")] == [True] * 8


def test_the_editor_sees_picture_words_and_a_seed_of_the_case(ask, squares):
    seen = []

    def editor(picture, instruction, seed):
        seen.append((picture.size, instruction, seed))
        picture.paste((0, 0, 0), (0, 0, 48, 48))  # an editor may scribble on what it is given
        return picture

    rows = ask(squares, editor, seed=3)
    assert seen == [((48, 48), case.instruction, case_seed(3, case.id)) for case in squares.cases]
    assert {row["status"] for row in rows} == {"judged"} and rows[0]["outside_change"] > 0.3


def test_later_turns_start_from_the_editors_own_earlier_ones(ask, square_case):
    case = replace(square_case(0), earlier=(("case-a", "first"), ("case-b", "second")))
    seen = []

    def editor(picture, instruction, seed):
        seen.append((instruction, seed, picture.getpixel((0, 0))[0]))
        return Image.new("RGB", picture.size, (len(seen), 0, 0))

    ask(Suite("turns", [case]), editor)
    assert seen == [("first", case_seed(0, "case-a"), 90), ("second", case_seed(0, "case-b"), 1), ("make square 0", case_seed(0, "case-0"), 2)]


def test_a_killed_run_goes_on_where_it_was(ask, tmp_path, squares):
    calls = []

    def mortal(picture, instruction, seed):
        calls.append(instruction)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return picture

    with pytest.raises(KeyboardInterrupt):
        ask(squares, mortal, "mortal")
    assert len(read_rows(tmp_path / "mortal" / "results.jsonl")) == 3
    rows = ask(squares, mortal, "mortal")
    assert [row["id"] for row in rows] == [case.id for case in squares.cases]
    assert calls == [squares.cases[i].instruction for i in (0, 1, 2, 3, 3, 4, 5, 6, 7)]
    whole = ask(squares, lazy, "whole")
    timeless = [[{k: v for k, v in row.items() if k not in ("seconds", "peak_mb")} for row in some] for some in (rows, whole)]
    assert timeless[0] == timeless[1]


def test_a_finished_run_asks_and_renders_nothing(ask, squares):
    rows = ask(squares, lazy)

    def never(*_):
        raise AssertionError("asked again")

    assert ask(squares, never) == rows


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


def test_a_bad_line_in_the_middle_is_named(ask, tmp_path, squares):
    ask(squares, lazy)
    path = tmp_path / "lazy" / "results.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "oops", *lines[1:]]) + "\n")
    with pytest.raises(SmartEditError, match="line 2"):
        ask(squares, lazy)


@pytest.mark.parametrize("word", ["suite", "version", "seed", "settings"])
def test_another_configuration_is_refused(ask, squares, word):
    ask(squares, lazy)
    suites = {"suite": replace(squares, name="circles"), "version": replace(squares, version=2)}
    options = {"seed": {"seed": 1}, "settings": {"settings": {"steps": 9}}}.get(word, {})
    with pytest.raises(SmartEditError, match=f"another {word}"):
        ask(suites.get(word, squares), lazy, **options)


def test_other_cases_are_refused(ask, few):
    ask(few(4), lazy)
    with pytest.raises(SmartEditError, match="another cases, count"):
        ask(few(8), lazy)


def test_cases_that_look_different_today_are_refused(ask, tmp_path, squares, square_case):
    ask(squares, lazy)
    path = tmp_path / "lazy" / "results.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    repainted = square_case(0)
    repainted.picture.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(SmartEditError, match="other pictures of case-0"):
        ask(replace(squares, cases=[repainted, *squares.cases[1:]]), lazy)


def test_two_cases_with_one_id_are_refused(ask, squares):
    with pytest.raises(ValueError, match="same id"):
        ask(replace(squares, cases=squares.cases[:1] * 2), lazy)


def clumsy_answers(picture, truncated):
    picture.save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:60])
    return [ValueError("boom\nbang"), None, Image.new("RGB", (9, 9)), Image.open(truncated), "text", Image.new("RGB", (0, 0))]


def test_what_editors_do_wrong_is_named_and_fails(ask, tmp_path, few):
    answers = clumsy_answers(few(1).cases[0].picture, tmp_path / "truncated.png")

    def clumsy(picture, instruction, seed):
        answer = answers[int(instruction.split()[-1])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    rows = ask(few(6), clumsy)
    expected = ["raised", "no picture", "wrong size", "raised", "no picture", "wrong size"]
    assert [row["status"] for row in rows] == expected
    assert set(expected) < set(STATUSES)
    assert not any(row["success"] for row in rows) and all(row["error"] for row in rows)


def test_without_exact_truth_another_size_is_judged_and_noted(ask, few):
    (row,) = ask(replace(few(1), exact=False), lambda picture, *_: picture.resize((30, 30)))
    assert (row["status"], row["success"]) == ("resized", None) and "(30, 30)" in row["note"] and "inside_ratio" not in row


def test_a_case_that_cannot_be_asked_is_a_hole_and_no_failure(ask, few):
    class Torn:
        id, group = "torn", "plain"

        def render(self):
            raise PictureError("torn.png is damaged")

    torn, whole = ask(replace(few(1), cases=[Torn(), *few(1).cases]), lazy)
    assert (torn["status"], torn["error"]) == ("unaskable", "torn.png is damaged") and whole["status"] == "judged"


@pytest.mark.parametrize("mode", ["RGBA", "P", "CMYK", "L", "F"])
def test_every_picture_mode_is_judged(ask, tmp_path, few, mode):
    (row,) = ask(few(1), lambda p, *_: p.convert(mode))
    assert row["status"] == "judged" and row["inside_ratio"] == pytest.approx(1, abs=0.1)
    assert Image.open(tmp_path / "lazy" / "pictures" / "case-0.png").mode == "RGB"


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_names_that_leave_the_folder_are_refused(ask, squares, name):
    with pytest.raises(SmartEditError, match="folder"):
        ask(squares, lazy, name)


def test_an_unwritable_folder_is_named(ask, tmp_path, squares):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SmartEditError, match="--out"):
        ask(squares, lazy, out=tmp_path / "file")


def test_configuration_is_written_before_the_first_case(ask, tmp_path, squares):
    def editor(picture, instruction, seed):
        config = json.loads((tmp_path / "early" / "run.json").read_text())
        assert (config["suite"], config["count"], config["settings"]) == ("squares", 8, {"steps": 4})
        return picture

    assert {row["status"] for row in ask(squares, editor, "early", settings={"steps": 4})} == {"judged"}


def test_progress_counts_every_case(ask, squares):
    seen = []
    ask(squares, lazy, progress=lambda done, total, row: seen.append((done, total)))
    assert seen == [(n, 8) for n in range(1, 9)]


def test_time_and_memory_are_noted(ask, few):
    (row,) = ask(few(1), lazy)
    assert 0 <= row["seconds"] < 60 and 10 < row["peak_mb"] < 100_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_loses_only_the_running_case(ask, tmp_path, squares):
    """A forked child is killed while it works on the fourth case; the parent goes on."""

    def doomed(picture, instruction, seed):
        if instruction.endswith("3"):
            os.kill(os.getpid(), signal.SIGKILL)
        return picture

    if child := os.fork():
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    else:
        ask(squares, doomed, "killed")
        os._exit(0)
    assert len(read_rows(tmp_path / "killed" / "results.jsonl")) == 3
    rows = ask(squares, lazy, "killed")
    assert [row["id"] for row in rows] == [case.id for case in squares.cases]


def test_names_of_editors():
    assert built_in("pictures:out/mine").name == "mine" and built_in("openai:org/model@http://h/v1").name == "org-model"
    assert built_in("instruct-pix2pix").settings["repo"] == "timbrooks/instruct-pix2pix" and built_in("tiny") is None
    with pytest.raises(SmartEditError, match="openai:MODEL@"):
        built_in("openai:model")
