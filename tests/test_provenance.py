"""The edits that made a picture travel inside its file, whatever the format and the words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import noise_picture
from PIL import Image

from smartedit import images, provenance
from smartedit.provenance import Edit

PICTURE = noise_picture(40, 30)
EDITS = [Edit("remove the red apple", 7, "tiny", "0123456789abcdef", "I will remove the apple", {"num_inference_steps": 12, "mask": True}),
         Edit("make the cup “blue” 🍎", 2**40, "7b")]  # fmt: skip


@pytest.mark.parametrize("ending", images.WRITABLE)
def test_every_format_that_is_written_tells(tmp_path, ending):
    path = provenance.save(PICTURE, tmp_path / f"a{ending}", EDITS)
    assert provenance.read(path) == EDITS
    with Image.open(path) as opened:
        assert opened.getexif()[0x0131].startswith("smartedit ")
    if ending != ".jpg" and ending != ".jpeg":
        assert np.array_equal(np.asarray(images.open(path)), np.asarray(PICTURE)), "the pixels are untouched"


@given(st.text(max_size=100), st.text(max_size=30), st.integers(0, 2**62))
def test_any_words_come_back(tmp_path_factory, words, reply, seed):
    path = tmp_path_factory.mktemp("words") / "a.jpg"
    edit = Edit(words, seed, "tiny", reply=reply)
    assert provenance.read(provenance.save(PICTURE, path, [edit])) == [edit]


def test_files_that_tell_nothing(tmp_path):
    images.save(PICTURE, tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("Dear picture")
    foreign = Image.Exif()
    foreign.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0holiday"
    PICTURE.save(tmp_path / "foreign.jpg", exif=foreign)
    for name in ("plain.png", "text.png", "foreign.jpg", "missing.png"):
        assert provenance.read(tmp_path / name) == []


def test_the_same_work_is_known_again():
    first = EDITS[0]
    assert first.same_work(Edit(first.instruction, first.seed, first.model, first.weights, "other words", first.settings))
    assert not first.same_work(EDITS[1])
