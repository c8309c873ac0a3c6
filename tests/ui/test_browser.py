"""The page in a real Chromium, as a person meets it: mouse, keyboard, phone, mistakes."""

from __future__ import annotations

import io
import re
import shutil
import socket
from types import SimpleNamespace

import numpy as np
import pytest
from made_pictures import noise_picture
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from smartedit import images, provenance
from smartedit.serve import studio as studio_room
from smartedit.serve.studio import Studio
from smartedit.serve.ui import build, launch

ASK = "remove the red apple"
PICTURE = noise_picture(120, 80)

#: Milliseconds that a slow machine may take for one act.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "these tests need Chromium; run: apt-get install chromium"
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(pipe):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    blocks = build(Studio(pipe, "tiny"))
    yield launch(blocks, "127.0.0.1", port)
    blocks.close(verbose=False)


@pytest.fixture
def visit(browser, address):
    """A function that opens the page anew; at the end, nothing was asked of any other machine."""
    asked, contexts = [], []

    def open_page(**context) -> Page:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        expect(page.locator("#edit")).to_be_enabled(timeout=PATIENCE)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))], "the page works without a network"


@pytest.fixture
def page(visit):
    """The page with a picture on it."""
    return with_picture(visit())


def with_picture(page: Page, picture: Image.Image = PICTURE, name: str = "kitchen.png", **options) -> Page:
    data = io.BytesIO()
    picture.save(data, "PNG", **options)
    upload(page, name, data.getvalue())
    expect(page.locator("#compare")).to_contain_text("Say what to change", timeout=PATIENCE)
    return page


def upload(page: Page, name: str, data: bytes) -> None:
    page.set_input_files("#picture input[type=file]", {"name": name, "mimeType": "image/png", "buffer": data})


def edit(page: Page, words: str = ASK) -> None:
    """Type, press Enter, wait for the result."""
    page.locator("#instruction textarea").fill(words)
    page.locator("#instruction textarea").press("Enter")
    expect(page.locator("#told .asked")).to_have_text(words, timeout=PATIENCE)
    expect(page.locator("#edit")).to_be_visible(timeout=PATIENCE)


def choose(page: Page, name: str, value: int) -> None:
    """Type a number beside a slider and see the slider follow; again while the fold, just opened, still sets its own values."""
    number, slider = (page.get_by_role(role, name=name) for role in ("spinbutton", "slider"))
    for _ in range(20):
        number.fill(str(value))
        page.wait_for_timeout(250)
        if number.input_value() == slider.input_value() == str(value):
            return
    raise AssertionError(f"{name} does not stay at {value}: {number.input_value()}, {slider.input_value()}")


def taken_home(page: Page, tmp_path, name: str = "home.png"):
    expect(page.locator("#download")).to_be_enabled(timeout=PATIENCE)
    with page.expect_download(timeout=PATIENCE) as download:
        page.locator("#download").click()
    download.value.save_as(tmp_path / name)
    return SimpleNamespace(path=tmp_path / name, name=download.value.suggested_filename)


def said(page: Page) -> str:
    """What the page says is wrong; the message is closed."""
    toast = page.get_by_test_id("toast-body").last
    toast.wait_for()
    text = toast.inner_text()
    page.get_by_test_id("toast-close").last.click()
    expect(page.get_by_test_id("toast-body")).to_have_count(0, timeout=PATIENCE)  # or the next call would read it again
    return text


def at(page: Page, number: int) -> None:
    """The next edit starts from picture `number` of the history."""
    expect(page.locator("#history .caption-label").nth(number)).to_contain_text("▶", timeout=PATIENCE)


def history(page: Page) -> list[str]:
    return page.locator("#history .caption-label").all_inner_texts()


def test_two_turns_undo_and_branch(page, tmp_path):
    edit(page)
    expect(page.locator("#told .fine")).to_contain_text("seed")
    page.locator("#use").click()
    expect(page.locator("#compare")).to_contain_text("Say what to change", timeout=PATIENCE)
    edit(page, "make it blue")
    home = taken_home(page, tmp_path)
    assert home.name == "kitchen-edited.png" and images.open(home.path).size == PICTURE.size
    assert [one.instruction for one in provenance.read(home.path)] == [ASK, "make it blue"]
    page.locator("#undo").click()
    expect(page.locator("#compare")).to_contain_text("Say what to change", timeout=PATIENCE)
    at(page, 1)
    page.locator("#undo").click()
    at(page, 0)
    expect(page.locator("#undo")).to_be_disabled(timeout=PATIENCE)
    page.locator("#history button.thumbnail-item").nth(1).click()
    at(page, 1)
    edit(page, "remove the cup")
    assert [text.split(" · ")[0] for text in history(page)] == ["start", "▶ 1 ← start", "2 ← 1", "3 ← 1"]
    assert [one.instruction for one in provenance.read(taken_home(page, tmp_path).path)] == [ASK, "remove the cup"]


def test_the_slider_moves_by_mouse_and_by_keys(page):
    edit(page)
    frame, slider = page.locator("#compare .compare"), page.get_by_role("slider", name="Share of the picture before the edit")
    box = frame.bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    assert 15 <= cut(frame) <= 25
    slider.focus()
    before = cut(frame)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert cut(frame) == before + 5
    page.keyboard.press("End")
    assert cut(frame) == 100
    assert frame.locator("img").count() == 2


def cut(frame) -> int:
    return int(re.search(r"--cut: *(\d+)%", frame.get_attribute("style"))[1])


