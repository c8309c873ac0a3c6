"""Which metric to trust, on a suite small enough to know the answer by thought."""

from __future__ import annotations

import json

import pytest
from square_cases import square_case

from smartedit.bench.measure import measure
from smartedit.bench.report import read_runs
from smartedit.bench.trust import by_group, editors_table, overview, trust, write_trust


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Six editors on eight squares; the truth lies wholly inside the mask, so outside it everyone but noise is perfect."""
    from smartedit.bench.cases import Suite
    from smartedit.bench.editors import built_in
    from smartedit.bench.run import run

    out = tmp_path_factory.mktemp("trust")
    suite = Suite("squares", [square_case(number) for number in range(8)])
    names = ["identity", "oracle", "oracle-strong", "oracle-faint", "oracle-or-nothing", "noise"]
    for name in names:
        run(suite, built_in(name), out)
    measure(suite, names, out)
    return json.loads(write_trust(out, out / "deep" / "trust.json").read_text()), out


def test_distance_to_the_truth_orders_everything(result):
    views = result[0]["metrics"]["truth.l1"]["all"]
    assert views["pairs"] == {"value": 1, "low": 1, "high": 1} and views["editors"]["value"] > 0.8 and views["answers"]["value"] > 0.7


def test_preservation_cannot_tell_right_from_doing_nothing(result):
    """Right before wrong: behind the copy, as scaling smears the edit a little over the mask's edge; ahead of noise alone."""
    views = result[0]["metrics"]["strict.psnr"]["all"]
    assert 0.1 < views["pairs"]["value"] < 0.5 < 0.8 < result[0]["metrics"]["judge.region_iou"]["all"]["pairs"]["value"]


def test_intervals_hold_their_values_and_are_the_same_every_time(result):
    for groups in result[0]["metrics"].values():
        for views in groups.values():
            for view in views.keys() - {"cases"}:
                assert views[view]["low"] <= views[view]["value"] <= views[view]["high"]
    assert trust(read_runs(result[1])[0]) == result[0]


def test_editors_holes_and_cases_are_told(result):
    found, _ = result
    assert found["editors"]["oracle"] == {"rate": 1, "cases": 8, "settings": {}} and found["editors"]["identity"]["rate"] == 0
    assert "strict.lpips" in found["holes"] and found["metrics"]["fixed.ssim"]["colour"]["cases"] == 2
    assert found["count"] == 8


def test_tables_hold_the_numbers(result):
    found, _ = result
    best = overview(found).splitlines()[2]
    assert best.startswith("| L1 to truth |") or best.startswith("| L2 to truth |")
    assert best.endswith("| 1.00 [1.00, 1.00] |")
    assert "| oracle | 1.00 | 8 | - |" in editors_table(found) and by_group(found).splitlines()[0].endswith("| understanding | all |")
