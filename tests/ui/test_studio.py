"""What the page can do, without a browser."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_pictures import noise_picture
from PIL import Image

from smartedit import images, provenance
from smartedit.errors import InstructionError, PictureError, SmartEditError
from smartedit.provenance import Edit
from smartedit.serve import shown
from smartedit.serve.history import Entry, History
from smartedit.serve.stepping import Step, stepping
from smartedit.serve.studio import KEPT_SECONDS, MOST_PIXELS, Studio, Wish

ASK = "remove the red apple"


@pytest.fixture
def studio(pipe):
    return Studio(pipe, "tiny", "0" * 16)


def edit(studio, history, words=ASK, **wish):
    *steps, grown = studio.edit(history, words, Wish(**{"steps": 2, "guidance_scale": 1.0, "image_guidance_scale": 1.0, "seed": 3} | wish))
    assert all(isinstance(step, Step) for step in steps)
    return grown


def test_the_same_as_the_pipeline(studio, pipe):
    picture = noise_picture(50, 40)
    entry = edit(studio, History.of(picture)).result
    expected = pipe(ASK, picture, num_inference_steps=2, guidance_scale=1, image_guidance_scale=1, seed=3)
    assert np.array_equal(entry.picture, expected.images[0]) and entry.edit.reply == expected.reply[0]
    settings = {"num_inference_steps": 2, "guidance_scale": 1.0, "image_guidance_scale": 1.0, "keep_outside": True}
    assert entry.edit == Edit(ASK, 3, "tiny", "0" * 16, expected.reply[0], settings)


def test_candidates_and_a_mask(studio):
    picture = noise_picture(60, 60)
    mask = Image.new("L", picture.size)
    mask.paste(255, (0, 0, 30, 60))
    history = edit(studio, History.of(picture), count=2, mask=mask, keep_outside=False)
    one, other = history.candidates()
    assert (one.edit.seed, other.edit.seed) == (3, 4) and not np.array_equal(one.picture, other.picture)
    for entry in (one, other):
        assert np.array_equal(np.asarray(entry.picture)[:, 32:], np.asarray(picture)[:, 32:]) and entry.edit.settings["mask"] is True


@pytest.mark.parametrize(("words", "wish", "error"), [
    ("", {}, InstructionError),
    ("qwzx", {}, InstructionError),
    (ASK, {"steps": 0}, SmartEditError),
    (ASK, {"count": 9}, SmartEditError),
    (ASK, {"guidance_scale": float("nan")}, SmartEditError),
])  # fmt: skip
def test_what_cannot_be_done_is_said(studio, words, wish, error):
    with pytest.raises(error):
        edit(studio, History.of(noise_picture(9, 9)), words, **wish)


def test_files_tell_every_edit(studio, tmp_path):
    images.save(noise_picture(20, 10), tmp_path / "kitchen.png")
    history = studio.open(str(tmp_path / "kitchen.png"), "kitchen.png")
    assert studio.write(history).name == "kitchen.png" and provenance.read(studio.write(history)) == []
    history = edit(studio, history)
    history = edit(studio, history.go(history.shown), "make it blue", seed=5)
    for ending in images.WRITABLE:
        path = studio.write(history, ending)
        assert path.name == f"kitchen-edited{ending}" and images.open(path).size == (20, 10)
        assert [(one.instruction, one.seed) for one in provenance.read(path)] == [(ASK, 3), ("make it blue", 5)]
    again = studio.open(str(path))
    assert len(edit(studio, again).edits(1)) == 3, "a file that comes back goes on"


def test_files_that_nobody_takes_home_go(studio):
    first = studio.write(History.of(noise_picture(8, 8)))
    os.utime(first.parent, (time.time() - 2 * KEPT_SECONDS,) * 2)
    second = studio.write(History.of(noise_picture(8, 8)))
    assert not first.exists() and second.exists()


def test_names_cannot_lead_out(studio, tmp_path):
    images.save(noise_picture(8, 8), tmp_path / "a.png")
    for name in ("../../etc/x.png", "a/b\0c.png", "\u202e名.png", ".png", "x" * 300 + ".png"):
        path = studio.write(studio.open(str(tmp_path / "a.png"), name))
        assert path.exists() and path.parent.parent == Path(studio._home.name)


def test_pictures_that_are_refused(studio, tmp_path):
    (tmp_path / "words.png").write_text("Dear picture")
    with pytest.raises(PictureError, match=r"words\.png is not a picture"):
        studio.open(str(tmp_path / "words.png"))
    Image.new("RGB", (MOST_PIXELS // 1000 + 1, 1000)).save(tmp_path / "vast.png")
    with pytest.raises(PictureError, match="at most 16 million"):
        studio.open(str(tmp_path / "vast.png"))


def test_a_sample_scene_comes_with_instructions(studio):
    history, suggestions = studio.sample()
    assert history.input.picture.size == (256, 256) and suggestions and all(isinstance(text, str) for text in suggestions)


def test_steps_and_pictures_on_the_way(pipe):
    *steps, output = stepping(pipe, ASK, noise_picture(30, 20), 10, seed=1)
    assert [(step.done, step.total) for step in steps] == [(done, 10) for done in range(1, 11)]
    assert [step.done for step in steps if step.picture] == [2, 4, 6, 8] and steps[1].picture.size == (256, 256)
    assert output.seed == [1]


def test_closing_stops_the_call():
    done = []

    def endless(prompt, image, num_inference_steps, callback_on_step_end, **_):
        for step in range(num_inference_steps):
            done.append(step)
            time.sleep(0.001)
            callback_on_step_end(SimpleNamespace(preview=lambda latents: [latents]), step, 0, {"clean": "latents"})

    called = stepping(endless, ASK, noise_picture(30, 20), 100_000)
    assert next(called).done == 1
    called.close()
    stopped = len(done)
    time.sleep(0.05)
    assert len(done) == stopped < 100_000


def test_what_goes_wrong_inside_is_raised_outside():
    def trips(*_, **__):
        raise SmartEditError("no such thing")

    with pytest.raises(SmartEditError, match="no such thing"):
        list(stepping(trips, ASK, noise_picture(30, 20), 3))


def test_what_the_page_shows():
    region = Image.new("L", (40, 20))
    region.paste(255, (0, 0, 20, 20))
    entry = Entry(1, Image.new("RGB", (40, 20), (10, 200, 30)), 0, 1, Edit("<b>red</b>", 7, "tiny", reply="<script>"), region, ("a & b",))
    html = shown.words(entry)
    assert "&lt;b&gt;red" in html and "<script>" not in html and "50% of the picture" in html and "seed 7" in html and "a &amp; b" in html
    marked = np.asarray(shown.overlay(entry))
    assert tuple(marked[10, 21]) == shown.ACCENT and np.ptp(marked[10, 30]) == 0
    frame = shown.before_and_after(noise_picture(3000, 1000), noise_picture(3000, 1000))
    assert 'type="range"' in frame and "aspect-ratio: 1024 / 341" in frame


def test_nothing_changed_is_said():
    entry = Entry(1, noise_picture(9, 9), 0, 1, Edit(ASK, 7, "tiny"), Image.new("L", (9, 9)))
    assert "nothing changed" in shown.words(entry)
