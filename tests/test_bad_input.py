"""Bad input, as an impatient person gives it: one clear line, exit code 2, nothing written. And odd input that must work."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from made_pictures import bomb_header, noise_picture
from PIL import Image

from smartedit import bundles, cli, images

ASK = "remove the red apple"


def as_bytes(picture: Image.Image, kind: str, **options) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def corrupt(data: bytes) -> bytes:
    return data[:60] + bytes(200) + data[260:]


PICTURE = noise_picture(90, 60)
DEEP = Image.fromarray((np.arange(64 * 64, dtype=np.uint16) * 16).reshape(64, 64))

#: Name -> contents of files that are no pictures.
BROKEN = {
    "empty.png": b"",
    "text.png": b"Dear picture,\n",
    "short.png": as_bytes(PICTURE, "PNG")[:3000],
    "short.jpg": as_bytes(PICTURE, "JPEG")[:1500],
    "corrupt.png": corrupt(as_bytes(PICTURE, "PNG")),
    "headless.jpg": b"\xff\xd8\xff\xe0" + bytes(400),
    "bomb.png": bomb_header(50_000, 50_000),
    "script.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
}

#: Name -> contents of pictures that are handled, and their upright size.
ODD = {
    "alpha.png": (as_bytes(PICTURE.convert("RGBA"), "PNG"), (90, 60)),
    "palette.png": (as_bytes(PICTURE.convert("P"), "PNG"), (90, 60)),
    "deep.png": (as_bytes(DEEP, "PNG"), (64, 64)),
    "ink.jpg": (as_bytes(PICTURE.convert("CMYK"), "JPEG"), (90, 60)),
    "grey.png": (as_bytes(PICTURE.convert("L"), "PNG"), (90, 60)),
    "film.gif": (as_bytes(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(90)]), (90, 60)),
    "phone.jpg": (as_bytes(PICTURE, "JPEG", exif=(lambda e: (e.__setitem__(0x0112, 6), e)[1])(Image.Exif())), (60, 90)),
    "dot.png": (as_bytes(Image.new("RGB", (1, 1), "red"), "PNG"), (1, 1)),
    "ribbon.png": (as_bytes(Image.new("RGB", (5000, 20), "red"), "PNG"), (5000, 20)),
    "noending": (as_bytes(PICTURE, "PNG"), (90, 60)),
    "имя 图 🍎.png": (as_bytes(PICTURE, "PNG"), (90, 60)),
}


@pytest.fixture
def at_home(weights_folder, monkeypatch, tmp_path):
    """An empty folder as the current one, with `good.png` in it; the random bundles in place of the trained ones."""
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    monkeypatch.chdir(tmp_path)
    PICTURE.save("good.png")
    return tmp_path


@pytest.fixture
def loaded(at_home, pipe, monkeypatch):
    """`at_home`, with the random pipeline already in memory: what these tests are about comes after loading."""
    monkeypatch.setattr("smartedit.commands.edit.pipeline", lambda *_: pipe)
    return at_home


def refused(capsys, folder, *args: object) -> str:
    """The one line that a command says when it refuses, after checking all that must hold then."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code = cli.main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert err.startswith("smartedit: ") and err.count("\n") == 1 and len(err) < 300, err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before, "something was written"
    return err


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_pictures(at_home, capsys, name):
    (at_home / name).write_bytes(BROKEN[name])
    assert name in refused(capsys, at_home, "edit", name, ASK)


def test_missing_and_folder(at_home, capsys):
    assert "no picture" in refused(capsys, at_home, "edit", "missing.png", ASK)
    assert "folder" in refused(capsys, at_home, "edit", ".", ASK)


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_are_handled(loaded, capsys, name):
    data, size = ODD[name]
    (loaded / name).write_bytes(data)
    assert cli.main(["edit", name, ASK, "-o", "out.png", "--steps", "1"]) == 0, capsys.readouterr().err
    assert images.open("out.png").size == size


@pytest.mark.parametrize(("words", "reason"), [("", "empty"), (" \n ", "empty"), ("x" * 10_000, "10000 characters"),
                                                ("qwzx plugh xyzzy", "no known word"), ("🎉🎉🎉", "no known word"), ("把苹果拿走", "no known word")])  # fmt: skip
