"""`smartedit batch` as people and scripts meet it."""

from __future__ import annotations

import csv
import sys

import pytest
from folders import fill

from smartedit import bundles, cli, images, provenance

ASK = "remove the red apple"


@pytest.fixture
def at_home(weights_folder, monkeypatch, tmp_path):
    """An empty folder as the current one with pictures in `in`; the random bundles in place of the trained ones."""
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "in", 3)
    return tmp_path


def batch(*args: object) -> int:
    return cli.main(["batch", *(str(arg) for arg in args)])


def test_a_folder_with_a_broken_picture(at_home, capsys):
    fill(at_home / "in", 0, broken=1)
    assert batch("in", "--instruction", ASK, "--out", "out", "--steps", 1, "--guidance-scale", 1) == 2
    out, err = capsys.readouterr()
    assert "4 pictures: 3 edited, 0 done before, 0 kept, 1 failed" in out and "0-empty.png is empty" in out
    assert err.splitlines()[-1].startswith("smartedit: 1 of 4 pictures could not be edited")
    assert images.open("out/left/far/02.webp").size == (14, 9)
    (edit,) = provenance.read("out/00.png")
    assert (edit.model, edit.seed, len(edit.weights)) == ("tiny", 0, 16)
    assert edit.settings == {"num_inference_steps": 1, "guidance_scale": 1.0, "image_guidance_scale": 1.0, "keep_outside": True}
    assert len(list(csv.DictReader((at_home / "out" / "smartedit-batch.csv").read_text().splitlines()))) == 4


def test_again_with_the_same_settings_and_with_others(at_home, capsys, monkeypatch):
    assert batch("in", "--instruction", ASK, "--out", "out") == 0
    monkeypatch.setattr("smartedit.commands.batch.pipeline", None)  # nothing may load a model now
    assert batch("in", "--instruction", ASK, "--out", "out") == 0
    assert "0 edited, 3 done before" in capsys.readouterr().out
    assert batch("in", "--instruction", ASK, "--out", "out", "--seed", 1) == 0
    assert "0 done before, 3 kept" in capsys.readouterr().out


def test_a_table(at_home, capsys):
    rows = ("picture,instruction,seed,output", "00.png,make it blue,3,blue.png", "00.png,remove the cup,,", "left/nothing.png,make it red,,")
    (at_home / "edits.csv").write_text("\n".join(rows))
    assert batch("in", "--table", "edits.csv", "--out", "out") == 2
    assert "2 edited, 0 done before, 0 kept, 1 failed" in capsys.readouterr().out
    assert provenance.read("out/blue.png")[0].seed == 3 and provenance.read("out/00.png")[0].instruction == "remove the cup"


@pytest.mark.parametrize("args", [
    ("nowhere", "--instruction", ASK, "--out", "out"),
    ("in", "--instruction", "", "--out", "out"),
    ("in", "--instruction", ASK, "--out", "in"),
    ("in", "--instruction", ASK, "--out", "in/00.png"),
    ("in", "--table", "missing.csv", "--out", "out"),
    ("in", "--instruction", ASK, "--out", "out", "--model", "tinny"),
    ("in", "--instruction", ASK, "--out", "out", "--seed", -1),
    ("in", "--instruction", ASK, "--out", "out", "--steps", 0),
    ("in", "--instruction", ASK, "--out", "out", "--ray", "--workers", 0),
])  # fmt: skip
def test_refusals_come_before_any_work(at_home, capsys, args):
    before = set(at_home.rglob("*"))
    assert batch(*args) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("smartedit: ") and err.count("\n") == 1
    assert set(at_home.rglob("*")) == before


def test_without_ray_it_says_how_to_get_it(at_home, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it now fails as if it were not installed
    assert batch("in", "--instruction", ASK, "--out", "out", "--ray") == 2
    assert "pip install 'smartedit[ray]'" in capsys.readouterr().err
