"""From published tensors to our parts: for each, an empty module of the right sizes and where every tensor of it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModel

from smartedit.errors import ModelError
from smartedit.models import keys
from smartedit.models.presets import get_preset, make
from smartedit.official import sizes
from smartedit.official.merging import merged
from smartedit.official.reading import Weights

#: Tokens that SmartEdit adds to Llama's.
ADDED = 35


@dataclass
class Part:
    """One part of our pipeline: `module` has its sizes but no memory, `pieces` makes each of its tensors when asked."""

    module: nn.Module
    pieces: dict[str, Callable[[], Tensor]]
    title: str
    source: str


def language_part(weights: Weights, extra: Weights, llava: Weights | None, scale: float, positions: dict[str, Any]) -> Part:
    """Llama with LoRA merged in; the text rows of both embeddings are LLaVA's where it is given (official-code.md, section 2)."""
    if "lm_head.weight" not in extra.shapes:
        raise ModelError(f"{_origin(extra)} lacks lm_head.weight; download it again")
    names = _by_ours(weights, keys.language_key) | {"lm_head.weight": "lm_head.weight"}
    shapes = {ours: {**extra.shapes, **weights.shapes}[name] for ours, name in names.items()}
    if "model.embed_tokens.weight" not in shapes:
        raise ModelError(f"{_origin(weights)} lacks embed_tokens.weight; it is an adapter alone, download the whole file")
    frequencies = next((shape for name, shape in weights.shapes.items() if name.endswith("inv_freq")), (sizes.LANGUAGE_HEAD // 2,))
    table = {**get_preset("7b").tables["language_model"], **positions, **sizes.language_table(shapes, 2 * frequencies[0])}
    pairs = keys.lora_pairs(weights.shapes)
    pieces = {ours: _adapted(weights, name, pairs.get(ours), scale) for ours, name in names.items()}
    for ours, source in (("model.embed_tokens.weight", weights), ("lm_head.weight", extra)):
        pieces[ours] = _rows(source, names[ours], llava, ours)
    return _checked(_empty(lambda: make("language_model", table)), pieces, shapes, "language model", _origin(weights))


def qformer_part(weights: Weights, null_context: Tensor) -> Part:
    """QFormer with its queries, and the context of the empty instruction, which the published code makes anew each time."""
    names = _by_ours(weights, keys.qformer_key, lambda name: "qformer." in name or "query_tokens" in name)
    shapes = {ours: weights.shapes[name] for ours, name in names.items()} | {"null_context": tuple(null_context.shape)}
    pieces = {ours: _plain(weights, name) for ours, name in names.items()} | {"null_context": lambda: null_context}
    module = _empty(lambda: make("qformer", sizes.qformer_table(shapes)))
    return _checked(module, pieces, shapes, "QFormer", _origin(weights))


def projector_part(weights: Weights, select_layer: int) -> Part:
    """The Linear from patch features to the language model."""
    names = _by_ours(weights, keys.projector_key)
    shapes = {ours: weights.shapes[name] for ours, name in names.items()}
    hidden, width = shapes.get("linear.weight", (0, 0))
    module = _empty(lambda: make("projector", {"image_width": width, "hidden": hidden, "select_layer": select_layer}))
    return _checked(module, {ours: _plain(weights, name) for ours, name in names.items()}, shapes, "projector", _origin(weights))


def bim_part(weights: Weights) -> Part:
    """BIM, its random position matrix included."""
    names = _by_ours(weights, keys.bim_key)
    shapes = {ours: weights.shapes[name] for ours, name in names.items()}
    module = _empty(lambda: make("bim", sizes.bim_table(shapes)))
    return _checked(module, {ours: _plain(weights, name) for ours, name in names.items()}, shapes, "BIM", _origin(weights))


def unet_part(weights: Weights, base: Path | None) -> Part:
    """The UNet; numbers that shapes cannot tell are those of the base model, or Stable Diffusion 1.5's."""
    names = _by_ours(weights, keys.unet_key)
    shapes = {ours: weights.shapes[name] for ours, name in names.items()}
    known = configuration(base / "unet") if base and (base / "unet" / "config.json").is_file() else {}
    table = {**get_preset("7b").tables["unet"], **{k: v for k, v in known.items() if k[0] != "_"}, **sizes.unet_table(shapes)}
    module = _empty(lambda: UNet2DConditionModel.from_config(table))
    return _checked(module, {ours: _plain(weights, name) for ours, name in names.items()}, shapes, "UNet", _origin(weights))


def vae_part(weights: Weights, folder: Path) -> Part:
    """The base model's autoencoder, as it is."""
    return _stock(lambda: AutoencoderKL.from_config(configuration(folder)), weights, keys.vae_key, "autoencoder")


def vision_part(weights: Weights, folder: Path) -> Part:
    """CLIP's vision tower, out of a whole CLIP or alone."""
    table = configuration(folder)
    config = CLIPVisionConfig(**table.get("vision_config", table))
    return _stock(lambda: CLIPVisionModel(config), weights, keys.clip_key, "vision tower", lambda name: not _of_text(name))


@torch.no_grad()
def null_context(weights: Weights, folder: Path) -> Tensor:
    """CLIP's text states (1, n, width) of the empty text: begin, then end up to the last place."""
    table = configuration(folder)
    config = CLIPTextConfig(**table.get("text_config", table))
    part = _stock(lambda: CLIPTextModel(config), weights, keys.clip_key, "text encoder", _of_text_or_alone(weights))
    encoder = part.module.to_empty(device="cpu").float().eval()
    encoder.load_state_dict({name: piece().float() for name, piece in part.pieces.items()}, strict=False)
    for name, buffer in CLIPTextModel(config).named_buffers():  # what is counted, not learned, has no file
        encoder.get_buffer(name).copy_(buffer)
    begin, end = config.vocab_size - 2, config.vocab_size - 1  # by the vocabulary: older configurations name other ids
    ids = torch.full((1, config.max_position_embeddings), end)
    ids[0, 0] = begin
    return encoder(input_ids=ids).last_hidden_state


def configuration(folder: Path) -> dict[str, Any]:
    """The config.json of a part's folder; ModelError if it is missing or not one."""
    try:
        table = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        assert isinstance(table, dict)
    except (OSError, ValueError, AssertionError) as error:
        raise ModelError(f"{folder / 'config.json'} is missing or cannot be read; download it") from error
    return table


def _of_text(name: str) -> bool:
    return name.startswith(("text_model.", "text_projection", "visual_projection", "logit_scale"))


def _of_text_or_alone(weights: Weights) -> Callable[[str], bool]:
    whole = any(name.startswith("vision_model.") for name in weights.shapes)
    return (lambda name: name.startswith("text_model.")) if whole else (lambda _: True)


def _by_ours(weights: Weights, rule: Callable[[str], str | None], keep: Callable[[str], bool] = lambda _: True) -> dict[str, str]:
    return {ours: name for name in weights.shapes if keep(name) and (ours := rule(name))}


def _stock(
    maker: Callable[[], nn.Module], weights: Weights, rule: Callable[[str], str | None], title: str, keep: Callable[[str], bool] = lambda _: True
) -> Part:
    """A part of a stock library. Its names may carry a prefix or not, whatever its version; projections may be 1x1 convolutions."""
    module = _empty(maker)
    wanted = {rule(name): name for name in module.state_dict()}
    names = {wanted.get(ours, ours): name for ours, name in _by_ours(weights, rule, keep).items()}
    wished = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    pieces = {ours: _shaped(weights, name, wished.get(ours)) for ours, name in names.items()}
    shapes = {ours: _squeezed(weights.shapes[name], wished.get(ours)) for ours, name in names.items()}
    return _checked(module, pieces, shapes, title, _origin(weights))


def _empty(maker: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return maker()


def _plain(weights: Weights, name: str) -> Callable[[], Tensor]:
    return lambda: weights.get(name)


def _shaped(weights: Weights, name: str, shape: tuple[int, ...] | None) -> Callable[[], Tensor]:
    return lambda: weights.get(name).reshape(_squeezed(weights.shapes[name], shape))


def _squeezed(shape: tuple[int, ...], wished: tuple[int, ...] | None) -> tuple[int, ...]:
    return wished if wished and shape == (*wished, 1, 1) else shape


def _adapted(weights: Weights, name: str, factors: tuple[str, str] | None, scale: float) -> Callable[[], Tensor]:
    if factors is None:
        return _plain(weights, name)
    return lambda: merged(weights.get(name), *map(weights.get, factors), scale)


def _rows(weights: Weights, name: str, llava: Weights | None, ours: str) -> Callable[[], Tensor]:
    """The rows of an embedding: text from LLaVA if it is given, the added tokens always from SmartEdit."""
    if llava is None:
        return _plain(weights, name)
    theirs = next((name for name in llava.shapes if keys.language_key(name) == ours), None)
    count, width = weights.shapes[name]
    if theirs is None or llava.shapes[theirs][0] < count - ADDED or llava.shapes[theirs][1] != width:
        found = llava.shapes.get(theirs)
        raise ModelError(f"LLaVA's {ours} is {found}, {count - ADDED} rows of {width} are needed; give LLaVA v1.1 of the same size")
    return lambda: torch.cat([llava.get(theirs)[: count - ADDED].float(), weights.get(name)[count - ADDED :].float()])


def _origin(weights: Weights) -> str:
    return ", ".join(sorted({str(path) for path in weights.home.values()}))


def _checked(module: nn.Module, pieces: dict, shapes: dict, title: str, source: str) -> Part:
    """The part, after comparing names and shapes with the module's; ModelError says what is amiss."""
    wanted = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    missing, spare = sorted(set(wanted) - set(pieces)), sorted(set(pieces) - set(wanted))
    if missing:
        raise ModelError(f"{source} lacks {len(missing)} tensors of the {title}, such as {missing[0]}; download it again")
    if spare:
        raise ModelError(f"{source} holds {len(spare)} tensors that the {title} has no place for, such as {spare[0]}; download it again")
    for name, shape in wanted.items():
        if tuple(shapes[name]) != shape:
            raise ModelError(f"{source} is of another size: {name} of the {title} is {tuple(shapes[name])}, not {shape}")
    return Part(module, pieces, title, source)