def test_instructions_that_say_nothing(loaded, capsys, words, reason):
    assert reason in refused(capsys, loaded, "edit", "good.png", words)


@pytest.mark.parametrize("words", ["remove the 🍎 apple", "remove 苹果 the apple", "REMOVE THE APPLE!!!", "remove\tthe\r\napple", "apple \u202e\u200d"])
def test_emoji_and_other_scripts(loaded, words):
    assert cli.main(["edit", "good.png", words, "-o", "out.png", "--steps", "1"]) == 0


def test_words_outside_the_vocabulary_are_told_on_one_line(loaded, capsys):
    assert cli.main(["edit", "good.png", "remove the gizmo apple", "-o", "out.png", "--steps", "1"]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert notes[0] == "note: words it has never seen: gizmo"
    assert len(notes) == 2 and "trained on nothing else" in notes[1], "and it is no rendered scene either"


@pytest.mark.parametrize("place", ["missing/out.png", "good.png/out.png", ".", "out.txt", "out"])
def test_places_that_cannot_be_written(at_home, capsys, place):
    refused(capsys, at_home, "edit", "good.png", ASK, "-o", place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(at_home, capsys):
    (at_home / "locked").mkdir(mode=0o500)
    assert "cannot be written" in refused(capsys, at_home, "edit", "good.png", ASK, "-o", "locked/out.png")


@pytest.mark.parametrize(("name", "hint"), [("tinny", "tiny"), ("TINY", "tiny"), ("bse", "base"), ("gpt", "there are"), ("./nowhere", "folder"), (".", "model_index")])
def test_unknown_models_name_the_near_ones(at_home, capsys, name, hint):
    assert hint in refused(capsys, at_home, "edit", "good.png", ASK, "--model", name)


@pytest.mark.parametrize("option", [("--steps", "0"), ("--steps", "-3"), ("--steps", "999999"), ("--guidance-scale", "nan"), ("--guidance-scale", "inf"),
                                    ("--guidance-scale", "-1"), ("--image-guidance-scale", "nan"), ("--seed", "-1"), ("--seed", str(2**70))])  # fmt: skip
def test_settings_that_make_no_sense(at_home, capsys, option):
    refused(capsys, at_home, "edit", "good.png", ASK, *option)


@pytest.mark.parametrize("args", [
    ("world", "sample", "--seed", -1, "--out", "x"),
    ("world", "sample", "--seed", 1, "--size", 0, "--out", "x"),
    ("world", "edit", "good.png", "--op", "{}", "--out", "x"),
    ("world", "edit", "missing.json", "--op", "{}", "--out", "x"),
    ("world", "sheet", "--seed", 1, "--rows", 0, "--out", "x.png"),
    ("world", "build", "--pairs", 0, "--out", "x"),
    ("world", "build", "--pairs", 3, "--split", "holiday", "--out", "x"),
    ("demo", "--model", "tinny"),
    ("demo", "--out", "good.png/demo"),
    ("bench", "run", "world", "--cases", 0),
    ("bench", "run", "world", "--editor", "tinny"),
    ("bench", "run", "holiday"),
    ("bench", "run", "reason-edit"),
    ("bench", "run", "reason-edit", "--root", "nowhere"),
    ("bench", "run", "world", "--editor", "identity", "--editor", "identity"),
    ("bench", "run", "world", "--editor", "identity", "--processes", 0),
    ("bench", "run", "world", "--editor", "identity", "--networks", "vgg"),
    ("bench", "report", "nowhere"),
    ("bench", "rate", "nowhere"),
    ("bench", "judge", "nowhere", "--model", "m", "--endpoint", "http://127.0.0.1:9/v1"),
    ("bench", "fetch", "holiday"),
    ("train", "huge"),
])  # fmt: skip
def test_other_commands_refuse_in_one_line(at_home, capsys, args):
    refused(capsys, at_home, *args)


def test_as_a_person_sees_it(tmp_path, outside):
    """The installed program, once, from outside: exit code, streams, nothing left behind."""
    command = [sys.executable, "-m", "smartedit.cli", "edit", "nothing.png", ASK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=outside)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "smartedit: there is no picture nothing.png; check the path\n"
    assert list(tmp_path.iterdir()) == []
