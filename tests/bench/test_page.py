"""The report page in a real browser: one file, no request, every case with its slider, filters that filter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartedit.bench.cases import Suite
from smartedit.bench.measure import measure
from smartedit.bench.report import write_report


def sloppy(picture, instruction, seed):
    """Raises on the nasty case, right on square 0, does nothing on the others."""
    if "script" in instruction:
        raise RuntimeError("<b>no</b>")
    if instruction.endswith("square 0"):
        picture.paste((200, 40, 40), (14, 15, 26, 27))
    return picture


@pytest.fixture
def report(ask, square_case, tmp_path):
    cases = [square_case(number) for number in range(4)]
    cases[3] = replace(cases[3], instruction="</script><img src=x onerror=\"document.title='taken'\">")
    suite = Suite("squares", cases)
    for editor in ("identity", "oracle", sloppy):
        ask(suite, editor, "sloppy")
    measure(suite, ["identity", "oracle", "sloppy"], tmp_path)
    write_report(tmp_path, suite.cases)
    return tmp_path / "report.html"


def test_the_page_is_one_file_and_asks_nobody(report, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    page.get_by_text("4 of 4 shown").wait_for()
    assert not problems and not [url for url in asked if not url.startswith(("data:", "file:"))]
    assert page.title() == page.locator("h1").inner_text() == "squares: 4 cases", "an instruction is words, whatever it says"
    assert page.locator("article h3").filter(has_text="onerror").count() == 1


def test_cases_stand_worst_first_and_filters_filter(report, page):
    page.goto(report.as_uri())
    page.select_option("#editor", label="sloppy")
    verdicts = page.locator("article .verdict")
    assert verdicts.all_inner_texts() == ["no picture", "wrong", "wrong", "right"]
    assert "raised: RuntimeError: <b>no</b>" in page.locator("article").first.inner_text()
    page.select_option("#verdict", "right")
    page.get_by_text("1 of 1 shown").wait_for()
    page.select_option("#verdict", "")
    page.select_option("#group", "colour")
    assert verdicts.count() == 1


def test_the_slider_uncovers_the_answer_and_the_mask_lies_over_it(report, page):
    page.goto(report.as_uri())
    page.select_option("#editor", label="oracle")
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("Home")
    top = page.locator("article .stage img:nth-of-type(2)").first
    assert top.evaluate("node => node.style.clipPath") == "inset(0px 100% 0px 0px)", "all answer, no before"
    assert page.locator("img.mask").count() == 0
    page.check("#mask")
    assert page.locator("img.mask").count() == 4
    assert page.locator("article .stage img").first.evaluate("node => node.naturalWidth") == 48


def test_tables_and_chart_say_what_the_markdown_says(report, page):
    page.goto(report.as_uri())
    row = page.locator("details").first.locator("tr", has_text="all")
    text = report.with_name("report.md").read_text()
    cells = row.locator("td").all_inner_texts()
    assert f"| all | {' | '.join(cells)} |" in text and page.locator("svg rect").count() >= 3
