"""A published checkpoint, made up at small sizes, becomes a pipeline folder that loads, computes the same and edits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import made_checkpoint as made
import pytest
import torch
from made_pictures import noise_picture
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from smartedit import bundles, checksums
from smartedit.official import layout
from smartedit.official.convert import Sources, convert
from smartedit.official.reading import Thawer, weights_in
from smartedit.pipeline import SmartEditPipeline


@pytest.fixture(scope="module")
def loaded(converted):
    pipe = SmartEditPipeline.from_pretrained(converted[0])
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_it_loads_and_edits_pictures_of_any_shape(loaded):
    for size in ((96, 64), (64, 150)):
        result = loaded("remove the red cup", noise_picture(*size), num_inference_steps=2, picture_size=64, seed=1)
        assert result.images[0].size == size and "create the image you requested" in result.reply[0].lower()
    assert loaded.config.fit == "shorter" and loaded.config.num_inference_steps == 100 and not loaded.config.only_rendered


def test_lora_is_merged_in_full_precision(loaded):
    state = made.published_state()["LLM-15000/adapter_model"]
    layer = "model.base_model.model.layers.1.self_attn.q_proj"
    update = state[f"{layer}.lora_B.default.weight"] @ state[f"{layer}.lora_A.default.weight"]
    weights = loaded.language_model.state_dict()
    torch.testing.assert_close(weights["model.layers.1.self_attn.q_proj.weight"], state[f"{layer}.weight"] + 2 * update)
    assert torch.equal(weights["model.layers.1.self_attn.k_proj.weight"], state[layer.replace("q_proj", "k_proj") + ".weight"])
    assert loaded.language_model.config.num_attention_heads == made.HIDDEN // made.HEAD


def test_every_part_holds_the_published_numbers(loaded, others):
    state = {name: t for tensors in made.published_state().values() for name, t in tensors.items()}
    assert torch.equal(loaded.bim.position_matrix, state["pe_layer.positional_encoding_gaussian_matrix"])
    assert torch.equal(loaded.unet.conv_in.weight, state["unet.conv_in.weight"])
    assert torch.equal(loaded.projector.linear.bias, state["mm_projector.bias"])
    assert torch.equal(loaded.qformer.query_tokens, state["sd_query_tokens"])
    assert torch.equal(loaded.language_model.lm_head.weight, state["lm_head.weight"])
    encoder = CLIPTextModel.from_pretrained(others.base / "text_encoder").eval()
    with torch.no_grad():
        empty = encoder(input_ids=torch.tensor([[58] + [59] * (made.QUERIES - 1)])).last_hidden_state
    torch.testing.assert_close(loaded.qformer.null_context, empty)


def test_what_was_said(converted):
    said = converted[1]
    assert "LLM-15000" in said and "substituted  the text rows" in said and "--llava" in said
    assert "merged  LoRA into 4 weights of the language model, scale 2" in said


def test_pickles_llava_and_bf16(others, tmp_path, loaded):
    """The other kind of file, text rows from LLaVA's shards, LoRA's scale from its file, half precision but for the position matrix."""
    folder = made.write_published(tmp_path / "pickled", made.published_state(), pickled=True)
    (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 8, "r": 8}))
    said: list[str] = []
    out = convert(Sources(folder, others.llava, others.clip, others.base), tmp_path / "out", say=said.append, shard=100_000)
    assert "scale 1," in "\n".join(said) and "from LLaVA" in "\n".join(said)
    pipe = SmartEditPipeline.from_pretrained(out)
    assert pipe.language_model.dtype == torch.bfloat16 and pipe.bim.position_matrix.dtype == torch.float32
    rows = torch.load(others.llava / "pytorch_model-00001-of-00002.bin")["model.embed_tokens.weight"].bfloat16()
    table = pipe.language_model.model.embed_tokens.weight
    text = made.VOCABULARY - 35
    assert torch.equal(table[:text], rows[:text])
    own = made.published_state()["LLM-15000/adapter_model"]["model.base_model.model.embed_tokens.weight"].bfloat16()
    assert torch.equal(table[text:], own[text:])
    assert len(list((out / "language_model").glob("*.safetensors"))) > 1
    pipe.set_progress_bar_config(disable=True)
    assert pipe("remove the cup", noise_picture(64, 64), num_inference_steps=1, picture_size=64, seed=0).images[0].size == (64, 64)


def test_the_same_numbers_from_either_kind_of_file(tmp_path):
    state = made.published_state()["modulate-15000/adapter_model"]
    for kind, save in (("safe", lambda p: save_file(state, p / "m.safetensors")), ("pickled", lambda p: torch.save(state, p / "m.bin")),
                       ("old", lambda p: torch.save(state, p / "m.bin", _use_new_zipfile_serialization=False))):  # fmt: skip
        (tmp_path / kind).mkdir()
        save(tmp_path / kind)
    thawer = Thawer(10**7)
    try:
        for kind in ("safe", "pickled", "old"):
            weights = weights_in(tmp_path / kind, thawer)
            assert all(torch.equal(weights.get(name), tensor) for name, tensor in state.items())
    finally:
        thawer.close()


def test_the_latest_step_is_taken(published, tmp_path):
    (tmp_path / "LLM-5000").mkdir()
    for folder in published.iterdir():
        (tmp_path / folder.name).symlink_to(folder)
    for name in ("LLM-5000/adapter_model.bin",):
        (tmp_path / name).write_bytes(b"old")
    assert layout.find(tmp_path)["language"][0].parent.name == "LLM-15000"


def test_checksums_name_what_is_damaged(converted, tmp_path):
    import shutil

    folder = shutil.copytree(converted[0], tmp_path / "copy")
    assert checksums.verify(folder) > 5
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(bundles.ModelError, match=r"diffusion_pytorch_model\.safetensors is damaged"):
        SmartEditPipeline.from_pretrained(folder)
    path.unlink()
    with pytest.raises(bundles.ModelError, match=r"lacks unet.diffusion_pytorch_model\.safetensors"):
        SmartEditPipeline.from_pretrained(folder)


def test_memory_stays_near_the_largest_file(tmp_path):
    """Peak of converter and reader together, over what they need to start, for a file of many equal tensors."""
    size, count = 2_000_000, 16  # 128 MB in float32
    folder = tmp_path / "llava"
    folder.mkdir()
    torch.save({f"t{i}": torch.full((size,), float(i)) for i in range(count)}, folder / "big.bin")
    code = f"""
