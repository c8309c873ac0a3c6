"""The rating page: what the server keeps, and a person with a keyboard in a real browser."""

from __future__ import annotations

import json
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from smartedit.bench import rating
from smartedit.bench.kept import keep_suite
from smartedit.bench.report import write_report
from smartedit.bench.rows import read_rows
from smartedit.errors import SmartEditError


@pytest.fixture
def results(ask, few, tmp_path):
    suite = keep_suite(few(3), tmp_path)
    for editor in ("oracle", "identity"):
        ask(suite, editor)
    return tmp_path


@pytest.fixture
def address(results):
    server = rating.serve(results, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_answer_is_asked_once_in_an_order_of_the_rater_s_own(results):
    def order(ratings, rater):
        seen = []
        while token := (state := ratings.next(rater)).get("token"):
            seen.append(ratings._key(rater, token)[1:])
            ratings.rate(rater, token, 0.5)
        assert state == {"done": 6, "total": 6}
        return seen

    one, other = order(rating.Ratings(results), "ann"), order(rating.Ratings(results), "bob")
    assert sorted(one) == sorted(other) and len(set(one)) == 6 and one != other


def test_a_rater_goes_on_after_a_stop_and_may_take_back(results):
    first = rating.Ratings(results)
    state = first.next("ann")
    first.rate("ann", state["token"], 1)
    again = rating.Ratings(results)
    assert again.next("ann")["done"] == 1 and again.next("bob")["done"] == 0
    assert state["token"] not in again.answers, "tokens say nothing about editors, and change with every start"
    again.undo("ann")
    assert again.next("ann")["done"] == 0 and rating.Ratings(results).next("ann")["done"] == 0 and rating.summary(results) is None


def test_the_report_has_means_and_agreement(results):
    ratings = rating.Ratings(results)
    for rater in ("ann", "bob"):
        while token := ratings.next(rater).get("token"):
            ratings.rate(rater, token, 1 if ratings.answers[token][0] == "oracle" else 0)
    found = rating.summary(results)
    assert (found["raters"], found["ratings"], found["alpha"]) == (2, 12, 1)
    assert found["editors"]["oracle"]["rate"] == 1 and found["editors"]["identity"]["rate"] == 0
    assert "2 raters, 12 ratings, Krippendorff's alpha 1.00" in write_report(results).read_text()


@pytest.mark.parametrize("body", [b"no json", b"{}", b'{"rater": "ann", "token": "x", "score": 1}', b"[]"])
def test_the_server_refuses_nonsense(address, body):
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{address}/rate", data=body))
    assert refused.value.code == 400


@pytest.mark.parametrize("path", ["/after/x", "/before/../run.json", "/oracle/run.json", "/next"])
def test_the_server_gives_nothing_else_away(address, path):
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{address}{path}")
    assert refused.value.code == 404


def test_nothing_to_rate_and_a_taken_port_are_named(tmp_path, address, results):
    with pytest.raises(SmartEditError, match="--port"):
        rating.serve(results, int(address.rsplit(":", 1)[1]))
    with pytest.raises(SmartEditError, match="no answers"):
        rating.serve(tmp_path / "empty")


def test_a_person_rates_with_the_keyboard(address, results, page):
    """Three ratings, one taken back, a reload under the same name; nothing on the page names an editor."""
    page.goto(address)
    page.get_by_placeholder("your name").fill("ann")
    page.get_by_role("button", name="Start").click()
    for done, key in enumerate("132"):
        page.get_by_text(f"{done} of 6").wait_for()
        page.wait_for_function("['before', 'after'].every(id => document.getElementById(id).naturalWidth === 48)")
        assert "oracle" not in page.content() and "identity" not in page.content()
        page.keyboard.press(key)
    page.get_by_text("3 of 6").wait_for()
    page.keyboard.press("u")
    page.get_by_text("2 of 6").wait_for()
    assert [row["score"] for row in read_rows(results / "ratings.jsonl")] == [0, 1, 0.5, None]
    page.reload()
    page.get_by_placeholder("your name").fill("ann")
    page.keyboard.press("Enter")
    for done in range(2, 6):
        page.get_by_text(f"{done} of 6").wait_for()
        page.get_by_role("button", name="partly").click()
    page.get_by_text("All rated").wait_for()
    assert rating.summary(results)["ratings"] == 6 and json.loads(urlopen(f"{address}/next?rater=ann").read()) == {"done": 6, "total": 6}
