"""Pixel conventions: what is opened, how it is turned and squared, and that writing is all or nothing."""

from __future__ import annotations

import io
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import bomb_header, noise_picture
from PIL import Image

from smartedit import images
from smartedit.errors import PictureError


def open_error(path) -> str:
    with pytest.raises(PictureError) as caught:
        images.open(path)
    message = str(caught.value)
    assert "\n" not in message and "; " in message, "one line: what is wrong; what to do next"
    return message


def test_png_comes_back_bit_for_bit(picture_file):
    picture = noise_picture(37, 21)
    assert np.array_equal(np.asarray(images.open(picture_file(picture))), np.asarray(picture))


def test_missing_folder_and_empty_files_are_told_apart(tmp_path):
    (tmp_path / "empty.png").touch()
    assert "no picture" in open_error(tmp_path / "nothing.png")
    assert "folder" in open_error(tmp_path)
    assert "empty" in open_error(tmp_path / "empty.png")
    assert "cannot read" in open_error(tmp_path / ("x" * 300 + ".png"))
    assert "a?b.png" in open_error("a\0b.png")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "not an ordinary file" in open_error(tmp_path / "pipe.png")


def test_text_named_png_is_not_a_picture(tmp_path):
    (tmp_path / "text.png").write_text("once upon a time")
    assert "not a picture" in open_error(tmp_path / "text.png")


@pytest.mark.parametrize("name", ["half.png", "half.jpg", "half.webp", "half.gif"])
def test_truncated_files_are_damaged(tmp_path, name):
    whole = io.BytesIO()
    noise_picture(64, 64).save(whole, format={"jpg": "JPEG"}.get(name[5:], name[5:].upper()))
    (tmp_path / name).write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    assert "half." in open_error(tmp_path / name)


def test_corrupt_png_is_damaged(picture_file):
    path = picture_file(noise_picture(64, 64))
    data = bytearray(path.read_bytes())
    data[60:200] = bytes(140)
    path.write_bytes(data)
    assert "damaged" in open_error(path)


@pytest.mark.parametrize("size", [(8001, 8000), (60_000, 60_000)])
def test_bombs_are_refused_before_decoding(tmp_path, monkeypatch, size):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    (tmp_path / "bomb.png").write_bytes(bomb_header(*size))
    assert "too large" in open_error(tmp_path / "bomb.png")


