"""Outside the mask: the strict arithmetic equals the published one to its golden cases; the fixed one mends its faults."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pictures import noise_picture
from PIL import Image
from safetensors.numpy import load_file

from smartedit.bench import preservation, reason_edit, suites
from smartedit.bench.cases import Case
from smartedit.bench.editors import built_in
from smartedit.bench.measure import measure, measures
from smartedit.bench.run import run

GOLDEN = Path(__file__).parents[1] / "golden"
FACTS = json.loads((GOLDEN / "metrics_caseA.json").read_text())


@pytest.fixture(scope="module")
def golden_folder(tmp_path_factory):
    """The golden cases in the published layout (masks lossless behind their .jpg names), and their results by name."""
    home, arrays = tmp_path_factory.mktemp("golden"), load_file(GOLDEN / "metrics_caseA.safetensors")
    for folder, text in reason_edit.LAYOUT.values():
        (home / "data" / folder).mkdir(parents=True)
        (home / "data" / folder / text).write_text("")
    colour, results = home / "data" / "4-Color", home / "results" / "4-Color"
    results.mkdir(parents=True)
    (colour / "Color_text.txt").write_text("make it red  CLIP: a red cup\n" * 3)
    for row in range(3):
        Image.fromarray(arrays[f"{row}.original"]).save(colour / f"{row:04d}.png")
        Image.fromarray(arrays[f"{row}.mask"]).save(colour / f"{row:04d}_mask.jpg", "PNG")
        Image.fromarray(arrays[f"{row}.edited"]).save(results / f"{row:04d}.png")
    return home


def test_a_published_folder_scored_in_strict_mode_equals_the_golden_cases(golden_folder, tmp_path):
    """The whole walk: layout -> suite -> somebody's pictures -> measures."""
    suite = suites.find("reason-edit", golden_folder / "data")
    assert [case.id for case in suite.cases] == [f"colour-{row:04d}" for row in range(3)] and not suite.left_out
    run(suite, built_in(f"pictures:{golden_folder / 'results'}"), tmp_path)
    measure(suite, ["results"], tmp_path)
    found = measures(tmp_path / "results" / "measures.jsonl")
    for row, fact in enumerate(FACTS["rows"]):
        for metric, most in FACTS["tolerance"].items():
            assert found[f"colour-{row:04d}"]["values"][f"strict.{metric}"] == pytest.approx(fact[metric], abs=most, rel=0), (row, metric)


def test_the_strict_crop_is_the_published_one(golden_folder):
    results = golden_folder / "results" / "4-Color"
    for planned, fact in zip(suites.find("reason-edit", golden_folder / "data").cases, FACTS["rows"], strict=True):
        prepared = preservation.strict(planned.render(), Image.open(results / f"{planned.id[-4:]}.png"))
        assert list(prepared.crop) == fact["crop_box_ltrb"]


def masked(mask: np.ndarray, picture: Image.Image | None = None) -> Case:
    picture = picture or noise_picture(mask.shape[1], mask.shape[0])
    return Case("one", "colour", picture, "make it red", mask, clip_words="a red cup")


BOX = np.zeros((256, 256), bool)
BOX[40:90, 100:220] = True


def test_a_copy_is_perfect_by_both():
    case = masked(BOX)
    assert preservation.measure(preservation.strict(case, case.picture)) == {"mse": 0, "psnr": inf, "ssim": pytest.approx(1)}
    found = preservation.measure(preservation.fixed(case, case.picture), preservation.MOST_PSNR)
    assert found == {"mse": 0, "psnr": 100, "ssim": pytest.approx(1)}


def test_black_pixels_inflate_the_strict_psnr_by_the_known_amount():
    """-10 log10(1 - m) dB for a mask of share m, as long as the error outside is even."""
    case = masked(BOX, Image.new("RGB", (256, 256), (100, 100, 100)))
    result = Image.new("RGB", (256, 256), (110, 110, 110))
    strict, fixed = (preservation.measure(prepare(case, result)) for prepare in preservation.PROTOCOLS.values())
    assert strict["psnr"] - fixed["psnr"] == pytest.approx(-10 * np.log10(1 - BOX.mean()), abs=1e-4)


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_what_happens_inside_the_mask_says_nothing(seed):
    case = masked(BOX)
    values = np.asarray(case.picture).copy()
    values[BOX] = np.random.default_rng(seed).integers(0, 256, (int(BOX.sum()), 3))
    for prepare in preservation.PROTOCOLS.values():
        assert preservation.measure(prepare(case, Image.fromarray(values)))["mse"] == 0


def test_jpeg_specks_only_count_in_strict_mode():
    soft = np.where(BOX, 255, 0).astype(np.uint8)
    soft[250, 3] = 2
    case = replace(masked(BOX), soft_mask=soft)
    assert preservation.strict(case, case.picture).crop == (3, 40, 219, 250)
    assert preservation.fixed(case, case.picture).crop == (100, 5, 220, 125), "the whole box, in a square"


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 256), st.integers(1, 256))
def test_the_fixed_crop_is_a_square_that_holds_the_mask(top, left, height, width):
    mask = np.zeros((256, 256), bool)
    mask[top : top + height, left : left + width] = True
    x0, y0, x1, y1 = preservation._square_box(mask)
    assert x1 - x0 == y1 - y0 and x0 >= 0 and x1 <= 256 and y0 >= 0 and y1 <= 256
    assert not np.delete(np.delete(mask, np.s_[y0:y1], 0), np.s_[:], 1).any() and mask[y0:y1, x0:x1].sum() == mask.sum()


def test_masks_without_pixels_or_without_an_outside():
    nothing, everything = np.zeros((256, 256), bool), np.ones((256, 256), bool)
    assert preservation.strict(masked(nothing), noise_picture(256, 256)).crop is None
    assert preservation.measure(preservation.fixed(masked(everything), noise_picture(256, 256, 1))) == {}
