"""Splice and states of the edit tokens against the published loop that feeds one token at a time."""

from __future__ import annotations

import pytest
import torch
from golden import load
from transformers import LlamaConfig, LlamaForCausalLM

from smartedit.models.keys import qformer_key, renamed
from smartedit.models.mllm import MLLM, Projector
from smartedit.models.qformer import QFormer

PREFIX = "base_model.model."


def _merged(case) -> dict[str, torch.Tensor]:
    """Stock Llama weights, LoRA added in."""
    official = {name.removeprefix(PREFIX): t for name, t in case.under("llm.").items()}
    lora = case.settings["lora"]
    state = {f"model.{name}": t for name, t in official.items() if "lora" not in name and "inv_freq" not in name}
    for name in [name for name in official if name.endswith("lora_A.default.weight")]:
        update = official[name.replace("lora_A", "lora_B")] @ official[name]
        state[f"model.{name.replace('lora_A.default.', '')}"] += update * lora["lora_alpha"] / lora["r"]
    return state


@pytest.fixture(scope="module")
def read():
    case = load("llm_loop_caseA")
    model = LlamaForCausalLM(LlamaConfig(**case.settings["llama_config"]))
    missing, unexpected = model.load_state_dict(_merged(case), strict=False)
    assert missing == ["lm_head.weight"] and not unexpected
    projector = Projector(image_width=64, hidden=64)  # the golden features are projected already
    torch.nn.init.eye_(projector.linear.weight)
    torch.nn.init.zeros_(projector.linear.bias)
    return case, MLLM(None, projector, model, case.settings["special_ids"]["img_0"]).eval()


@torch.no_grad()
def test_splice(read):
    case, mllm = read
    assert int(case["in.prompt_ids"].eq(503).nonzero()[0]) == case.settings["placeholder_index"]
    spliced = mllm.splice(case["in.prompt_ids"][None], case["in.image_embeds"])
    case.assert_close(spliced.embeds, "mid.inputs_embeds_step0")


@torch.no_grad()
def test_one_pass_collects_what_the_loop_collects(read):
    case, mllm = read
    reply = case["in.forced_ids"][: case.settings["forced_prefix_len"]]
    ids, mask = mllm.with_edit_tokens(case["in.prompt_ids"][None], None, [reply])
    assert torch.equal(ids[0, 154 + len(reply) :], case["in.forced_ids"][len(reply) : -1])
    output = mllm(ids, case["in.image_embeds"], mask)
    case.assert_close(output.states[:, :169], "mid.last_hidden_state_step0")
    states, present = output.edit_states()
    assert present.all()
    case.assert_close(states, "mid.collected_states")
    qformer = QFormer(hidden=32, heads=4, mlp=48, layers=2, encoder_width=64, queries=7).eval()
    official = {**case.under("qformer."), "sd_query_tokens": case["sd_query_tokens"]}
    qformer.load_state_dict(renamed(official, qformer_key), strict=False)
    case.assert_close(qformer(states), "out.qformer_output")
    case.assert_close(qformer(output.states, output.edit_mask), "out.qformer_output")
