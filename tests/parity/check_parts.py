"""QFormer, BIM and UNet, each alone."""

from __future__ import annotations

import re

import torch
from diffusers import UNet2DConditionModel
from golden import Case

from smartedit.models.bim import BIM, CONTEXT_FACTOR
from smartedit.models.keys import bim_key, qformer_key, renamed, unet_key
from smartedit.models.qformer import QFormer
from smartedit.models.unet import denoise, with_feature
from smartedit.official.sizes import bim_table, qformer_table


def loaded_qformer(state: dict, queries: torch.Tensor, config: dict) -> QFormer:
    """Our QFormer with published weights; what shapes cannot tell comes from the case's configuration."""
    ours = renamed({**state, "sd_query_tokens": queries}, qformer_key)
    table = qformer_table({name: tuple(t.shape) for name, t in ours.items()})
    model = QFormer(**{**table, "heads": config.get("num_attention_heads", table["heads"])})
    assert model.config.cross_every == config.get("cross_attention_freq", model.config.cross_every)
    missing, unexpected = model.load_state_dict(ours, strict=False)
    assert missing == ["null_context"] and not unexpected
    return model.eval()


def check_qformer(case: Case) -> None:
    state = case.weights()
    width = state["embeddings.LayerNorm.weight"].shape[0]
    encoder = state["encoder.layer.0.crossattention.self.key.weight"].shape[1]
    outputs = [case[name] for name in case.results() if name.endswith("last_hidden_state")]
    batch, queries = outputs[0].shape[:2]
    model = loaded_qformer(state, case.given("in.query_tokens", 1, (1, queries, width), 0.5), case.settings.get("config", {}))
    mask = case.tensors.get("in.encoder_attention_mask")
    length = mask.shape[1] if mask is not None else 32
    states = case.given("in.encoder_hidden_states", 2, (batch, length, encoder))
    context, hidden = model(states, return_hidden=True)
    actual = {"out.embeddings": hidden[0], "out.no_mask.last_hidden_state": context}
    actual |= {f"out.no_mask.hidden_states.{i}": state for i, state in enumerate(hidden)}
    if mask is not None:
        actual["out.masked.last_hidden_state"] = model(states, mask)
    for name in case.results():
        case.assert_close(actual[name][: len(case[name])], name)


def check_bim(case: Case) -> None:
    ours = renamed(case.weights(), bim_key)
    table = bim_table({name: tuple(t.shape) for name, t in ours.items()})
    config = case.settings.get("config", {})
    model = BIM(**{**table, "heads": config.get("num_heads", table["heads"])}).eval()
    model.load_state_dict(ours)
    residual = case["out.text_residual"]
    batch, side = len(residual), config.get("grid", 16)
    image = case.given("in.clip_image_feature", 1, (batch, side * side, model.config.width))
    context = case.given("in.query_output", 2, tuple(residual.shape))
    if "out.tokens" in case.tensors:
        _check_streams(case, model, context, image, side)
    for name in case.results() - case.compared:
        if name in ("out.text_residual", "out.prompt_embeds"):
            informed, _ = model(context, image, (side, side))
            case.assert_close(informed if name == "out.prompt_embeds" else (informed - context) / CONTEXT_FACTOR, name)
        else:
            h, w = (re.search(r"_(\d+)(?:x(\d+))?$", name)).groups()
            _, feature = model(context, image, (int(h), int(w or h)))
            case.assert_close(feature[:, :: feature.shape[1] // case[name].shape[1]], name)


def _check_streams(case: Case, model: BIM, context: torch.Tensor, image: torch.Tensor, side: int) -> None:
    """Position codes and both streams, block by block."""
    for name in (name for name in case.results() if "position_encoding" in name or ".pe_" in name):
        rows, columns = case[name].shape[-2:]
        case.assert_close(model.position_code(rows, columns).T.unflatten(1, (rows, columns)), name)
    code, position = model.context_in(context), model.position_code(side, side)
    case.assert_close(code, "out.point_embedding")
    tokens, seen = code, image
    for i, block in enumerate(model.blocks):
        tokens, seen = block(tokens, seen, code, position)
        case.assert_close(tokens, f"out.block{i}.queries")
        case.assert_close(seen, f"out.block{i}.keys")
    tokens, seen = model.interact(code, image, position)
    case.assert_close(tokens, "out.tokens")
    case.assert_close(seen, "out.keys")


def check_unet(case: Case) -> None:
    model = UNet2DConditionModel(**case.settings["config"]).eval()
    model.load_state_dict(renamed(case.under("state."), unet_key))
    sample, context, feature = case["in.sample"], case["in.encoder_hidden_states"], case["in.image_residual"]
    case.assert_close(model.conv_in(sample), "out.conv_in")
    with with_feature(model, feature):
        case.assert_close(model.conv_in(sample), "out.after_add")
    for name in case.results() - case.compared:
        t = float(re.search(r"_t([\d.]+)$", name)[1])
        added = torch.zeros_like(feature) if "zero_residual" in name else feature
        case.assert_close(denoise(model, sample, t, context, added), name)
        if "zero_residual" in name:
            case.assert_close(denoise(model, sample, t, context), name)
