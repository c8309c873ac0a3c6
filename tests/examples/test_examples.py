"""Every script in examples/ does what its first line says."""

from __future__ import annotations

import base64
import io
import json
import runpy
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from made_pictures import noise_picture

from smartedit import bundles, images

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


class _Endpoint(BaseHTTPRequestHandler):
    """POST /v1/images/edits as the client expects it; what was asked is kept."""

    asked: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self):
        self.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        data = io.BytesIO()
        noise_picture(50, 40, seed=1).save(data, "PNG")
        body = json.dumps({"created": 0, "data": [{"b64_json": base64.b64encode(data.getvalue()).decode()}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_call_the_server(run, monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    try:
        run("call_the_server.py", "kitchen.png", "remove the red apple")
    finally:
        server.shutdown()
        server.server_close()
    ((path, body),) = _Endpoint.asked
    assert path == "/v1/images/edits" and b"remove the red apple" in body and b'name="seed"' in body and b"\x89PNG" in body
    assert images.open("edited.png").size == (50, 40)
