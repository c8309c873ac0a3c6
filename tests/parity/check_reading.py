"""What the language model reads and writes: ids, conversations, pictures, and the loop that collects states."""

from __future__ import annotations

import numpy as np
import torch
from check_parts import loaded_qformer
from golden import GOLDEN, Case
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM

from smartedit import images
from smartedit.conversation import edit_ids, published_template, published_tokenizer, turns
from smartedit.models.keys import language_key, lora_pairs, renamed
from smartedit.models.mllm import MLLM, Projector
from smartedit.official.merging import merged

#: LoRA of the published weights (adapter_config.json).
ALPHA, RANK = 16, 8


def tokenizer_of(case: Case):
    """The tokenizer whose model lies beside the case, or, if a folder of cases brings none, in the repository."""
    beside = case.path.parent / str(case.settings.get("model", "mock_tokenizer.model"))
    return published_tokenizer(beside if beside.exists() else GOLDEN / "mock_tokenizer.model")


def check_tokenization(case: Case) -> None:
    tokenizer = tokenizer_of(case)
    for row in case.settings["cases"]:
        ids = [tokenizer.bos_token_id] * case.settings["bos_added"] + tokenizer(row["text"], add_special_tokens=False)["input_ids"]
        assert ids == row["ids"], row["text"]
        assert tokenizer.convert_ids_to_tokens(ids) == row["pieces"]


def language_model(official: dict[str, torch.Tensor], config: dict, scale: float, head: torch.Tensor | None = None) -> LlamaForCausalLM:
    """Stock Llama with the published weights, LoRA merged in."""
    pairs = lora_pairs(official)
    factors = {name: (official[down], official[up]) for name, (down, up) in pairs.items()}
    state = {name: merged(t, *factors.get(name, (None, None)), scale) for name, t in renamed(official, language_key).items()}
    model = LlamaForCausalLM(LlamaConfig(**config))
    state |= {} if head is None else {"lm_head.weight": head}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= ({"lm_head.weight"} if head is None else set())
    return model.eval()


def check_llm_loop(case: Case) -> None:
    lora = case.settings["lora"]
    model = language_model(case.under("llm."), case.settings["llama_config"], lora["lora_alpha"] / lora["r"])
    image, prompt, forced = case["in.image_embeds"], case["in.prompt_ids"], case["in.forced_ids"]
    width = image.shape[2]
    projector = Projector(image_width=width, hidden=width)  # the golden features are projected already
    torch.nn.init.eye_(projector.linear.weight)
    torch.nn.init.zeros_(projector.linear.bias)
    first = case.settings["special_ids"]["img_0"]
    mllm = MLLM(None, projector, model, first).eval()
    assert int(prompt.eq(first).nonzero()[0]) == case.settings["placeholder_index"]
    case.assert_close(mllm.splice(prompt[None], image).embeds, "mid.inputs_embeds_step0")
    reply = forced[: case.settings["forced_prefix_len"]]
    ids, mask = mllm.with_edit_tokens(prompt[None], None, [reply])
    assert torch.equal(ids[0, len(prompt) + len(reply) :], forced[len(reply) : len(reply) + 32])
    output = mllm(ids, image, mask)
    start = case["mid.last_hidden_state_step0"].shape[1]
    case.assert_close(output.states[:, :start], "mid.last_hidden_state_step0")
    steps = case["mid.all_step_states"].shape[1]
    case.assert_close(output.states[:, start - 1 : start - 1 + steps], "mid.all_step_states")
    states, present = output.edit_states()
    assert present.all()
    case.assert_close(states, "mid.collected_states")
    qformer = loaded_qformer(case.under("qformer."), case["sd_query_tokens"], case.settings["qformer_config"])
    case.assert_close(qformer(states), "out.qformer_output")
    case.assert_close(qformer(output.states, output.edit_mask), "out.qformer_output")


def check_dataset(case: Case) -> None:
    tokenizer = tokenizer_of(case)
    template = published_template(case.settings["human_template"], case.settings["gpt_template"])
    first = edit_ids(tokenizer)[0]
    edit = turns(tokenizer, [(case.settings["instruction"], template.answer)], picture=True, edit=True, template=template)
    said = [turn["value"] for turn in case.settings["llava_conversations"]]
    said[0] = "\n" + said[0].replace("<image>", "").strip()  # the picture goes to the front of its turn
    pairs = list(zip(said[::2], said[1::2], strict=True))
    for name, (ids, labels) in (("edit", edit), ("llava", turns(tokenizer, pairs, picture=True, template=template))):
        width = len(case[f"{name}.input_ids"])
        padded = [row[:width] + [fill] * (width - len(row)) for row, fill in ((ids, 0), (labels, -100))]
        assert case[f"{name}.input_ids"].tolist() == padded[0]
        assert case[f"{name}.generated_caption_targets"].tolist() == padded[1]
        assert case[f"{name}.input_attention_mask"].tolist() == [i < len(ids) for i in range(width)]
        assert case[f"{name}.generated_caption_encoder_attention_mask"].tolist() == [i >= first for i in padded[0]]
        assert bool(case[f"{name}.is_editing_task"]) == (name == "edit")
    _check_pictures(case)


def _check_pictures(case: Case) -> None:
    """Squashed, as published: what the vision tower sees, and source and target."""
    source, target = (
        images.fit(Image.fromarray(case[f"image.{name}_uint8"].numpy()), case[f"edit.{other}.shape"][1].item(), "squash")
        for name, other in (("original", "original_img_for_vae"), ("target", "edited_img"))
    )
    actual = {
        "original_img": images.view(source.square, case["edit.original_img.shape"][1].item()),
        "original_img_for_vae": images.to_array(source.working),
        "edited_img": images.to_array(target.working),
    }
    for name, values in actual.items():
        assert list(values.shape) == case[f"edit.{name}.shape"].tolist()
        np.testing.assert_allclose(values.mean(), case[f"edit.{name}.mean"].item(), atol=1e-5)
        step = values.shape[1] // case[f"edit.{name}.sub8"].shape[1]
        np.testing.assert_allclose(values[:, ::step, ::step], case[f"edit.{name}.sub8"].numpy(), atol=1e-5)
