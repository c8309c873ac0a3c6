"""Ins-align by people: a local page shows before, instruction and after, blind and shuffled over editors, and takes 0, 0.5 or 1.

Ratings are lines of `OUT/ratings.jsonl`, written one by one, so that raters may stop and go on; the last rating of a rater
for an answer counts.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from smartedit.bench.kept import kept_suite
from smartedit.bench.rows import append_row, mend, read_rows
from smartedit.bench.run import ANSWERED
from smartedit.bench.statistics import krippendorff_alpha, mean_with_interval
from smartedit.errors import SmartEditError

SCORES = (0, 0.5, 1)


class Ratings:
    """The answers in a results folder, and what raters said about them. An answer is known to the page by a random token."""

    def __init__(self, out: str | Path) -> None:
        self.out, self.path, self.lock = Path(out), Path(out) / "ratings.jsonl", Lock()
        mend(self.path)
        self.answers = {secrets.token_hex(8): answer for answer in self._answers()}
        if not self.answers:
            raise SmartEditError(f"no answers in {out}; run: smartedit bench run SUITE --editor NAME --out {out}")
        self.said = _last(self.path)

    def _answers(self):
        for path in sorted(self.out.glob("*/run.json")):
            rows = {row["id"]: row for row in read_rows(path.parent / "results.jsonl")}
            for case in kept_suite(json.loads(path.read_text()), self.out).cases:
                if rows.get(case.id, {}).get("status") in ANSWERED:
                    yield path.parent.name, case

    def next(self, rater: str) -> dict:
        """What this rater should look at next: `token`, `instruction`, `done`, `total`; no token when all are rated."""
        order = sorted(self.answers, key=lambda token: self._place(rater, token))
        waiting = [token for token in order if self._key(rater, token) not in self.said]
        state = {"done": len(order) - len(waiting), "total": len(order)}
        if not waiting:
            return state
        return {**state, "token": waiting[0], "instruction": self.answers[waiting[0]][1].render().instruction}

    def rate(self, rater: str, token: str, score: float) -> None:
        """Keep a rating. Raises ValueError for a score that is none, an unknown token or an empty name."""
        if score not in SCORES or token not in self.answers or not rater.strip():
            raise ValueError("a rating has a rater, a known token and a score of 0, 0.5 or 1")
        editor, case = self.answers[token]
        with self.lock:
            append_row(self.path, {"id": case.id, "editor": editor, "rater": rater, "score": score})
            self.said[self._key(rater, token)] = score

    def undo(self, rater: str) -> None:
        """Forget the last rating of a rater, so that it is asked again."""
        with self.lock:
            mine = [key for key in self.said if key[0] == rater]
            if mine:
                append_row(self.path, {"id": mine[-1][2], "editor": mine[-1][1], "rater": rater, "score": None})
                del self.said[mine[-1]]

    def picture(self, which: str, token: str) -> bytes:
        """The picture `before` or `after` of an answer as PNG bytes. KeyError for an unknown token."""
        editor, case = self.answers[token]
        if which == "after":
            return (self.out / editor / "pictures" / f"{case.id}.png").read_bytes()
        data = io.BytesIO()
        case.render().picture.save(data, "PNG")
        return data.getvalue()

    def _key(self, rater: str, token: str) -> tuple[str, str, str]:
        editor, case = self.answers[token]
        return rater, editor, case.id

    def _place(self, rater: str, token: str) -> int:
        """A rater's own order, the same after every start."""
        return crc32("|".join(self._key(rater, token)).encode())


def summary(out: str | Path) -> dict | None:
    """Mean score of every editor with its interval over cases, and the agreement of the raters; None if nobody rated.

    `alpha` is Krippendorff's (interval metric), None where no answer has two raters or all scores are the same.
    """
    items: dict[tuple[str, str], dict[str, float]] = {}
    for (rater, editor, id), score in _last(Path(out) / "ratings.jsonl").items():
        items.setdefault((editor, id), {})[rater] = score
    if not items:
        return None
    editors = sorted({editor for editor, _ in items})
    means = {name: mean_with_interval([_mean(scores) for (editor, _), scores in items.items() if editor == name]) for name in editors}
    raters = {rater for scores in items.values() for rater in scores}
    return {"raters": len(raters), "ratings": sum(map(len, items.values())), "alpha": krippendorff_alpha(list(items.values())), "editors": means}


def _last(path: Path) -> dict[tuple[str, str, str], float]:
    """(rater, editor, case) -> the last score, those taken back left out."""
    last = {(row["rater"], row["editor"], row["id"]): row["score"] for row in read_rows(path)}
    return {key: score for key, score in last.items() if score is not None}


def _mean(scores: Mapping[str, float]) -> float:
    return sum(scores.values()) / len(scores)


def serve(out: str | Path, port: int = 8008) -> ThreadingHTTPServer:
    """A server for the rating page on this machine alone, ready to `serve_forever`; port 0 takes a free one.

    Raises SmartEditError when there is nothing to rate or the port is taken.
    """
    ratings = Ratings(out)
    handler = type("Handler", (_Handler,), {"ratings": ratings})
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise SmartEditError(f"port {port} cannot be used ({error.strerror}); choose another --port") from error


class _Handler(BaseHTTPRequestHandler):
    """`GET /`, `/next?rater=`, `/before/TOKEN`, `/after/TOKEN`; `POST /rate`, `/undo` with JSON."""

    ratings: Ratings

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        which, _, token = url.path.strip("/").partition("/")
        try:
            if url.path == "/":
                self._send(Path(__file__).with_name("rating.html").read_bytes(), "text/html; charset=utf-8")
            elif url.path == "/next":
                self._send(json.dumps(self.ratings.next(parse_qs(url.query)["rater"][0])).encode(), "application/json")
            elif which in ("before", "after"):
                self._send(self.ratings.picture(which, token), "image/png")
            else:
                self.send_error(404)
        except (KeyError, OSError, SmartEditError) as error:
            self.send_error(404, explain=str(error))

    def do_POST(self) -> None:
        try:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/undo":
                self.ratings.undo(str(asked["rater"]))
            else:
                self.ratings.rate(str(asked["rater"]), asked["token"], asked["score"])
        except (KeyError, TypeError, ValueError) as error:
            self.send_error(400, explain=str(error))
            return
        self._send(json.dumps(self.ratings.next(str(asked["rater"]))).encode(), "application/json")

    def _send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: the terminal is for people."""
