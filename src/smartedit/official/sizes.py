"""Sizes read off tensors: the shapes of a checkpoint say which arguments our parts are built with.

What shapes cannot tell (how many heads share a width) is as published: heads of 64 in the QFormer and of 128 in the
language model, 8 in BIM and UNet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Shapes = Mapping[str, tuple[int, ...]]

QFORMER_HEAD, LANGUAGE_HEAD, BIM_HEADS = 64, 128, 8


def qformer_table(shapes: Shapes) -> dict[str, int]:
    """Arguments of `QFormer` for a state of these shapes, under our names."""
    hidden = shapes["norm.weight"][0]
    crossing = sorted({int(i) for i in _numbers(shapes, r"blocks\.(\d+)\.cross_attention\.key\.weight")})
    layers = _count(shapes, r"blocks\.(\d+)\.")
    return {
        "hidden": hidden,
        "heads": max(1, hidden // QFORMER_HEAD),
        "mlp": shapes["blocks.0.mlp.0.weight"][0],
        "layers": layers,
        "cross_every": crossing[1] if len(crossing) > 1 else layers,
        "encoder_width": shapes["blocks.0.cross_attention.key.weight"][1],
        "queries": shapes["query_tokens"][1],
    }


def bim_table(shapes: Shapes) -> dict[str, int]:
    """Arguments of `BIM` for a state of these shapes, under our names."""
    return {
        "context_width": shapes["context_in.weight"][1],
        "width": shapes["context_in.weight"][0],
        "mlp": shapes["blocks.0.mlp.0.weight"][0],
        "heads": BIM_HEADS,
        "depth": _count(shapes, r"blocks\.(\d+)\."),
        "feature_channels": shapes["feature_out.weight"][0],
    }


def language_table(shapes: Shapes, head: int = LANGUAGE_HEAD) -> dict[str, int]:
    """Arguments of `LlamaConfig` for a state of these shapes, under our names; `head` is the width of one head."""
    vocabulary, hidden = shapes["model.embed_tokens.weight"]
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": _count(shapes, r"model\.layers\.(\d+)\."),
        "num_attention_heads": hidden // head,
        "num_key_value_heads": shapes["model.layers.0.self_attn.k_proj.weight"][0] // head,
        "intermediate_size": shapes["model.layers.0.mlp.gate_proj.weight"][0],
    }


def unet_table(shapes: Shapes) -> dict:
    """Arguments of `UNet2DConditionModel` for a state of these shapes: as many levels, layers and channels as it has."""
    levels = range(_count(shapes, r"down_blocks\.(\d+)\."))
    crossing = [f"down_blocks.{i}.attentions.0.norm.weight" in shapes for i in levels]
    context = next(shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight"))
    return {
        "in_channels": shapes["conv_in.weight"][1],
        "out_channels": shapes["conv_out.weight"][0],
        "block_out_channels": tuple(shapes[f"down_blocks.{i}.resnets.0.conv1.weight"][0] for i in levels),
        "layers_per_block": _count(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "cross_attention_dim": context,
        "down_block_types": tuple("CrossAttnDownBlock2D" if crosses else "DownBlock2D" for crosses in crossing),
        "up_block_types": tuple("CrossAttnUpBlock2D" if crosses else "UpBlock2D" for crosses in reversed(crossing)),
    }


def _numbers(names: Iterable[str], pattern: str) -> list[str]:
    return [found[1] for name in names if (found := re.match(pattern, name))]


def _count(names: Iterable[str], pattern: str) -> int:
    return len(set(_numbers(names, pattern)))
