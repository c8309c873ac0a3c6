"""A report can be trusted: intervals hold the rate, failures count, holes are named, other cases never mix."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartedit.bench.report import (
    difference,
    mean_with_interval,
    read_runs,
    slices,
    summary,
    worst_first,
    write_report,
)
from smartedit.bench.run import run
from smartedit.bench.tables import markdown
from smartedit.errors import SmartEditError


def half(picture, instruction, seed):
    """Right on even squares, raises on square 7, does nothing on the others."""
    number = int(instruction.split()[-1])
    if number == 7:
        raise RuntimeError("out | of\nmemory")
    if number % 2 == 0:
        picture.paste((200, 40, 40 + number), (14, 14, 26, 26))
    return picture


@pytest.fixture
def measured(tmp_path, squares):
    for name, editor in [("identity", None), ("oracle", None), ("half", half)]:
        run("squares", editor, name, tmp_path, squares)
    return tmp_path


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_interval_holds_the_mean(wins):
    value = mean_with_interval([float(win) for win in wins])
    assert 0 <= value["low"] <= value["rate"] <= value["high"] <= 1
    assert value == mean_with_interval([float(win) for win in wins])


def test_the_interval_has_the_known_width():
    value = mean_with_interval([1.0, 0.0] * 200)
    assert value["high"] - value["low"] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(400), rel=0.1)


def test_no_values_have_no_rate():
    assert mean_with_interval([]) == {"cases": 0, "rate": None, "low": None, "high": None}


def test_rates_count_failures_and_groups(measured):
    result = summary(read_runs(measured))
    assert list(result["editors"]) == ["half", "oracle", "identity"]
    groups = result["editors"]["half"]["groups"]
    rates = {name: (value["successes"], value["cases"]) for name, value in groups.items()}
    wanted = {"plain": (2, 2), "colour": (0, 2), "mirror": (2, 2), "reasoning": (0, 2)}
    assert rates == wanted | {"understanding": (2, 4), "all": (4, 8)}
    assert result["editors"]["half"]["statuses"] == {"judged": 7, "raised": 1, "no picture": 0, "wrong size": 0}
    assert result["editors"]["half"]["failed"][0]["id"] == "case-7"
    assert result["editors"]["half"]["plain_by_operation"].keys() == {"remove"}
    assert [result["editors"][name]["groups"]["all"]["rate"] for name in ("identity", "oracle")] == [0, 1]


def test_a_difference_is_paired(measured):
    runs = {one.name: one for one in read_runs(measured)}
    gap = difference(runs["oracle"], runs["half"], ("plain", "colour"))
    assert (gap["cases"], gap["rate"]) == (4, 0.5)
    same = difference(runs["half"], runs["half"], ("plain", "colour"))
    assert (same["rate"], same["low"], same["high"]) == (0, 0, 0)


def test_cases_not_run_yet_are_named(measured, squares):
    path = measured / "half" / "results.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    result = summary(read_runs(measured))
    assert result["editors"]["half"]["missing"] == [case.id for case in squares[3:]]
    assert "| half | 3 | 0 | 0 | 0 | 5 |" in markdown(result)
    assert "no case yet" in markdown(result)


def test_the_worst_come_first(measured):
    (one,) = (one for one in read_runs(measured) if one.name == "half")
    order = [row["id"] for row in worst_first(one)]
    assert order[0] == "case-7" and set(order[1:4]) == {"case-1", "case-3", "case-5"}


def test_the_report_is_written_whole(measured, squares):
    path = write_report(measured, squares, worst=3)
    text = path.read_text()
    result = json.loads((measured / "results.json").read_text())
    assert result == json.loads(json.dumps(summary(read_runs(measured))))
    assert "| all | 0.50" in text and "case-7: raised: RuntimeError: out | of memory" in text
    assert all(len(line.split(" | ")) == 4 for line in text.splitlines() if line.startswith("| plain"))
    assert (measured / "half" / "worst.png").exists()
    assert not [path for path in measured.rglob("*") if path.name.startswith(".")]


def test_a_report_without_cases_draws_no_sheet(measured):
    write_report(measured)
    assert not list(measured.rglob("worst.png"))


@pytest.mark.parametrize("change", ["suite", "picture"])
def test_runs_about_other_things_never_share_a_table(tmp_path, squares, square_case, change):
    run("squares", None, "identity", tmp_path, squares[:1])
    other = square_case(0)
    if change == "picture":
        other.picture.putpixel((0, 0), (1, 2, 3))
    run("circles" if change == "suite" else "squares", None, "oracle", tmp_path, [other])
    with pytest.raises(SmartEditError, match=change):
        read_runs(tmp_path)


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(SmartEditError, match="smartedit bench world"):
        write_report(tmp_path)


def test_a_suite_without_understanding_has_no_such_row():
    assert list(slices({"cases": [{"id": "1", "group": "mine"}]})) == ["mine", "all"]
