"""The published checkpoint's tensors by name and shape, at any size: what golden recipes and made-up checkpoints are filled from."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, inn: int) -> Shapes:
    return {f"{name}.weight": (out, inn), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def qformer_shapes(hidden: int, mlp: int, layers: int, encoder: int, every: int = 2) -> Shapes:
    """Without a prefix and without the queries."""
    found: Shapes = {"embeddings.position_ids": (1, 512), **norm("embeddings.LayerNorm", hidden)}
    for i in range(layers):
        layer = f"encoder.layer.{i}."
        sources = {"attention": hidden, "crossattention": encoder} if i % every == 0 else {"attention": hidden}
        for kind, width in sources.items():
            for part in ("query", "key", "value"):
                found |= linear(f"{layer}{kind}.self.{part}", hidden, hidden if part == "query" else width)
            found |= linear(f"{layer}{kind}.output.dense", hidden, hidden) | norm(f"{layer}{kind}.output.LayerNorm", hidden)
        found |= linear(f"{layer}intermediate_query.dense", mlp, hidden) | linear(f"{layer}output_query.dense", hidden, mlp)
        found |= norm(f"{layer}output_query.LayerNorm", hidden)
    return found


def transformer_shapes(width: int, mlp: int, depth: int = 2) -> Shapes:
    """BIM's two-way transformer, without its prefix."""

    def attention(name: str, inner: int) -> Shapes:
        ins = {k: v for part in ("q", "k", "v") for k, v in linear(f"{name}.{part}_proj", inner, width).items()}
        return ins | linear(f"{name}.out_proj", width, inner)

    found: Shapes = {}
    for i in range(depth):
        layer = f"layers.{i}."
        found |= attention(f"{layer}self_attn", width)
        found |= attention(f"{layer}cross_attn_token_to_image", width // 2)
        found |= attention(f"{layer}cross_attn_image_to_token", width // 2)
        found |= linear(f"{layer}mlp.lin1", mlp, width) | linear(f"{layer}mlp.lin2", width, mlp)
        for number in range(1, 5):
            found |= norm(f"{layer}norm{number}", width)
    return found | attention("final_attn_token_to_image", width // 2) | norm("norm_final_attn", width)


def bim_shapes(context: int, width: int, mlp: int, channels: int, depth: int = 2) -> Shapes:
    """All 89 tensors at published depth."""
    transformer = {f"modulate_transformer.{name}": shape for name, shape in transformer_shapes(width, mlp, depth).items()}
    return {
        **linear("modulate_head", width, context),
        **transformer,
        "pe_layer.positional_encoding_gaussian_matrix": (2, width // 2),
        "dimension_reduction_head_zeroconv.weight": (channels, width, 1, 1),
        "dimension_reduction_head_zeroconv.bias": (channels,),
        **linear("dimension_reduction_head_qformer_out", context, width),
    }


def language_shapes(vocabulary: int, hidden: int, layers: int, mlp: int, head: int, rank: int = 8, lora: bool = True) -> Shapes:
    """The LLM's file, behind its prefix."""
    root = "model.base_model.model."
    found: Shapes = {f"{root}embed_tokens.weight": (vocabulary, hidden), f"{root}norm.weight": (hidden,)}
    for i in range(layers):
        layer = f"{root}layers.{i}."
        found |= {f"{layer}self_attn.{part}_proj.weight": (hidden, hidden) for part in "qkvo"}
        if lora:
            found |= {f"{layer}self_attn.{part}_proj.lora_A.default.weight": (rank, hidden) for part in "qv"}
            found |= {f"{layer}self_attn.{part}_proj.lora_B.default.weight": (hidden, rank) for part in "qv"}
        found[f"{layer}self_attn.rotary_emb.inv_freq"] = (head // 2,)
        found |= {f"{layer}mlp.{part}_proj.weight": (mlp, hidden) for part in ("gate", "up")}
        found[f"{layer}mlp.down_proj.weight"] = (hidden, mlp)
        found |= {f"{layer}{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
    return found
