"""Every script in examples/ does what its first line says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from made_pictures import noise_picture
from serving import served

from smartedit import bundles, images
from smartedit.commands.options import pipeline
from smartedit.serve.limits import Limits
from smartedit.serve.worker import Worker

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(weights_folder, monkeypatch, tmp_path):
    """A function that runs an example beside `kitchen.png` with random weights in place of the trained ones."""
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)
    monkeypatch.chdir(tmp_path)
    noise_picture(50, 40).save("kitchen.png")

    def run_example(name: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    return run_example


def test_there_is_a_test_for_each():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"edit_one.py", "many_instructions.py", "call_the_server.py"}


def test_edit_one(run):
    run("edit_one.py", "kitchen.png", "remove the red apple")
    assert images.open("edited.png").size == (50, 40)


def test_many_instructions(run, capsys):
    run("many_instructions.py", "kitchen.png", "remove the red apple", "make it blue")
    assert images.open("edited-1.png").size == images.open("edited-2.png").size == (50, 40)
    assert capsys.readouterr().out.startswith("edited-1.png: remove the red apple -> ")


def test_call_the_server(run, monkeypatch, weights_folder):
    worker = Worker(pipeline(weights_folder / "tiny"), Limits())
    try:
        with served(worker) as address:
            monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
            run("call_the_server.py", "kitchen.png", "remove the red apple")
    finally:
        worker.close()
    assert images.open("edited.png").size == (50, 40)
