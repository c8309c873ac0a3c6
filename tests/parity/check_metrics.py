"""The published metrics: the strict protocol of the benchmark."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from golden import Case
from PIL import Image


def check_metrics(case: Case) -> None:
    from smartedit.bench.preservation import measure, strict

    within = case.settings["tolerance"]
    for number, row in enumerate(case.settings["rows"]):
        original, edited, mask = (case[f"{number}.{name}"].numpy() for name in ("original", "edited", "mask"))
        prepared = strict(SimpleNamespace(picture=Image.fromarray(original), soft_mask=mask, mask=mask > 127), Image.fromarray(edited))
        for name, value in measure(prepared).items():
            assert value == pytest.approx(row[name], abs=within[name]), f"row {number}: {name}"
        assert list(prepared.crop) == row["crop_box_ltrb"], f"row {number}: crop"
