"""What the commands `smartedit world sample`, `edit` and `sheet` write.

Everything is made in a temporary folder first and then moved, so that nothing half-written stays behind.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from smartedit.errors import SceneError
from smartedit.world.checks import check_scene
from smartedit.world.describe import describe
from smartedit.world.edit_json import edit_from_json
from smartedit.world.edits import Paint, changed_region
from smartedit.world.pairs import make_pairs, painted
from smartedit.world.render import Rendered, mirror_masks, object_masks, render
from smartedit.world.sampling import sample_scene
from smartedit.world.scene import Scene
from smartedit.world.sheet import contact_sheet
from smartedit.world.splits import SEEDS, split_of_seed

#: Picture sizes in pixels that the commands accept.
SIZES = (16, 2048)

_MASK_NAME = re.compile(r"[a-z ]+-\d+(-mirror)?\.png")


def write_sample(seed: int, out: str | Path, size: int = 256) -> Path:
    """Write `picture.png`, `scene.json` and `masks/ID.png` (`masks/ID-mirror.png` for mirror images) of a seed's scene.

    Masks are 0 / 255. Returns the folder. Raises SceneError for a bad seed or size, or an unwritable folder.
    """
    _check_size(size)
    scene = sample_scene(seed)
    rendered = render(scene, size)
    files = {"picture.png": rendered.picture, "scene.json": describe(scene, rendered)}
    files |= {f"masks/{id}.png": mask for id, mask in object_masks(scene, rendered).items()}
    if scene.mirror is not None:
        files |= {f"masks/{id}-mirror.png": mask for id, mask in mirror_masks(scene, rendered).items()}
    return _write_all(files, Path(out))


def write_edit(scene_json: str | Path, op_json: str, out: str | Path) -> Path:
    """Carry out an edit, given as JSON text, on the scene of a `scene.json`; the picture has the size noted there.

    Writes `picture.png` (the exact truth), `changed.png` (0 / 255) and the new `scene.json`; returns the folder.
    Raises SceneError for files or words that make no sense, or an unwritable folder.
    """
    scene, size = read_scene(scene_json)
    try:
        edit = edit_from_json(json.loads(op_json))
    except ValueError as error:
        example = '{"op": "remove", "target": "knife-1"}'
        raise SceneError(f"the edit is not JSON ({error}); write it like {example}") from error
    changed = edit.apply(scene)
    before = render(scene, size)
    after = render(changed, size)
    if isinstance(edit, Paint):
        after = Rendered(painted(scene, before, edit), before.ids)
    region = changed_region(before.picture, after.picture)
    files = {"picture.png": after.picture, "changed.png": region, "scene.json": describe(changed, after)}
    return _write_all(files, Path(out))


def read_scene(path: str | Path) -> tuple[Scene, int]:
    """The scene and picture size in a `scene.json`; SceneError in one line when the file is not one."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SceneError(f"cannot read {path}: {error.strerror}; write one with: smartedit world sample") from error
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{path} is not JSON; write one with: smartedit world sample") from error
    if not isinstance(data, dict):
        raise SceneError(f"{path} is not a scene; write one with: smartedit world sample")
    size = data.get("picture_size", 256)
    _check_size(size)
    return check_scene(Scene.from_json(data)), size


def write_sheet(seed: int, rows: int, out: str | Path, size: int = 256) -> Path:
    """Write a contact sheet with `rows` rows of before / instruction / after, from the scenes from `seed` on."""
    _check_size(size)
    if not 1 <= rows <= 100:
        raise SceneError(f"cannot draw {rows} rows; give a number from 1 to 100")
    sample_scene(seed)  # refuses a bad seed in words
    split = split_of_seed(seed)
    found: list[tuple] = []
    index = seed - SEEDS[split].start
    while len(found) < rows:
        found += [(pair.before, pair.instruction, pair.after) for pair in make_pairs(split, index, size)]
        index += 1
    out = Path(out)
    return _write_all({out.name: contact_sheet(found[:rows], size)}, out.parent) / out.name


def _check_size(size: object) -> None:
    if not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise SceneError(f"the picture size {size!r} does not fit; give a number from {SIZES[0]} to {SIZES[1]}")


def _write_all(files: dict, out: Path) -> Path:
    """Write pictures (arrays, bool masks, PIL images) and JSON (dicts) into a folder, all or nothing."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-") as folder:
            for name, content in files.items():
                (Path(folder) / name).parent.mkdir(exist_ok=True)
                _write(content, Path(folder) / name)
            if any(name.startswith("masks/") for name in files):
                _clear_masks(out / "masks")
            for name in files:
                os.replace(Path(folder) / name, out / name)
    except OSError as error:
        raise SceneError(f"cannot write to {out}: {error.strerror}; choose another folder") from error
    return out


def _write(content, path: Path) -> None:
    if isinstance(content, dict):
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return
    if isinstance(content, np.ndarray):
        content = Image.fromarray(content.astype(np.uint8) * 255 if content.dtype == bool else content)
    content.save(path, "PNG")


def _clear_masks(folder: Path) -> None:
    """Remove the masks of an earlier scene, and nothing else."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if _MASK_NAME.fullmatch(path.name):
            path.unlink()
