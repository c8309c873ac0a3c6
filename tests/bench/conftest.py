"""A suite that needs no rendering: gray pictures on which a square changes colour."""

from __future__ import annotations

import json
import shutil
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright
from square_cases import square_case

from smartedit.bench.cases import Suite
from smartedit.bench.editors import Entrant, built_in
from smartedit.bench.run import run


@pytest.fixture(name="square_case")
def square_case_maker():
    """The function that makes one case."""
    return square_case


@pytest.fixture
def squares() -> Suite:
    """Eight cases of four groups; every second one has two right answers."""
    return Suite("squares", [square_case(number) for number in range(8)])


@pytest.fixture
def few(squares):
    """The first so many of the squares."""
    return lambda count: Suite("squares", squares.cases[:count])


@pytest.fixture
def ask(tmp_path):
    """Run an editor (a callable, or the name of a built-in one) on a suite, in `tmp_path`."""

    def asked(suite, editor, name="lazy", out=tmp_path, settings=None, **options):
        entrant = built_in(editor) if isinstance(editor, str) else Entrant(name, partial(lambda e: e, editor), settings or {})
        return run(suite, entrant, out, **options)

    return asked


@pytest.fixture
def json_server():
    """A function that makes a server on this machine of `answer(path, body) -> JSON, or None for an error`; gives its address."""
    servers = []

    def serve(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                found = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(400 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window, for the pages that people meet; fails, and says why, where none is installed."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "these tests need a browser; run: apt-get install chromium"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A new page in the browser, with patience for a busy machine."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
