"""Bad input and bad manners: the process never dies, never blocks others, and answers in the error shape."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import time
import zlib
from dataclasses import replace

import httpx
import pytest
from made_pictures import noise_picture
from PIL import Image
from serving import KEY, Quick, client, eventually, served

from smartedit.serve.limits import Limits

PATH = "/v1/images/edits"


def png(picture: Image.Image | None = None) -> bytes:
    made = io.BytesIO()
    (picture or noise_picture(20, 20)).save(made, "PNG")
    return made.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A picture that says it is huge and holds nothing."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def post(address: str, files=None, data=None, **options) -> httpx.Response:
    files = {"image": ("a.png", png())} if files is None else files
    return httpx.post(f"{address}{PATH}", files=files, data={"prompt": "remove it", **(data or {})}, timeout=30, **options)


def refused(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and "\n" not in error["message"] and "Traceback" not in answer.text
    return error


def works(address: str) -> bool:
    return post(address).status_code == 200


@pytest.mark.parametrize("data", [
    b"", b"\0" * 100, b"\x89PNG\r\n\x1a\n", png()[:-30], b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    png_header(60_000, 60_000), png_header(2000, 2000), png_header(0, 5), b"http://127.0.0.1/a.png", b"/etc/passwd",
], ids=lambda data: repr(data[:12]))  # fmt: skip
def test_pictures_that_are_none(address, quick, data):
    assert refused(post(address, {"image": ("a.png", data)}), 400)["param"] == "image"
    assert refused(post(address, {"image": ("a.png", png()), "mask": ("m.png", data)}), 400)["param"] == "mask"
    assert not quick.tickets and works(address)


def test_no_paths_and_no_addresses_are_taken(address, quick):
    for word in ("/etc/passwd", "http://127.0.0.1:1/a.png", "file:///etc/passwd", "data:image/png;base64,AAAA"):
        refused(httpx.post(f"{address}{PATH}", data={"prompt": "remove it", "image": word}), 400)
    refused(httpx.post(f"{address}{PATH}", json={"prompt": "remove it", "image": "http://127.0.0.1:1/a.png"}), 400)
    assert not quick.tickets


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\r\nX-Evil: 1.png", "🎉.png", "a\"; filename=\"b", "x" * 5000, "\0", "C:\\con"])
def test_file_names_are_only_names(address, name):
    answer = post(address, {"image": (name, png())})
    assert answer.status_code in (200, 400) and "x-evil" not in answer.headers and "passwd" not in answer.text


@pytest.mark.parametrize("prompt", ["удали 🍎 把", "\u202eremove it", "a\0b", "{{7*7}}", "remove it\r\nX-Evil: 1", "<script>alert(1)</script>"])
def test_any_words(address, prompt):
    answer = post(address, data={"prompt": prompt})
    assert answer.status_code in (200, 400) and "x-evil" not in answer.headers and "<script>" not in answer.text


def test_long_bodies(address, quick):
    assert refused(post(address, {"image": ("a.png", b"x" * 3 * 2**20)}), 413)["code"] == "request_too_large"

    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(48):
            yield b"x" * 2**16

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert refused(httpx.post(f"{address}{PATH}", content=chunks(), headers=kind), 413)["code"] == "request_too_large"
    assert works(address) and len(quick.tickets) == 1


def test_broken_forms(address):
    for kind, body in (
        ("multipart/form-data", b"--b"), ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n--b--"),
        ("application/json", b"{"), ("text/plain", b"remove it"), ("application/x-www-form-urlencoded", b"%ff=%00" * 500),
    ):  # fmt: skip
        refused(httpx.post(f"{address}{PATH}", content=body, headers={"Content-Type": kind}), 400)
    assert refused(post(address, [("image", ("a", b"x"))] * 1100), 400)
    refused(httpx.get(f"{address}{PATH}"), 405)
    refused(httpx.get(f"{address}/../../etc/passwd"), 404)
    assert works(address)


def test_uploads_together_are_bounded():
    quick = Quick(Limits(bodies=200_000))
    with served(quick) as address:
        sock = _begun(address, b"x" * 150_000)
        assert eventually(lambda: post(address, {"image": ("a.png", b"y" * 100_000)}).status_code == 429)
        sock.close()
        assert eventually(lambda: works(address))


def test_wrong_keys(quick):
    with served(quick, KEY) as address:
        for given in ("", "Bearer", f"bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer \xff\xfe"):
            answer = post(address, headers={"Authorization": given.encode("latin-1")})
            assert refused(answer, 401)["code"] == "invalid_api_key" and answer.headers["www-authenticate"] == "Bearer"
        assert refused(httpx.get(f"{address}/metrics"), 401) and httpx.get(f"{address}/healthz").json() == {"status": "ok"}
        assert not quick.tickets


def test_browsers_of_other_sites_and_false_names(address):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""):
        assert refused(post(address, headers={"Origin": origin}), 403)["code"] == "foreign_origin"
    assert post(address, headers={"Origin": address}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "[", ""):
        assert refused(post(address, headers={"Host": host}), 403)["code"] == "unknown_host"


def _socket(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _begun(address: str, body: bytes = b"", length: int = 2**20) -> socket.socket:
    """A request that has begun and will not end."""
    sock = _socket(address)
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    sock.sendall(head.encode() + body)
    return sock


def _read(sock: socket.socket) -> bytes:
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_slow_bodies_and_headers_are_given_up(address):
    silent, body = _socket(address), _begun(address, b"--b\r\n")
    silent.sendall(b"POST /v1/ima")
    answer = _read(body)
    assert answer.startswith(b"HTTP/1.1 408") and b"upload_too_slow" in answer and _read(silent) == b""


def test_a_thousand_slow_clients_do_not_keep_others_waiting():
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with served(Quick(Limits(headers=60, upload=60))) as address:
        slow = [_begun(address, b"--b\r\n") if number % 2 else _socket(address) for number in range(1000)]
        started = time.monotonic()
        assert works(address) and client(address).models.list()
        assert time.monotonic() - started < 10
        for sock in slow[:500]:
            sock.close()
        assert works(address)
        for sock in slow[500:]:
            sock.close()


def test_half_closed_and_reset_connections(address, quick):
    for number in range(20):
        sock = _begun(address, b"--b\r\n")
        if number % 2:
            sock.shutdown(socket.SHUT_WR)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    long = b"/" * 70_000
    for garbage in (b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"POST " + long, b"GET / HTTP/1.1\r\nA: " + long):
        sock = _socket(address)
        sock.sendall(garbage)
        sock.close()
    assert works(address)


def test_clients_that_vanish_are_let_go(address, quick):
    quick.go.clear()
    for stream in (False, True):
        body = {"prompt": "remove it", "stream": str(stream).lower()}
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{address}{PATH}", files={"image": ("a.png", png())}, data=body, timeout=1.0).read()
    assert eventually(lambda: len(quick.tickets) == 2 and not any(ticket.wanted for ticket in quick.tickets))
    quick.go.set()
    assert works(address)


def test_a_stream_that_is_left_is_let_go(address, quick):
    quick.go.clear()
    data = {"prompt": "remove it", "stream": "true", "partial_images": "1"}
    with httpx.stream("POST", f"{address}{PATH}", files={"image": ("a.png", png())}, data=data, timeout=20) as answer:
        assert next(answer.iter_lines()) == "event: image_edit.partial_image"
    assert eventually(lambda: not quick.tickets[0].wanted)


def test_long_silence_is_filled(address, quick, monkeypatch):
    monkeypatch.setattr("smartedit.serve.app.HEARTBEAT", 0.1)
    quick.go.clear()
    data = {"prompt": "remove it", "stream": "true"}
    with httpx.stream("POST", f"{address}{PATH}", files={"image": ("a.png", png())}, data=data, timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": still at work"
        quick.go.set()
        assert any('"type": "image_edit.completed"' in line for line in lines)


def test_many_at_once_all_get_their_own():
    async def ask(http: httpx.AsyncClient, number: int) -> bool:
        picture = Image.new("RGB", (8, 8), (number, 0, 0))
        answer = await http.post(PATH, files={"image": ("a.png", png(picture))}, data={"prompt": "remove it", "seed": str(number)})
        return answer.json()["data"][0]["seed"] == number

    async def all_of_them() -> list[bool]:
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=httpx.Limits(max_connections=20)) as http:
            return await asyncio.gather(*(ask(http, number) for number in range(40)))

    with served(Quick()) as address:
        assert all(asyncio.run(all_of_them()))


def test_health_readiness_and_metrics(address, quick):
    assert works(address)
    text = httpx.get(f"{address}/metrics").text
    assert 'smartedit_answers_total{status="200"} 1.0' in text and "smartedit_waiting 0.0" in text
    assert httpx.get(f"{address}/readyz").status_code == 200
    quick.alive = False
    assert refused(httpx.get(f"{address}/readyz"), 503)["code"] == "not_ready"
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_kept_answers_are_bounded():
    quick = Quick(replace(Limits(), answers=3))
    with served(quick) as address:
        for number in [*range(6), 0, 5]:
            assert post(address, headers={"Idempotency-Key": f"k{number}"}).status_code in (200, 400)
    assert len(quick.tickets) == 7, "the oldest was forgotten and done anew, the newest was not"
