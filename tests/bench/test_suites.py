"""Suites from disk are read by name; whatever does not fit is left out and named, and never shifts its neighbours."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_pictures import noise_picture
from PIL import Image

from smartedit.bench import reason_edit, suites
from smartedit.bench.editors import Entrant, built_in
from smartedit.bench.kept import keep_suite, kept_suite
from smartedit.bench.run import configuration, run
from smartedit.errors import PictureError, SmartEditError


@pytest.fixture
def published(tmp_path, square_case):
    """Three cases of the colour group, exported, and empty folders for the other groups."""
    words = {k: {"instruction": f"make square {k} red", "clip_words": f"square {k}"} for k in (1, 2, 3)}
    cases = [replace(square_case(0, "colour"), id=f"colour-{k:04d}", **told) for k, told in words.items()]
    root = reason_edit.export(cases, tmp_path / "data")
    for folder, text in reason_edit.LAYOUT.values():
        (root / folder).mkdir(exist_ok=True)
        (root / folder / text).touch()
    return root


def test_an_exported_suite_is_read_back(published):
    suite = suites.find("reason-edit", published)
    assert [case.id for case in suite.cases] == ["colour-0001", "colour-0002", "colour-0003"] and not suite.exact
    case = suite.cases[1].render()
    assert (case.instruction, case.clip_words, case.group) == ("make square 2 red", "square 2", "colour")
    assert case.mask.shape == (48, 48) and case.mask[20, 20] and not case.mask[2, 2] and not suite.left_out
    told = json.loads((published / "cases.json").read_text())
    assert told[1]["file"] == "4-Color/0002.png" and (published / "truth" / "4-Color" / "0002-0.png").exists()


def test_export_overwrites_nothing(published, square_case):
    with pytest.raises(SmartEditError, match="not empty"):
        reason_edit.export([square_case(0, "colour")], published)


def test_a_missing_mask_leaves_out_its_case_alone(published):
    (published / "4-Color" / "0002_mask.jpg").unlink()
    suite = suites.find("reason-edit", published)
    assert [case.instruction for case in suite.cases] == ["make square 1 red", "make square 3 red"]
    assert [(out.id, out.reason) for out in suite.left_out] == [("colour-0002", "there is no 0002_mask.jpg")]


def test_too_few_lines_leave_out_the_group_rather_than_shift_it(published):
    text = published / "4-Color" / "Color_text.txt"
    text.write_text("\n".join(text.read_text().splitlines()[:2]))
    (published / "1-Left-Right" / "0001.png").write_bytes((published / "4-Color" / "0001.png").read_bytes())
    (published / "1-Left-Right" / "0001_mask.jpg").write_bytes((published / "4-Color" / "0001_mask.jpg").read_bytes())
    (published / "1-Left-Right" / "Left_Right_text.txt").write_text("move it CLIP: a cup")
    suite = suites.find("reason-edit", published)
    assert [case.id for case in suite.cases] == ["left-right-0001"] and len(suite.left_out) == 3
    assert "2 lines in Color_text.txt for 3 pictures" in suite.left_out[0].reason


def test_extra_pictures_and_masks_are_named(published):
    (published / "4-Color" / "0009_mask.jpg").write_bytes((published / "4-Color" / "0001_mask.jpg").read_bytes())
    assert [out.reason for out in suites.find("reason-edit", published).left_out] == ["a mask without a picture"]
    noise_picture(9, 9).save(published / "4-Color" / "0004.png")
    with pytest.raises(SmartEditError, match=r"3 lines in .* for 4 pictures"):
        suites.find("reason-edit", published)


def test_missing_and_double_folders_are_named(published):
    (published / "3-Mirror").rename(published / "elsewhere")
    (published / "old 5-Multiple-Objects").mkdir()
    reasons = {out.id: out.reason for out in suites.find("reason-edit", published).left_out}
    assert reasons.keys() == {"3-Mirror", "5-Multiple-Objects"} and reasons["3-Mirror"].startswith("0 folders")


def test_different_sizes_and_unreadable_pictures_are_holes(published, tmp_path):
    Image.new("L", (9, 9), 255).save(published / "4-Color" / "0001_mask.jpg")
    (published / "4-Color" / "0002.png").write_bytes(b"no picture")
    suite = suites.find("reason-edit", published)
    with pytest.raises(PictureError, match="9 x 9, its picture 48 x 48"):
        suite.cases[0].render()
    rows = run(suite, built_in("identity"), tmp_path / "out")
    assert [row["status"] for row in rows] == ["unaskable", "unaskable", "judged"] and "0002.png" in rows[1]["error"]


def test_pictures_of_other_scripts_are_found_by_name(published, tmp_path):
    """By the case's id, or in the published folders under the input's name; missing ones are no picture."""
    suite = suites.find("reason-edit", published)
    mine = tmp_path / "mine"
    (mine / "my 4-Color results").mkdir(parents=True)
    noise_picture(48, 48, 1).save(mine / "my 4-Color results" / "0001.jpg")
    noise_picture(48, 48, 2).save(mine / "colour-0002.png")
    (mine / "colour-0002.txt").write_text("notes")
    rows = run(suite, built_in(f"pictures:{mine}"), tmp_path / "out")
    assert [row["status"] for row in rows] == ["judged", "judged", "no picture"]
    with pytest.raises(PictureError, match="nowhere"):
        run(suite, built_in("pictures:nowhere"), tmp_path / "out")


@pytest.fixture
def magicbrush(tmp_path):
    """One session of two turns and one whose target is missing."""
    root = tmp_path / "test"
    for session, files in {"7": ["input", "output1", "output2"], "8": ["input"]}.items():
        (root / "images" / session).mkdir(parents=True)
        for number, name in enumerate(files):
            noise_picture(40, 30, number).save(root / "images" / session / f"{session}-{name}.png")
    mask = np.full((30, 40, 4), 255, np.uint8)
    mask[5:9, 5:9, 3] = 0
    Image.fromarray(mask).save(root / "images" / "7" / "7-mask1.png")
    turns = [
        {"input": "7-input.png", "mask": "7-mask1.png", "output": "7-output1.png", "instruction": "add a cat"},
        {"input": "7-output1.png", "mask": "7-mask2.png", "output": "7-output2.png", "instruction": "make it black"},
    ]
    lost = [{"input": "8-input.png", "output": "8-output1.png", "instruction": "lose it"}]
    (root / "edit_sessions.json").write_text(json.dumps({"7": turns, "8": lost}))
    (root / "global_descriptions.json").write_text(json.dumps({"7": {"7-output2.png": "a black cat"}}))
    return root


def test_magicbrush_single_turn(magicbrush):
    suite = suites.find("magicbrush", magicbrush)
    one, two = (case.render() for case in suite.cases)
    assert (one.id, one.group, one.instruction, one.mask.sum(), two.mask) == ("7-1", "turn-1", "add a cat", 16, None)
    assert np.array_equal(one.truths[0], two.picture) and two.clip_words == "a black cat" and not two.earlier
    assert [(out.id, out.reason) for out in suite.left_out] == [("8-1", "there is no 8-output1.png")]


def test_magicbrush_multi_turn_starts_from_the_session_s_first_picture(magicbrush):
    one, two = (case.render() for case in suites.find("magicbrush-multi", magicbrush).cases)
    assert np.array_equal(one.picture, two.picture) and two.earlier == (("7-1", "add a cat"),) and two.mask is None


def test_your_own_folder(tmp_path):
    for name, seed in [("a", 0), ("b", 1)]:
        noise_picture(20, 10, seed).save(tmp_path / f"{name}.png")
    Image.new("L", (20, 10), 255).save(tmp_path / "m.png")
    (tmp_path / "cases.csv").write_text(
        "picture,instruction,id,group,mask,truth,clip\n"
        'a.png,"remove it, please",,cups,m.png,b.png,a table\n'
        "a.png,again,,,,,\n"
        "lost.png,nothing,,,,,\n"
        "b.png,,,,,,\n"
    )
    suite = suites.find("folder", tmp_path)
    first, second = (case.render() for case in suite.cases)
    assert (first.id, first.group, first.instruction, first.clip_words) == ("a", "cups", "remove it, please", "a table")
    assert first.mask.all() and len(first.truths) == 1 and (second.id, second.group, second.mask) == ("a-2", "all-cases", None)
    assert [out.reason for out in suite.left_out] == ["there is no lost.png", "its row has no instruction"]


@pytest.mark.parametrize(("name", "text", "match"), [
    ("cases.txt", "", "has no cases.csv or cases.jsonl"),
    ("cases.csv", "picture,words\na,b\n", "unknown columns words"),
    ("cases.jsonl", "{oops\n", "cannot be read"),
    ("cases.jsonl", "3\n", "cannot be read"),
    ("cases.csv", "picture,instruction\n", "holds no case"),
    ("cases.csv", "picture,instruction\na.png," + 200_000 * "x", "cannot be read .*field larger .*column names"),
    ("cases.csv", "picture,instruction\na.png,caf\xe9\n", "cannot be read .*UTF-8"),
])  # fmt: skip
def test_bad_tables_are_refused_in_words(tmp_path, name, text, match):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(SmartEditError, match=match):
        suites.find("folder", tmp_path)


@pytest.mark.parametrize(("call", "match"), [
    (("exam",), "no suite 'exam'; there are mini-reason-edit"),
    (("reason-edit",), "--root"),
    (("reason-edit", "nowhere"), "no folder nowhere"),
    (("world", None, "test", 0), "--cases"),
    (("mini-reason-edit", None, "test", 220), "1 to 219"),
])  # fmt: skip
def test_suites_that_cannot_be_are_refused_in_words(call, match):
    with pytest.raises(SmartEditError, match=match):
        suites.find(*call)


def test_part_of_mini_reason_edit_says_so_and_spreads_over_groups():
    suite = suites.find("mini-reason-edit", cases=21)
    groups = [case.group for case in suite.cases]
    assert suite.name == "mini-reason-edit-21-of-219" and len(groups) == 21 and set(groups) == set(reason_edit.LAYOUT)


def test_a_kept_suite_outlives_its_folder(published, tmp_path):
    suite = keep_suite(suites.find("reason-edit", published), tmp_path / "out")
    first = suite.cases[0].render()
    again = kept_suite(configuration(suite, Entrant.of("x", None)), tmp_path / "out").cases
    assert again[0].render().fingerprint == first.fingerprint and np.array_equal(again[0].render().soft_mask, first.soft_mask)
    with pytest.raises(SmartEditError, match="no longer beside the results"):
        again[1].render()


def test_one_results_folder_holds_one_suite(published, tmp_path, squares):
    keep_suite(squares, tmp_path / "out")
    with pytest.raises(SmartEditError, match="another suite"):
        keep_suite(suites.find("reason-edit", published), tmp_path / "out")
