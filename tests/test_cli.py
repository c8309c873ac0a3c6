"""The command line as people and scripts meet it: results, JSON, exit codes, speed of `--help`, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from made_pictures import noise_picture
from PIL import Image

from smartedit import bundles, cli, images

ASK = "remove the red apple"


@pytest.fixture
def at_home(weights_folder, monkeypatch, tmp_path):
    """An empty folder as the current one, and the random bundles in place of the trained ones."""
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: object) -> int:
    return cli.main([str(arg) for arg in args])


def test_edit_writes_beside_the_picture(at_home, picture_file, capsys):
    path = picture_file(noise_picture(70, 50), "kitchen.jpg")
    assert run("edit", path, ASK, "--seed", 3) == 0
    assert images.open(at_home / "kitchen-edited.png").size == (70, 50)
    out = capsys.readouterr().out
    assert "kitchen-edited.png" in out and "seed 3" in out


def test_edit_as_json(at_home, picture_file, capsys):
    path = picture_file(noise_picture(70, 50))
    assert run("edit", path, ASK, "-o", "out.webp", "--seed", 3, "--steps", 1, "--guidance-scale", 2, "--image-guidance-scale", 1.5, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"reply", "region", "seed", "timings", "notes", "output"}
    assert told["seed"] == 3 and told["output"] == "out.webp" and 0 <= told["region"]["share"] <= 1
    assert {"import", "load", "denoise"} <= set(told["timings"])


def test_the_same_seed_writes_the_same_file(at_home, picture_file):
    path = picture_file(noise_picture(30, 30))
    for name in ("a.png", "b.png"):
        assert run("edit", path, ASK, "-o", name, "--seed", 1) == 0
    assert (at_home / "a.png").read_bytes() == (at_home / "b.png").read_bytes()


def test_no_keep_outside_takes_the_models_picture(at_home, picture_file):
    path = picture_file(noise_picture(30, 30))
    assert run("edit", path, ASK, "-o", "free.png", "--seed", 1, "--no-keep-outside") == 0
    assert not np.array_equal(np.asarray(images.open("free.png")), np.asarray(images.open(path)))


def test_other_models(at_home, weights_folder, picture_file, capsys):
    path = picture_file(noise_picture(30, 30))
    assert run("edit", path, ASK, "--model", "base", "-o", "a.png") == 0
    assert run("edit", path, ASK, "--model", weights_folder / "tiny", "-o", "b.png") == 0


def test_demo_compares(at_home, monkeypatch, capsys):
    from smartedit import demo

    monkeypatch.setattr(demo, "GROUPS", ("plain", "reasoning"))
    assert run("demo", "--out", "shown", "--compare") == 0
    names = {path.name for path in (at_home / "shown").iterdir()}
    assert names == {"sheet.png", *(f"{g}-{n}.png" for g in ("plain", "reasoning") for n in ("before", "tiny", "base"))}
    with Image.open("shown/sheet.png") as sheet:
        assert sheet.width > 4 * 256
    assert capsys.readouterr().out.count("\n") == 3


def test_world_commands(at_home):
    assert run("world", "sample", "--seed", 7, "--out", "scene", "--size", 64) == 0
    described = json.loads((at_home / "scene" / "scene.json").read_text())
    target = described["objects"][0]["id"]
    op = json.dumps({"op": "remove", "target": target})
    assert run("world", "edit", "scene/scene.json", "--op", op, "--out", "after") == 0
    assert {path.name for path in (at_home / "after").iterdir()} == {"picture.png", "changed.png", "scene.json"}
    assert run("world", "sheet", "--seed", 7, "--rows", 1, "--size", 64, "--out", "sheet.png") == 0
    assert (at_home / "sheet.png").exists()


def test_bench_with_a_model_resumes(at_home, capsys):
    editors = ("--editor", "identity", "--editor", "mine=tiny")
    for _ in range(2):
        assert run("bench", "run", "world", *editors, "--steps", 1, "--cases", 1, "--out", "results") == 0
    settings = json.loads((at_home / "results" / "mine" / "run.json").read_text())["settings"]
    assert settings["num_inference_steps"] == 1 and len(settings["weights"]) == 16
    told = capsys.readouterr()
    assert told.err.count("mine 1/1") == told.err.count("identity 1/1") == 1, "the second call found it done"
    assert "report.html" in told.out and {path.name for path in (at_home / "results").glob("report.*")} == {"report.md", "report.html"}
    assert run("bench", "report", "results") == 0


def test_bench_tells_of_data_and_of_the_field(at_home, capsys):
    assert run("bench", "fetch", "reason-edit") == 0 and "Google Drive" in capsys.readouterr().out
    assert run("bench", "field") == 0 and "| SmartEdit-13B | reasoning | Ins-align | 0.817 | second hand |" in capsys.readouterr().out
    noise_picture(20, 20).save("a.png")
    (at_home / "cases.csv").write_text("picture,instruction\na.png,remove it\nb.png,keep it\n")
    assert run("bench", "fetch", "folder", "--root", ".") == 0
    assert "1 cases can be asked, 1 cannot" in capsys.readouterr().out


def test_train_forwards(at_home, monkeypatch, tmp_path):
    from smartedit import assembly
    from smartedit.training import command

    asked = []
    monkeypatch.setattr(command, "train", lambda *args: asked.append(args))
    monkeypatch.setattr(assembly, "assemble", lambda run, out: [])
    told = ["--data", "d", "--out", "r", "--stage", "clip", "--share", 0.1, "--minutes", 2, "--seed", 5]
    assert run("train", "tiny", *told, "--start-from", "tiny", "--freeze", "vae", "unet", "--scenes", 7, "--device", "cpu") == 0
    size, data, out, stage, share, minutes, seed, start, frozen, scenes, device = asked[0]
    assert (size, str(data), str(out), stage, share, minutes, seed) == ("tiny", "d", "r", "clip", 0.1, 2, 5)
    assert start.name == "tiny" and frozen == ["vae", "unet"] and scenes == 7 and device == "cpu"


def test_version_and_no_command(capsys):
    for arguments, code in ((["--version"], 0), ([], 2), (["world"], 2)):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == code
    assert run("edit") == 2 and len(capsys.readouterr().err.splitlines()[-1]) > 20


def test_help_is_quick():
    started = min(_seconds([sys.executable, "-m", "smartedit.cli", "--help"]) for _ in range(5))
    assert started < 0.3 + min(_seconds([sys.executable, "-c", "pass"]) for _ in range(5))


def _seconds(command: list[str]) -> float:
    before = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - before


def test_debug_shows_where(at_home):
    from smartedit.errors import PictureError

    with pytest.raises(PictureError):
        run("edit", "nothing.png", ASK, "--debug")


def test_ctrl_c_in_process(at_home, picture_file, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    path = picture_file(noise_picture(8, 8))
    before = set(at_home.iterdir())
    monkeypatch.setattr("smartedit.commands.edit.pipeline", interrupted)
    assert run("edit", path, ASK, "-o", "out.png") == 130
    assert set(at_home.iterdir()) == before and "interrupted" in capsys.readouterr().err


@pytest.fixture
def edit_from_outside(outside, tmp_path, picture_file, weights_folder):
    """A function that starts an edit of a thousand steps in a process of its own, where `lines` stand in for loading."""

    def start(*lines: str) -> subprocess.Popen:
        head = "import sys", "from smartedit import cli", "from smartedit.commands import edit", "load = edit.pipeline"
        tail = "edit.pipeline = stand_in", "sys.exit(cli.main(sys.argv[1:]))"
        (tmp_path / "editing.py").write_text("\n".join((*head, *lines, *tail)))
        picture_file(noise_picture(8, 8))
        command = [sys.executable, "-m", "editing", "edit", "picture.png", ASK, "-o", "out.png",
                   "--steps", "1000", "--model", str(weights_folder / "tiny")]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=outside, cwd=tmp_path)

    return start


def _was_interrupted(process: subprocess.Popen, folder) -> None:
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "\nsmartedit: interrupted; nothing half-written was left\n", err
    assert {path.name for path in folder.iterdir()} == {"editing.py", "picture.png"}


def test_ctrl_c_from_outside_leaves_nothing(edit_from_outside, tmp_path):
    process = edit_from_outside("def stand_in(*given):", "    pipe = load(*given)", "    print('loaded', flush=True)", "    return pipe")
    assert process.stdout.readline() == "loaded\n"
    process.send_signal(signal.SIGINT)
    _was_interrupted(process, tmp_path)


def test_ctrl_c_in_text_that_an_import_runs_keeps_the_exit_code(edit_from_outside, tmp_path):
    _was_interrupted(edit_from_outside("def stand_in(*given):", "    exec('raise KeyboardInterrupt')"), tmp_path)
