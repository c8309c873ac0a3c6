"""`smartedit serve` as people start and end it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from made_pictures import noise_picture
from serving import client
from test_client import file

from smartedit import cli


@pytest.mark.parametrize(("options", "says"), [
    (["--host", "0.0.0.0"], "protect it with --api-key"),
    (["--api-key", "short"], "at least 8 characters"),
    (["--api-key", "with a space in it"], "printable ASCII without spaces"),
    (["--port", "70000"], "there is no port 70000"),
    (["--host", "no.such.host.invalid", "--api-key", "0123456789"], "cannot listen on no.such.host.invalid"),
    (["--batch", "0"], "count from 1"),
    (["--deadline", "-1"], "less than a day"),
    (["--model", "tinny", "--port", "0"], "no model called 'tinny'"),
])  # fmt: skip
def test_it_does_not_start_wrongly(options, says, capsys, monkeypatch):
    monkeypatch.delenv("SMARTEDIT_API_KEY", raising=False)
    assert cli.main(["serve", *options]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_an_unknown_device(capsys, weights_folder):
    assert cli.main(["serve", "--port", "0", "--model", str(weights_folder / "base"), "--device", "abacus"]) == 2
    assert "cannot use device abacus" in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "options", "extra"), [
    ("fastapi", [], "serve"), ("uvicorn", [], "serve"), ("python_multipart", [], "serve"),
    ("prometheus_client", [], "serve"), ("ray", ["--ray"], "ray")])  # fmt: skip
def test_a_missing_extra_says_how_to_get_it(missing, options, extra, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    assert cli.main(["serve", "--port", "0", *options]) == 2
    assert f"pip install 'smartedit[{extra}]'" in capsys.readouterr().err


@pytest.fixture
def running(weights_folder, outside, tmp_path):
    """A server process over the random rival with a key from the environment, and its address."""
    command = [sys.executable, "-m", "smartedit.cli", "serve", "--port", "0", "--model", str(weights_folder / "base")]
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**outside, "SMARTEDIT_API_KEY": "sk-0123456789"})
    address = re.search(r"http://\S+(?=/v1)", process.stdout.readline())[0]
    yield process, address, log
    process.kill()
    process.wait()
    log.close()


def test_a_session_with_the_official_client_and_an_orderly_end(running):
    process, address, log = running
    api = client(address, "sk-0123456789")
    assert api.models.list().data[0].id == "base"
    assert api.images.edit(image=file(noise_picture(40, 40)), prompt="remove it").size == "40x40"
    answers = []
    ask = {"image": file(noise_picture(40, 40)), "prompt": "remove it", "extra_body": {"num_inference_steps": 12}}
    asking = threading.Thread(target=lambda: answers.append(api.images.edit(**ask)))
    asking.start()
    key = {"Authorization": "Bearer sk-0123456789"}
    while "smartedit_under_way 1.0" not in httpx.get(f"{address}/metrics", headers=key, timeout=30).text:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    asking.join(120)
    assert len(answers) == 1, "what was accepted is finished"
    assert process.wait(60) == 0
    log.seek(0)
    assert "Traceback" not in log.read()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
