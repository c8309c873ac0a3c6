"""What people really give the converter: each named in one line, exit code 2, nothing written, nothing run."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import made_checkpoint as made
import pytest
import torch
from safetensors.torch import load_file, save_file

from smartedit import cli
from smartedit.official import convert as converting
from smartedit.official.convert import Sources, convert

QFORMER = "embeddings_qformer/checkpoint-15000_embeddings_qformer.safetensors"


@pytest.fixture
def checkpoint(published, tmp_path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(published, tmp_path / "published")


@pytest.fixture
def refused(others, tmp_path, capsys):
    """A function that runs the command on a folder and gives the one line it answers with."""

    def run(folder: Path, *options: str) -> str:
        out = tmp_path / "model"
        given = options or ("--clip", str(others.clip), "--base", str(others.base))
        before = sorted(tmp_path.rglob("*"))
        code = cli.main(["convert", str(folder), *given, "--out", str(out)])
        said = capsys.readouterr().err.strip()
        assert code == 2 and "\n" not in said and said.startswith("smartedit: "), said
        assert not out.exists() and sorted(tmp_path.rglob("*")) == before, "something was written"
        return said

    return run


def respoiled(path: Path, change) -> None:
    """Write a safetensors file again with its tensors changed."""
    state = dict(load_file(path))
    change(state)
    save_file({name: t.contiguous() for name, t in state.items()}, path)


def test_an_empty_folder_and_none_at_all(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no published SmartEdit" in refused(tmp_path / "empty")
    assert "there is no folder" in refused(tmp_path / "nowhere")


def test_the_folder_above(refused, checkpoint):
    assert f"did you mean {checkpoint}" in refused(checkpoint.parent)


@pytest.mark.parametrize("name", ["LLM-15000", "embeddings_qformer", "modulate-15000", "unet-15000"])
def test_one_file_missing(refused, checkpoint, name):
    shutil.rmtree(checkpoint / name)
    assert f"lacks {name}/" in refused(checkpoint)


def test_everything_that_others_supply_is_named_at_once(refused, checkpoint):
    (checkpoint / "tokenizer.model").unlink()
    said = refused(checkpoint, "--dtype", "bf16")
    assert "--clip" in said and "--base" in said and "tokenizer.model" in said


def test_a_truncated_file(refused, checkpoint):
    path = checkpoint / "unet-15000" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "adapter_model.safetensors is truncated or damaged" in refused(checkpoint)


@pytest.mark.parametrize(("start", "what"), [
    (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"), (b"<!DOCTYPE html>", "web page"), (b"", "empty"),
])  # fmt: skip
def test_what_incomplete_downloads_leave(refused, checkpoint, start, what):
    (checkpoint / QFORMER).write_bytes(start)
    assert what in refused(checkpoint)


def test_the_language_model_of_another_size(refused, checkpoint):
    state = made.published_state(hidden=96)
    save_file({k: t.contiguous() for k, t in state["LLM-15000/adapter_model"].items()}, checkpoint / "LLM-15000" / "adapter_model.safetensors")
    said = refused(checkpoint)
    assert "is of the 96 wide model" in said and "of the 64 wide one" in said


def test_the_stage_1_file(refused, checkpoint):
    def to_stage_1(state):
        for name in list(state):
            tensor = state.pop(name)
            if name.startswith("sd_"):
                state[name.removeprefix("sd_")] = tensor

    respoiled(checkpoint / QFORMER, to_stage_1)
    assert "stage-1 file" in refused(checkpoint)


def test_files_that_were_mixed_up(refused, checkpoint):
    first, second = (checkpoint / name / "adapter_model.safetensors" for name in ("modulate-15000", "unet-15000"))
    first.rename(first.with_name("x"))
    second.rename(first)
    first.with_name("x").rename(second)
    assert "holds the UNet's tensors, not the BIM's" in refused(checkpoint)


def test_an_adapter_alone(refused, checkpoint):
    respoiled(checkpoint / "LLM-15000" / "adapter_model.safetensors",
              lambda state: [state.pop(name) for name in list(state) if "embed_tokens" in name])  # fmt: skip
    assert "adapter alone" in refused(checkpoint)


@pytest.mark.parametrize(("place", "name", "title"), [
    ("modulate-15000/adapter_model.safetensors", "modulate_transformer.norm_final_attn.bias", "BIM"),
    (QFORMER, "sd_qformer.encoder.layer.1.output_query.dense.bias", "QFormer"),
    (QFORMER, "lm_head.weight", ""),
    ("LLM-15000/adapter_model.safetensors", "model.base_model.model.layers.1.mlp.down_proj.weight", "language model"),
])  # fmt: skip
def test_a_missing_tensor(refused, checkpoint, place, name, title):
    respoiled(checkpoint / place, lambda state: state.pop(name))
    said = refused(checkpoint)
    assert "lacks" in said and title in said and str(checkpoint / place) in said


def test_a_tensor_of_another_shape(refused, checkpoint):
    respoiled(checkpoint / "modulate-15000/adapter_model.safetensors", lambda state: state.update({"modulate_head.bias": torch.zeros(3)}))
    assert "is of another size" in refused(checkpoint)


def test_another_tokenizer_and_a_bad_adapter_config(refused, checkpoint, others):
    (checkpoint / "adapter_config.json").write_text("{}")
    assert "adapter_config.json is not an adapter's configuration" in refused(checkpoint)


def test_the_place_is_taken(published, others, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("precious")
    with pytest.raises(converting.ModelError, match="exists already"):
        convert(Sources(published, None, others.clip, others.base), tmp_path / "taken")
    assert (tmp_path / "taken" / "mine.txt").read_text() == "precious"


def test_no_room_on_the_disk_before_and_during(refused, checkpoint, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(converting.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    assert "no room for the converted model" in refused(checkpoint)
    monkeypatch.undo()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(converting, "write_part", full)
    assert "no room for the converted model" in refused(checkpoint)


class Grenade:
    """Unpickling this runs code."""

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)

    def __init__(self, mark: Path) -> None:
        self.mark = mark


def test_pickles_that_are_bad(refused, checkpoint, tmp_path):
    """Code in a pickle does not run; nor do half a file and a table of other things pass."""
    mark, path = tmp_path / "exploded", checkpoint / "modulate-15000" / "adapter_model.bin"
    path.with_suffix(".safetensors").unlink()
    torch.save({"modulate_head.weight": torch.zeros(3), "x": Grenade(mark)}, path)
    assert "holds more than tensors" in refused(checkpoint) and not mark.exists()
    torch.save(made.published_state()["modulate-15000/adapter_model"], path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "adapter_model.bin is truncated or damaged" in refused(checkpoint)
    torch.save({"modulate_head.weight": "words"}, path)
    assert "not a flat table of tensors" in refused(checkpoint)


def test_the_process_that_unpickles_can_do_no_harm(tmp_path):
    """Even code that did run there could not write, connect or start a program."""
    import subprocess
    import sys

    from smartedit.official import thaw

    code = f"""
import importlib.util, os, socket, subprocess, sys
spec = importlib.util.spec_from_file_location("thaw", {thaw.__file__!r})
thaw = importlib.util.module_from_spec(spec)
spec.loader.exec_module(thaw)
thaw.cut_off(); thaw.limit(0); sys.addaudithook(thaw.forbid)
attempts = (lambda: open({str(tmp_path / "written")!r}, "w"), lambda: os.system("true"), lambda: subprocess.Popen(["true"]),
            lambda: socket.socket().connect(("127.0.0.1", 1)), lambda: os.remove({str(tmp_path)!r}))
stopped = 0
for attempt in attempts:
    try:
        attempt()
    except PermissionError as error:
        stopped += "not allowed here" in str(error)
print(stopped, len(attempts))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["5", "5"] and not (tmp_path / "written").exists()


def test_shards_that_an_index_names(others, tmp_path, refused, checkpoint):
    clip = shutil.copytree(others.clip, tmp_path / "clip")
    (clip / "model.safetensors.index.json").write_text('{"weight_map": {"x": "model-00002-of-00002.safetensors"}}')
    assert "lacks model-00002-of-00002.safetensors" in refused(checkpoint, "--clip", str(clip), "--base", str(others.base))