def test_exif_rotation_is_applied_and_gone(picture_file):
    picture = Image.new("RGB", (40, 20), "blue")
    picture.paste("red", (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown after a quarter turn clockwise
    opened = images.open(picture_file(picture, "phone.jpg", exif=exif, quality=95, subsampling=0))
    assert opened.size == (20, 40)
    assert opened.getpixel((10, 3))[0] > 200 and opened.getpixel((10, 36))[2] > 200
    assert not opened.getexif()


def test_damaged_exif_is_ignored(picture_file):
    path = picture_file(noise_picture(16, 16), "odd.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert images.open(path).size == (16, 16)


def test_transparency_is_laid_on_white(picture_file):
    picture = Image.new("RGBA", (2, 1))
    picture.putpixel((1, 0), (10, 20, 30, 255))
    opened = images.open(picture_file(picture))
    assert opened.mode == "RGB" and opened.getpixel((0, 0)) == (255, 255, 255) and opened.getpixel((1, 0)) == (10, 20, 30)


def test_palette_with_a_clear_colour(picture_file):
    picture = Image.new("P", (2, 1))
    picture.putpalette([9, 8, 7, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    opened = images.open(picture_file(picture, transparency=0))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 100, 50)]


def test_sixteen_bit_grey_keeps_its_range(picture_file):
    values = np.array([[0, 128 * 257, 65535]], np.uint16)
    opened = images.open(picture_file(Image.fromarray(values)))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


@pytest.mark.parametrize("top", [1.0, 255.0, 1000.0])
def test_float_pictures_fill_eight_bits(picture_file, top):
    values = np.array([[0, top / 2, top, np.nan]], np.float32)
    opened = np.asarray(images.open(picture_file(Image.fromarray(values), "deep.tiff")))[0, :, 0]
    assert opened.tolist() in ([0, 128, 255, 0], [0, 127, 255, 0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "I", "I;16", "F", "LAB", "HSV", "RGBX"])
def test_every_mode_becomes_rgb(mode):
    grey = Image.fromarray(np.full((5, 7), 200, np.uint8))
    picture = Image.new("I;16", (7, 5), 200 * 257) if mode == "I;16" else Image.new(mode, (7, 5)) if mode in ("LAB", "HSV") else (
        grey.convert("RGB").convert(mode))
    result = images.upright(picture)
    assert result.mode == "RGB" and result.size == (7, 5)


def test_moving_pictures_give_their_first_frame(picture_file):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    for name in ("film.gif", "film.png", "film.webp"):
        path = picture_file(frames[0], name, save_all=True, append_images=frames[1:], **({"lossless": True} if "webp" in name else {}))
        assert images.open(path).getpixel((4, 4)) == (255, 0, 0), name


def test_colour_profile_survives(picture_file, tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    opened = images.open(picture_file(noise_picture(8, 8), icc_profile=profile))
    with Image.open(images.save(opened, tmp_path / "again.png")) as again:
        assert again.info["icc_profile"] == profile


@given(st.integers(1, 700), st.integers(1, 700))
def test_fit_and_restore_keep_size_and_proportion(width, height):
    fitted = images.fit(Image.new("RGB", (width, height), "teal"), 64)
    left, top, right, bottom = fitted.box
    assert fitted.square.size == (64, 64)
    assert 0 <= left < right <= 64 and 0 <= top < bottom <= 64 and max(right - left, bottom - top) == 64
    assert abs((right - left) * height - (bottom - top) * width) <= max(width, height), "squashed"
    restored = images.restore(fitted.square, fitted)
    assert restored.size == (width, height) and restored.getpixel((width // 2, height // 2)) == (0, 128, 128)


def test_fit_replicates_the_edges():
    picture = Image.new("RGB", (64, 32), "red")
    picture.paste("blue", (0, 16, 64, 32))
    square = images.fit(picture, 64).square
    assert square.getpixel((5, 0)) == (255, 0, 0) and square.getpixel((5, 63)) == (0, 0, 255)


def test_a_square_of_the_working_size_is_untouched():
    picture = noise_picture(64, 64)
    fitted = images.fit(picture, 64)
    assert np.array_equal(np.asarray(images.restore(fitted.square, fitted)), np.asarray(picture))


@pytest.mark.parametrize("size", [(1, 1), (5000, 20), (20, 5000), (1, 3000)])
def test_extreme_shapes(size):
    fitted = images.fit(Image.new("RGB", size, "olive"), 256)
    assert images.restore(fitted.square, fitted).size == size


def test_places_stay_put_through_fit_and_restore():
    picture = Image.new("RGB", (300, 120), "black")
    picture.paste("white", (200, 30, 260, 90))
    fitted = images.fit(picture, 256)
    back = np.asarray(images.restore(fitted.square, fitted))[..., 0] > 127
    want = np.asarray(picture)[..., 0] > 127
    assert (back & want).sum() / (back | want).sum() > 0.97


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_save_leaves_one_whole_file(tmp_path, name):
    path = images.save(noise_picture(20, 10), tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert images.open(path).size == (20, 10)


@pytest.mark.parametrize(("name", "reason"), [("missing/a.png", "no folder"), ("a.xyz", "unknown ending"), (".", "folder"), ("a", "ending")])
def test_unwritable_places_are_told_apart(tmp_path, name, reason):
    with pytest.raises(PictureError, match=reason):
        images.save(noise_picture(4, 4), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(self, path, **options):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(PictureError, match="No space left"):
        images.save(noise_picture(4, 4), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", [KeyboardInterrupt, RuntimeError])
def test_interrupted_writes_leave_the_old_file(tmp_path, monkeypatch, broken):
    path = images.save(noise_picture(4, 4), tmp_path / "a.png")
    old = path.read_bytes()

    def interrupted(self, half, **options):
        with open(half, "wb") as file:
            file.write(b"half")
        raise broken

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(broken):
        images.save(noise_picture(4, 4, seed=1), path)
    assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(PictureError, match="cannot be written"):
        images.save(noise_picture(4, 4), tmp_path / "a.png")


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([8, 16]))
def test_the_shorter_side_becomes_the_size_and_nothing_is_squashed(width, height, cell):
    fitted = images.fit(Image.new("RGB", (width, height), "teal"), 64, "shorter", cell)
    left, top, right, bottom = fitted.box
    working = fitted.working.size
    assert all(side % cell == 0 for side in working) and min(working) == 64 and max(working) <= images.LONGEST_SHAPE * 64 + cell
    assert abs((right - left) * height - (bottom - top) * width) <= max(width, height), "squashed"
    assert fitted.square.size == (max(working),) * 2
    assert images.restore(fitted.working, fitted).size == (width, height)


def test_where_the_working_picture_lies_in_the_square_is_whole_cells():
    picture = noise_picture(120, 64)
    fitted = images.fit(picture, 64, "shorter")
    square, working = np.asarray(fitted.square), np.asarray(fitted.working)
    top = (len(square) - len(working)) // 8 // 2 * 8
    assert np.array_equal(square[top : top + len(working)], working)


def test_squash_is_the_published_way():
    picture = noise_picture(120, 64)
    fitted = images.fit(picture, 64, "squash")
    assert fitted.working.size == (64, 64) and fitted.square is fitted.original
    assert np.array_equal(np.asarray(fitted.working), np.asarray(picture.resize((64, 64), Image.Resampling.BICUBIC)))
    assert images.restore(fitted.working, fitted).size == (120, 64)
