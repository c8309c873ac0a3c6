"""A report can be trusted: intervals hold the rate, failures count, holes are named, other cases never mix."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartedit.bench import field
from smartedit.bench.cases import LeftOut
from smartedit.bench.measure import measure
from smartedit.bench.report import difference, read_runs, slices, summary, worst_first, write_report
from smartedit.bench.run import STATUSES
from smartedit.bench.statistics import mean_with_interval
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
def measured(ask, tmp_path, squares):
    for editor in ("identity", "oracle", half):
        ask(squares, editor, "half")
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
    result = summary(*read_runs(measured))
    assert list(result["editors"]) == ["half", "oracle", "identity"]
    groups = result["editors"]["half"]["groups"]
    rates = {name: (value["successes"], value["cases"]) for name, value in groups.items()}
    wanted = {"plain": (2, 2), "colour": (0, 2), "mirror": (2, 2), "reasoning": (0, 2)}
    assert rates == wanted | {"understanding": (2, 4), "all": (4, 8)}
    assert result["editors"]["half"]["statuses"] == dict.fromkeys(STATUSES, 0) | {"judged": 7, "raised": 1}
    assert result["editors"]["half"]["failed"][0]["id"] == "case-7"
    assert result["editors"]["half"]["plain_by_operation"].keys() == {"remove"}
    assert [result["editors"][name]["groups"]["all"]["rate"] for name in ("identity", "oracle")] == [0, 1]


def test_a_difference_is_paired(measured):
    runs = {one.name: one for one in read_runs(measured)[0]}
    gap = difference(runs["oracle"], runs["half"], ("plain", "colour"))
    assert (gap["cases"], gap["rate"]) == (4, 0.5)
    same = difference(runs["half"], runs["half"], ("plain", "colour"))
    assert (same["rate"], same["low"], same["high"]) == (0, 0, 0)


def test_cases_not_run_yet_are_named(measured, squares):
    path = measured / "half" / "results.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    result = summary(*read_runs(measured))
    assert result["editors"]["half"]["missing"] == [case.id for case in squares.cases[3:]]
    assert "| half | 3 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 5 |" in markdown(result)
    assert "no case yet" in markdown(result)


def test_the_worst_come_first(measured):
    (one,) = (one for one in read_runs(measured)[0] if one.name == "half")
    order = [row["id"] for row in worst_first(one)]
    assert order[0] == "case-7" and set(order[1:4]) == {"case-1", "case-3", "case-5"}


def test_the_report_is_written_whole(measured, squares):
    path = write_report(measured, squares.cases, worst=3)
    text = path.read_text()
    result = json.loads((measured / "results.json").read_text())
    assert {key: result[key] for key in result.keys() - {"raters", "judges"}} == json.loads(json.dumps(summary(*read_runs(measured))))
    assert result["raters"] is None and result["judges"] == []
    assert "| all | 0.50" in text and "case-7: raised: RuntimeError: out | of memory" in text
    assert all(len(line.split(" | ")) == 4 for line in text.splitlines() if line.startswith("| plain"))
    assert (measured / "half" / "worst.png").exists()
    assert not [path for path in measured.rglob("*") if path.name.startswith(".")]


def test_an_answer_that_is_gone_is_named(measured, squares):
    next((measured / "half" / "pictures").iterdir()).unlink()
    with pytest.raises(SmartEditError, match=r"is gone.*delete .*half and run"):
        write_report(measured, squares.cases)


def test_a_report_without_cases_draws_no_sheet(measured):
    write_report(measured)
    assert not list(measured.rglob("worst.png"))


@pytest.mark.parametrize("change", ["suite", "version", "picture"])
def test_runs_about_other_things_never_share_a_table(ask, few, square_case, tmp_path, change):
    """The older run is left out of the table and named there."""
    ask(few(1), "identity")
    os.utime(tmp_path / "identity" / "run.json", (1, 1))
    other = square_case(0)
    if change == "picture":
        other.picture.putpixel((0, 0), (1, 2, 3))
    changed = {"suite": {"name": "circles"}, "version": {"version": 2}}.get(change, {})
    ask(replace(few(1), cases=[other], **changed), "oracle")
    runs, refused = read_runs(tmp_path)
    assert [run.name for run in runs] == ["oracle"] and len(refused) == 1 and change in refused[0]
    assert "Left out of the tables" in (text := markdown(summary(runs, refused))) and refused[0] in text


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(SmartEditError, match="smartedit bench run"):
        write_report(tmp_path)


def test_a_suite_without_understanding_has_no_such_row():
    assert list(slices({"cases": [{"id": "1", "group": "mine"}]})) == ["mine", "all"]


def test_identity_is_perfect_outside_and_never_right_in_one_report(measured, squares):
    """The point of the whole table: what the published measures call perfect has done nothing."""
    measure(squares, ["identity", "oracle", "half"], measured)
    result = json.loads(write_report(measured).with_name("results.json").read_text())
    identity = result["editors"]["identity"]
    assert identity["groups"]["all"]["rate"] == 0
    assert (identity["measures"]["strict.psnr"]["all"]["rate"], identity["measures"]["fixed.psnr"]["all"]["rate"]) == ("inf", 100)
    assert result["editors"]["half"]["measures"]["fixed.psnr"]["all"]["cases"] == 7, "one case has no picture, and it shows"
    text = (measured / "report.md").read_text()
    assert "| PSNR, strict | inf [inf, inf] of 7 | " in text and "published arithmetic" in text


def test_cases_that_a_suite_cannot_ask_stand_above_the_numbers(ask, few, tmp_path):
    ask(replace(few(2), left_out=(LeftOut("case-9", "plain", "there is no mask"),)), "identity")
    text = markdown(summary(*read_runs(tmp_path)))
    assert text.index("**1 more could not be asked**") < text.index("| group |") and "1 x there is no mask: case-9" in text


def test_without_exact_truth_there_is_no_rate_but_there_are_measures(ask, few, tmp_path):
    suite = replace(few(3), exact=False)
    ask(suite, "identity")
    ask(suite, lambda *_: None)
    measure(suite, ["identity"], tmp_path)
    result = summary(*read_runs(tmp_path))
    assert result["editors"]["identity"]["groups"]["all"]["rate"] is None and not result["differences"]
    assert "Success rate" not in markdown(result) and "PSNR, fixed" in markdown(result)
    assert "judge.region_iou" not in result["editors"]["identity"]["measures"]


def test_the_field_stands_beside_the_same_protocol_only(ask, few, tmp_path):
    ask(replace(few(1), name="reason-edit", exact=False), "identity")
    result = summary(*read_runs(tmp_path))
    assert {row["protocol"] for row in result["field"]} == {"strict"}
    assert "| SmartEdit-13B | reasoning | PSNR | 25.757 | unverified |" in markdown(result)
    assert not field.comparable("mini-reason-edit") and {row["mark"] for row in field.numbers()} == set(field.MARKS)


@pytest.mark.parametrize("network", ["lpips", "clip=nowhere", "dino=nowhere"])
def test_a_network_that_cannot_be_had_is_a_named_hole(ask, few, tmp_path, network, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    suite = replace(few(2), cases=[replace(case, clip_words="a red square") for case in few(2).cases])
    ask(suite, "identity")
    measure(suite, ["identity"], tmp_path, [network])
    result = summary(*read_runs(tmp_path))
    holes, found = (result["editors"]["identity"][key] for key in ("holes", "measures"))
    assert holes and all(hole["cases"] == 2 for hole in holes) and not any(hole["metric"] in found for hole in holes)
    assert "What could not be measured" in (text := markdown(result)) and ("torchvision" if network == "lpips" else "nowhere") in text


def test_unknown_networks_are_refused(ask, few, tmp_path):
    ask(few(1), "identity")
    with pytest.raises(SmartEditError, match="no network 'vgg'"):
        measure(few(1), ["identity"], tmp_path, ["vgg"])
