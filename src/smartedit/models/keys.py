"""Names of the published checkpoint -> names of our modules; pure text, used by converter and parity tests.

Every rule takes a published name and gives ours, or None for a tensor that is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")

_QFORMER = (
    (r"^embeddings\.position_ids$", ""),  # never used: queries have no positions
    (r"^(sd_)?query_tokens$", "query_tokens"),
    (r"^embeddings\.LayerNorm", "norm"),
    (r"^encoder\.layer\.", "blocks."),
    (r"\.attention\.self\.", ".self_attention."),
    (r"\.attention\.output\.dense", ".self_attention.out"),
    (r"\.attention\.output\.LayerNorm", ".self_norm"),
    (r"\.crossattention\.self\.", ".cross_attention."),
    (r"\.crossattention\.output\.dense", ".cross_attention.out"),
    (r"\.crossattention\.output\.LayerNorm", ".cross_norm"),
    (r"\.intermediate_query\.dense", ".mlp.0"),
    (r"\.output_query\.dense", ".mlp.2"),
    (r"\.output_query\.LayerNorm", ".mlp_norm"),
)

_BIM = (
    (r"^modulate_head", "context_in"),
    (r"^modulate_transformer\.layers\.", "blocks."),
    (r"^modulate_transformer\.final_attn_token_to_image", "final_attention"),
    (r"^modulate_transformer\.norm_final_attn", "final_norm"),
    (r"^pe_layer\.positional_encoding_gaussian_matrix$", "position_matrix"),
    (r"^dimension_reduction_head_qformer_out", "context_out"),
    (r"^dimension_reduction_head_zeroconv", "feature_out"),
    (r"\.self_attn\.", ".self_attention."),
    (r"\.cross_attn_token_to_image", ".token_to_image"),
    (r"\.cross_attn_image_to_token", ".image_to_token"),
    (r"\.mlp\.lin1", ".mlp.0"),
    (r"\.mlp\.lin2", ".mlp.2"),
    (r"\.q_proj", ".query"),
    (r"\.k_proj", ".key"),
    (r"\.v_proj", ".value"),
    (r"\.out_proj", ".out"),
)

_LANGUAGE = (
    (r"\.rotary_emb\.inv_freq$", "!"),  # computed again from the configuration, in full precision
    (r"^(model\.)?base_model\.model\.(model\.)?", "model."),
    (r"^model\.lm_head\.", "lm_head."),
    (r"^model\.mm_projector\.", "!"),  # LLaVA's; the published QFormer file has the one that counts
    (r"^model\.vision_tower\.", "!"),
    (r"\.base_layer\.", "."),
    (r"\.lora_[AB]\.(default\.)?", ".lora!"),
)

_VAE = (
    (r"\.query\.", ".to_q."),
    (r"\.key\.", ".to_k."),
    (r"\.value\.", ".to_v."),
    (r"\.proj_attn\.", ".to_out.0."),
)


def language_key(official: str) -> str | None:
    """Our name of a tensor of the language model: stock Llama's, whether PEFT wrapped it or not. None for LoRA's own."""
    ours = _rewrite(official, _LANGUAGE)
    return None if "!" in ours else ours


def lora_pairs(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Our name of every weight that LoRA adapts -> the published names of its factors A (r, in) and B (out, r)."""
    downs = [name for name in names if ".lora_A." in name]
    return {
        language_key(re.sub(r"\.lora_A\.(default\.)?", ".", name)): (name, name.replace(".lora_A.", ".lora_B."))
        for name in downs
    }


def projector_key(official: str) -> str | None:
    """Our name of a tensor of the projector, in SmartEdit's file or in LLaVA's."""
    found = re.fullmatch(r"(?:model\.)?mm_projector\.(weight|bias)", official)
    return f"linear.{found[1]}" if found else None


def unet_key(official: str) -> str | None:
    """Our name, the stock one, of a tensor of the UNet."""
    return official.removeprefix("unet.")


def clip_key(official: str) -> str | None:
    """Our name of a tensor of one CLIP tower, of a whole CLIP or of the tower alone."""
    ours = re.sub(r"^(vision|text)_model\.", "", official)
    return None if ours.endswith("position_ids") else ours


def vae_key(official: str) -> str | None:
    """Our name, the stock one, of a tensor of the autoencoder; older files call its attention's projections otherwise."""
    return _rewrite(official, _VAE)


def qformer_key(official: str) -> str | None:
    """Our name of a published QFormer tensor (with or without the `sd_qformer.` prefix); None if it is not needed."""
    return _rewrite(re.sub(r"^(sd_)?qformer\.", "", official), _QFORMER)


def bim_key(official: str) -> str | None:
    """Our name of a published BIM tensor."""
    return _rewrite(official, _BIM)


def renamed(state: Mapping[str, Value], rule: Callable[[str], str | None]) -> dict[str, Value]:
    """The state under our names, without the tensors that `rule` drops."""
    return {name: value for official, value in state.items() if (name := rule(official))}


def _rewrite(name: str, rules: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name or None
