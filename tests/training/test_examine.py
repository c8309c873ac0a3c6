"""What a stage is examined by: exact scores of replies and maps, and the files that people look at."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from smartedit.training.examine import examine, pointing, reading


def test_reading_scores():
    right = ["red clock at 3 9 7 11 : remove .", "blue ball at 0 0 1 1 : recolour red ."]
    assert reading(right, right) == {"action right": 1, "kind right": 1, "box overlap": 1}
    said = ["red clock at 3 9 7 13 : remove .", "blue die at 8 8 9 9 : recolour green ."]
    assert reading(said, right) == {"action right": 0.5, "kind right": 0.5, "box overlap": pytest.approx(0.3)}


def test_pointing_asks_for_the_highest_cell():
    region = torch.zeros(2, 1, 4, 4)
    region[:, 0, 1, 1] = 0.8
    found = torch.zeros(2, 1, 4, 4)
    found[0, 0, 1, 1] = found[1, 0, 2, 2] = 0.3
    assert pointing(found, region) == 0.5


def test_files_of_an_examination(mini_run, tmp_path):
    scores = examine(mini_run.shop, "edit", tmp_path, 2)
    assert {"action right", "pointed right", "undone"} <= set(scores)
    assert json.loads((tmp_path / "examined.json").read_text()) == {"pairs": 2, **scores}
    assert (tmp_path / "replies.txt").read_text().count("  right: ") == 2
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.size == (3 * 256, 2 * 256)
    assert examine(mini_run.shop, "clip", tmp_path / "none", 2) == {}