import json, resource, sys
from pathlib import Path
import torch
from smartedit.official.reading import reader, weights_in
peak = lambda who: resource.getrusage(who).ru_maxrss * 1024
folder = Path({str(folder)!r})
with reader(folder) as thawer:
    small = folder.parent / "small"
    small.mkdir()
    torch.save({{"x": torch.zeros(1)}}, small / "x.bin")
    weights_in(small, thawer).get("x")
    def both():
        status = open(f"/proc/{{thawer.process.pid}}/status").read()
        return peak(resource.RUSAGE_SELF) + int(status.split("VmHWM:")[1].split()[0]) * 1024
    before = both()
    weights = weights_in(folder, thawer)
    total = sum(float(weights.get(name)[0]) for name in weights.shapes)
    used = both() - before
print(json.dumps([total, used]))
"""
    environment = {"PYTHONPATH": str(Path(layout.__file__).parents[2]), "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    total, used = json.loads(done.stdout)
    assert total == sum(range(count))
    assert used < 1.3 * (folder / "big.bin").stat().st_size


def test_written_shards_are_complete(converted):
    names = {name for path in (converted[0] / "language_model").glob("*.safetensors") for name in load_file(path)}
    assert len(names) == made.LAYERS * 9 + 3 and not any("lora" in name or "inv_freq" in name for name in names)
