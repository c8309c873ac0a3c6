"""`smartedit ui`, up to the page: what it refuses, and that it serves and stops."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from smartedit import bundles, cli


@pytest.fixture
def weights(weights_folder, monkeypatch):
    monkeypatch.setattr(bundles, "WEIGHTS", weights_folder)


def refused(capsys, *args: str) -> str:
    assert cli.main(["ui", "--no-browser", *args]) == 2
    err = capsys.readouterr().err
    assert err.startswith("smartedit: ") and err.count("\n") == 1
    return err


def test_without_gradio_it_says_how_to_get_it(weights, capsys, monkeypatch):
    monkeypatch.setattr("smartedit.commands.ui.find_spec", lambda _: None)
    assert "pip install 'smartedit[ui]'" in refused(capsys)


@pytest.mark.parametrize(("args", "reason"), [(("--port", "0"), "port is 0"), (("--model", "tinny"), "mean tiny")])
def test_refusals(weights, capsys, args, reason):
    assert reason in refused(capsys, *args)


def test_a_port_that_is_taken(weights, capsys, monkeypatch, pipe):
    monkeypatch.setattr("smartedit.commands.ui.pipeline", lambda _: pipe)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "choose another --port" in refused(capsys, "--port", str(taken.getsockname()[1]))


def test_from_outside_until_ctrl_c(weights_folder, outside, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "smartedit.cli", "ui", "--no-browser", "--port", str(port), "--model", str(weights_folder / "tiny")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=outside, cwd=tmp_path)
    try:
        told = next((line for line in process.stdout if "http://" in line), "")  # libraries may have said something before
        address = re.search(r"http://\S+", told)
        assert address, "the page never told its address"
        with urllib.request.urlopen(address[0], timeout=60) as answer:
            assert answer.status == 200 and b"SmartEdit" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (0, 130)
    finally:
        process.kill()
    assert list(tmp_path.iterdir()) == []
