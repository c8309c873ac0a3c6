"""The files that `smartedit world sample`, `edit` and `sheet` write, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from smartedit.errors import SceneError
from smartedit.world.edit_json import edit_from_json
from smartedit.world.files import read_scene, write_edit, write_sample, write_sheet
from smartedit.world.render import object_masks, render
from smartedit.world.sampling import sample_scene
from smartedit.world.scene import Scene


@pytest.fixture
def sample(tmp_path):
    return write_sample(7, tmp_path / "one", size=64)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_sample_is_complete(sample):
    scene = sample_scene(7)
    rendered = render(scene, 64)
    assert np.array_equal(np.asarray(Image.open(sample / "picture.png")), rendered.picture)
    data = json.loads((sample / "scene.json").read_text())
    assert Scene.from_json(data) == scene
    for id, mask in object_masks(scene, rendered).items():
        assert np.array_equal(np.asarray(Image.open(sample / "masks" / f"{id}.png")) == 255, mask)
    keys = {"id", "kind", "colour", "size_word", "size", "x", "z", "visible", "box"}
    assert all(keys <= set(thing) for thing in data["objects"])


def test_another_sample_in_the_same_folder_leaves_no_old_masks(sample):
    (sample / "masks" / "my notes.txt").write_text("keep me")
    write_sample(8, sample, size=64)
    expected = {f"masks/{thing.id}.png" for thing in sample_scene(8).objects}
    masks = {name for name in names(sample) if name.startswith("masks/") and "mirror" not in name}
    assert masks == {"masks/my notes.txt", *expected}


def test_an_edit_is_the_exact_truth(sample, tmp_path):
    scene, size = read_scene(sample / "scene.json")
    op = {"op": "remove", "target": scene.objects[0].id}
    out = write_edit(sample / "scene.json", json.dumps(op), tmp_path / "two")
    assert names(out) == ["changed.png", "picture.png", "scene.json"]
    changed = edit_from_json(op).apply(scene)
    after = np.asarray(Image.open(out / "picture.png"))
    assert size == 64 and np.array_equal(after, render(changed, 64).picture)
    before = np.asarray(Image.open(sample / "picture.png"))
    region = np.asarray(Image.open(out / "changed.png")) == 255
    assert region.any()
    assert np.abs(before[~region].astype(int) - after[~region]).max() <= 6
    assert read_scene(out / "scene.json") == (changed, 64)


def test_a_sheet_has_its_rows(tmp_path):
    one = Image.open(write_sheet(7, 1, tmp_path / "one.png", size=64))
    three = Image.open(write_sheet(7, 3, tmp_path / "three.png", size=64))
    assert one.mode == three.mode == "RGB"
    assert three.height > 2.5 * one.height and three.width == one.width
    assert names(tmp_path) == ["one.png", "three.png"]


def broken(**changes):
    """The text of a scene with wrong values, in its first object where that has such a key."""
    data = sample_scene(7).to_json()
    data["objects"][0].update({key: value for key, value in changes.items() if key in data["objects"][0]})
    data.update({key: value for key, value in changes.items() if key not in data["objects"][0]})
    return json.dumps(data)


CORRUPT = {
    "": "is not JSON",
    "[" * 100_000: "is not JSON",
    "[1, 2]": "is not a scene",
    '{"seed": 1}': "not a scene: KeyError",
    broken(kind="unicorn"): "unknown kind of object 'unicorn'",
    broken(colour="green-ish"): "unknown colour",
    broken(x=float("nan")): "out of range",
    broken(size=1e9): "out of range",
    broken(proportions=[0.0]): "proportions",
    broken(material="jelly"): "unknown material",
    broken(table="lava"): "unknown table surface",
    broken(objects=None): "not a scene",
    broken(objects=[sample_scene(7).to_json()["objects"][0]] * 2): "two objects are called",
    broken(camera={"eye": [0, 1, 2], "target": [0, 1, 2], "spread": 0.3}): "not look straight down",
    broken(camera={"eye": [], "target": [0, 1, 2], "spread": 0.3}): "three numbers",
    broken(mirror={"x": 0, "y": 1}): "not a scene",
    broken(mirror=5): "not a scene: AttributeError",
    broken(seed=float("inf")): "not a scene: OverflowError",
    broken(seed=-3): "the seed -3 is out of range",
    broken(picture_size=10**9): "picture size",
}


@pytest.mark.parametrize("text", CORRUPT, ids=list(CORRUPT.values()))
def test_corrupt_scenes_are_refused_in_one_line(text, tmp_path):
    path = tmp_path / "scene.json"
    path.write_text(text)
    with pytest.raises(SceneError) as refusal:
        write_edit(path, '{"op": "light", "to": "overcast"}', tmp_path / "out")
    assert CORRUPT[text] in str(refusal.value) and "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "scene.json").write_bytes(b"\xff\xfe\x00\x9f")
    for path in (tmp_path / "scene.json", tmp_path, tmp_path / "missing.json"):
        with pytest.raises(SceneError):
            read_scene(path)


@pytest.mark.parametrize("op", ["remove the knife", '{"op": "remov"}', '{"op": "remove", "target": "knife-99"}', "NaN"])
def test_bad_edits_write_nothing(op, sample, tmp_path):
    with pytest.raises(SceneError):
        write_edit(sample / "scene.json", op, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_numbers_and_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for act in (
        lambda: write_sample(-1, tmp_path / "out"),
        lambda: write_sample(7, tmp_path / "out", size=3),
        lambda: write_sample(7, tmp_path / "file", size=32),
        lambda: write_sheet(7, 0, tmp_path / "out" / "sheet.png"),
    ):
        with pytest.raises(SceneError):
            act()
    assert names(tmp_path) == ["file"]