@pytest.mark.parametrize(("name", "data"), [("words.png", b"Dear picture"), ("page.svg", b"<svg/>")])
def test_a_bad_file_is_told_in_a_sentence_and_the_picture_stays(page, name, data):
    shown = page.locator("#picture img").get_attribute("src")
    upload(page, name, data)
    text = said(page)
    assert "This picture cannot be opened" in text and f"{name} is not a picture" in text and "Traceback" not in text and "/tmp" not in text
    expect(page.locator("#picture img")).to_have_attribute("src", shown, timeout=PATIENCE)
    edit(page)


def test_words_that_say_nothing_are_told_in_a_sentence(visit):
    page = visit()
    page.locator("#edit").click()
    assert "There is nothing to edit yet" in said(page)
    with_picture(page)
    for words, reason in (("", "the instruction is empty"), ("qwzx plugh", "no known word"), ("x" * 2000, "2000 characters")):
        page.locator("#instruction textarea").fill(words)
        page.locator("#edit").click()
        assert reason in said(page)
        expect(page.locator("#edit")).to_be_visible(timeout=PATIENCE)
    page.locator("#advanced > button").click()
    choose(page, "Denoising steps", 1)  # what is typed into the fold before it listens is lost
    page.locator("#seed textarea, #seed input").first.fill("minus one")
    page.locator("#instruction textarea").fill(ASK)
    page.locator("#edit").click()
    assert "seed is minus one" in said(page)


def test_a_sample_scene_with_instructions_that_fit(visit, monkeypatch):
    pair = SimpleNamespace(before=np.asarray(noise_picture(64, 64)), instruction=ASK)
    monkeypatch.setattr(studio_room, "make_pairs", lambda *_: [pair, pair])
    page = visit()
    page.locator("#sample").click()
    expect(page.locator(".suggestion")).to_have_count(2, timeout=PATIENCE)
    page.locator(".suggestion").first.click()
    expect(page.locator("#instruction textarea")).to_have_value(ASK, timeout=PATIENCE)
    page.locator("#edit").click()
    expect(page.locator("#told .asked")).to_have_text(ASK, timeout=PATIENCE)


def test_keyboard_alone(page):
    page.locator("#instruction textarea").focus()
    page.keyboard.type(ASK)
    page.keyboard.press("Enter")
    expect(page.locator("#told .asked")).to_have_text(ASK, timeout=PATIENCE)
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.closest('#compare, #edit, #use')?.id"))
        if page.evaluate("() => document.activeElement.id") == "use":
            break
    assert {"edit", "compare", "use"} <= reached, reached
    page.keyboard.press("Enter")
    at(page, 1)


def test_phone(visit):
    page = with_picture(visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    edit(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    frame = page.locator("#compare .compare")
    expect(frame).to_be_in_viewport(timeout=PATIENCE)
    box = frame.bounding_box()
    page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"])
    expect(frame).to_have_attribute("style", re.compile(r"--cut: *(7[5-9]|8[0-5])%"), timeout=PATIENCE)


def test_candidates_the_region_and_another_format(page, tmp_path):
    page.locator("#advanced > button").click()
    choose(page, "Candidates", 2)
    page.locator("#seed textarea, #seed input").first.fill("5")
    page.get_by_label(".webp").check()
    edit(page)
    expect(page.locator("#candidates button.thumbnail-item")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("#told .fine")).to_contain_text("seed 5")
    page.locator("#candidates button.thumbnail-item").nth(1).click()
    expect(page.locator("#told .fine")).to_contain_text("seed 6", timeout=PATIENCE)
    home = taken_home(page, tmp_path, "home.webp")
    assert home.name == "kitchen-edited.webp" and provenance.read(home.path)[0].seed == 6
    page.get_by_role("tab", name="Changed region").click()
    page.locator("#region img").wait_for()


@pytest.mark.slow
def test_a_painted_mask_bounds_the_edit(visit, tmp_path):
    page = with_picture(visit(viewport={"width": 1280, "height": 1400}))
    page.locator("#mask-fold > button").click()
    canvas = page.locator("#mask canvas").first
    canvas.wait_for()
    page.wait_for_timeout(3000)  # the editor fits the picture into its frame
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 20, middle[1] + 10, steps=4)
    page.mouse.up()
    page.wait_for_timeout(3000)  # the strokes are sent
    edit(page)
    home = taken_home(page, tmp_path)
    (told,) = provenance.read(home.path)
    assert told.settings.get("mask") is True
    changed = (np.asarray(images.open(home.path)) != np.asarray(PICTURE)).any(axis=2)
    assert 0 < changed.mean() < 0.5 and changed[30:50, 45:75].any() and not changed[:10].any() and not changed[-10:].any()


def test_stop_and_progress(page):
    page.locator("#advanced > button").click()
    choose(page, "Denoising steps", 100)
    page.locator("#instruction textarea").fill(ASK)
    page.locator("#edit").click()
    expect(page.locator("#told")).to_contain_text(re.compile(r"step \d+ of 100"), timeout=PATIENCE)
    expect(page.locator("#compare .after")).to_be_visible(timeout=PATIENCE)
    page.locator("#stop").click()
    expect(page.locator("#edit")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#compare")).to_contain_text("Say what to change", timeout=PATIENCE)
    choose(page, "Denoising steps", 1)
    edit(page)


def test_visitors_do_not_see_each_other(page, visit):
    edit(page)
    other = visit()
    expect(other.locator("#compare")).to_contain_text("Drop a picture")
    assert other.locator("#told .asked").count() == 0
