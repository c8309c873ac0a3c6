"""Kept cases are the rendered ones, and are rendered once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from smartedit.bench.kept import keep
from smartedit.bench.rendered import world_cases


@dataclass
class Counting:
    """A planned case that counts how often it is rendered."""

    case: object
    times: int = 0

    @property
    def id(self):
        return self.case.id

    @property
    def group(self):
        return self.case.group

    def render(self):
        self.times += 1
        return self.case.render()


def same(one, other):
    assert one.fingerprint == other.fingerprint and np.array_equal(one.mask, other.mask)
    for name in ("id", "group", "instruction", "op", "edit", "scene", "clip_words", "earlier"):
        assert getattr(one, name) == getattr(other, name)


def test_a_case_is_rendered_once(tmp_path, squares):
    counting = [Counting(case) for case in squares.cases]
    for _ in range(3):
        for kept, case in zip(keep(counting, tmp_path / "cases"), squares.cases, strict=True):
            assert (kept.id, kept.group) == (case.id, case.group)
            same(kept.render(), case)
    assert [case.times for case in counting] == [1] * 8


def test_a_world_case_comes_back_whole(tmp_path):
    (planned,) = world_cases("validation", 1, size=64)
    (kept,) = keep([planned], tmp_path)
    same(kept.render(), planned.render())
    same(kept.render(), planned.render())


@pytest.mark.parametrize("damage", [b"", b"PK broken", None])
def test_a_damaged_file_is_rendered_again(tmp_path, squares, damage):
    (kept,) = keep(squares.cases[:1], tmp_path)
    kept.render()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    same(kept.render(), squares.cases[0])
