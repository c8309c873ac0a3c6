"""What a machine has and a model needs; half precision that computes in full; rehearsals; the doctor."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from smartedit import cli, machine
from smartedit.errors import MissingExtra, ModelError, SmartEditError
from smartedit.machine import PRECISIONS, Room, counts, quantised_language_model, rooms, settle, weight_bytes
from smartedit.models.wide import compute_wide
from smartedit.rehearsal import fill_randomly


def test_the_arithmetic_of_the_published_sizes():
    counted = counts("7b")
    assert sum(a + b for a, b in counted.values()) == pytest.approx(8.08e9, rel=0.02)
    assert weight_bytes(counted, "fp32") == 2 * weight_bytes(counted, "bf16")
    assert weight_bytes(counted, "4bit") < weight_bytes(counted, "8bit") < weight_bytes(counted, "bf16")
    shrunk = counted["language_model"][0]
    assert shrunk == 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)


def test_memory_is_found():
    places = rooms()
    assert places[-1].device == "cpu" and 0 < places[-1].free <= places[-1].total


def test_half_precision_computes_in_full():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(8 * 36, 5), nn.LayerNorm(5)).bfloat16()
    x = torch.randn(2, 3, 8, 8)
    expected = copy.deepcopy(net).float()(x.bfloat16().float())
    found = compute_wide(net)(x.bfloat16().float())
    assert found.dtype == torch.float32 and all(p.dtype == torch.bfloat16 for p in net.parameters())
    torch.testing.assert_close(found, expected)
    table = nn.Embedding(5, 4).bfloat16()
    assert compute_wide(table)(torch.tensor([1])).dtype == torch.float32


def test_a_device_that_is_not_there(pipe):
    with pytest.raises(SmartEditError, match="no device cuda:9; this machine has"):
        settle(pipe, "cuda:9")
    assert settle(pipe, "cpu") is pipe


def test_a_missing_quantiser_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'smartedit\[quant\]'"):
        quantised_language_model(tmp_path, 4, torch.bfloat16)
    with pytest.raises(ModelError, match="8 or 4 bits, not in 3"):
        quantised_language_model(tmp_path, 3, torch.bfloat16)


def test_random_parts_hold_memory_in_their_precision():
    from accelerate import init_empty_weights

    with init_empty_weights():
        part = nn.Sequential(nn.Linear(300, 7000), nn.LayerNorm(7000))
    fill_randomly(part, torch.bfloat16)
    assert all(p.dtype == torch.bfloat16 and p.device.type == "cpu" for p in part.parameters())
    assert 0.01 < part[0].weight.float().std() < 0.03 and torch.equal(part[1].weight, torch.ones(7000).bfloat16())


def test_a_rehearsal_of_tiny(capsys):
    assert cli.main(["edit", "--dry-run", "--model", "tiny", "--steps", "1", "--device", "cpu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["seconds"]) == set(report["peaks"]) == {"build", "encode", "understand", "condition", "denoise", "decode"}
    assert report["precision"] == "fp32" and report["weights"] < max(report["peaks"].values())


def test_a_rehearsal_that_cannot_be(capsys, monkeypatch):
    monkeypatch.setattr("smartedit.rehearsal.rooms", lambda: [Room("memory", "cpu", 4 * 10**9, 3 * 10**9)])
    assert cli.main(["edit", "--dry-run", "--model", "7b"]) == 2
    assert "7b in bf16 takes" in capsys.readouterr().err
    assert cli.main(["edit", "--dry-run", "--model", "70b"]) == 2
    assert "no size called '70b'" in capsys.readouterr().err
    assert cli.main(["edit"]) == 2
    assert "give a picture and an instruction" in capsys.readouterr().err


def test_the_doctor_says_what_fits(capsys, monkeypatch):
    places = [Room("a card", "cuda:0", 24 * 10**9, 23 * 10**9), Room("memory", "cpu", 8 * 10**9, 6 * 10**9)]
    monkeypatch.setattr("smartedit.doctor.rooms", lambda: places)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    lines = {tuple(line.split()[:2]): line for line in said.splitlines() if line.split()[0] in ("tiny", "7b", "13b")}
    assert len(lines) == 3 * len(PRECISIONS)
    assert "fits (a card)" in lines["7b", "bf16"] and "does not fit" in lines["13b", "bf16"] and "does not fit" in lines["7b", "fp32"]
    assert said.splitlines()[-1].startswith("advice: 13b runs here in 8bit")
    page = (Path(__file__).parents[1] / "docs" / "published-weights.md").read_text(encoding="utf-8")
    for preset in ("tiny", "7b", "13b"):
        row = next(line for line in page.splitlines() if line.startswith(f"| {preset} |"))
        needed = [lines[preset, precision].split("= ")[1].split(" GB")[0].strip() for precision in PRECISIONS]
        assert [f"{number} GB" for number in needed] == [cell.strip() for cell in row.split("|")[2:-1]]


def test_the_doctor_checks_a_model(capsys, weights_folder, tmp_path):
    folder = shutil.copytree(weights_folder / "tiny", tmp_path / "tiny")
    assert cli.main(["doctor", "--model", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "qformer: " in said and "files have the bytes they were written with" in said
    (folder / "checksums.json").unlink()
    shutil.copy(folder / "bim" / "diffusion_pytorch_model.safetensors", folder / "projector" / "diffusion_pytorch_model.safetensors")
    assert cli.main(["doctor", "--model", str(folder)]) == 2
    assert "projector lacks the tensor rows" in capsys.readouterr().err
    assert machine.free_disk(tmp_path / "not" / "there") > 0
