"""Metrics that need a downloaded network: LPIPS, CLIP score, CLIP-I, DINO. One that cannot be had is a named hole, never a zero.

A network is asked for as `lpips` (SqueezeNet as published), `lpips-alex`, `lpips-vgg`, `clip` (ViT-L/14 as published) or
`dino` (ViT-S/16); `clip=FOLDER` and `dino=FOLDER` take other weights of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image

from smartedit.bench.cases import Case
from smartedit.bench.preservation import Prepared
from smartedit.errors import SmartEditError
from smartedit.images import first_line

#: Where the weights are taken from.
WEIGHTS = {"clip": "openai/clip-vit-large-patch14", "dino": "facebook/dino-vits16"}
LPIPS = {"lpips": "squeeze", "lpips-alex": "alex", "lpips-vgg": "vgg"}
NAMES = (*LPIPS, *WEIGHTS)

#: DINO's pictures: side before and after the crop, and the usual ImageNet normalisation.
_DINO_SIZES, _MEAN, _STD = (256, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Hole(SmartEditError):
    """A network that cannot be had here; says why and what to do."""


def check(names: Sequence[str]) -> None:
    """Raise SmartEditError unless each is a network's name, with a folder or without."""
    for name in names:
        if name.partition("=")[0] not in NAMES:
            raise SmartEditError(f"no network {name!r}; there are {', '.join(NAMES)}")


@cache
def similar_parts(net: str) -> Callable[[Prepared], float]:
    """LPIPS of the two pictures of a protocol, lower is better; `net` is squeeze, alex or vgg. Raises Hole."""
    import torch

    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        metric = LearnedPerceptualImagePatchSimilarity(net_type=net).eval()
    except Exception as error:  # the backbone is torchvision's, whose import and download fail in many ways
        raise Hole(f"LPIPS needs torchvision and its {net} weights ({first_line(error)}); run: pip install torchvision") from error

    def lpips(prepared: Prepared) -> float:
        pair = (torch.from_numpy(values * 2 - 1).permute(2, 0, 1)[None] for values in (prepared.result, prepared.source))
        with torch.no_grad():
            return float(metric(*pair))

    return lpips


@cache
def clip(weights: str) -> tuple[Callable[[Image.Image, str], float], Callable[[Image.Image, Image.Image], float]]:
    """(CLIP score of picture and words: 100 x cosine, at least 0; CLIP-I of two pictures: cosine). Raises Hole."""
    try:
        from torchmetrics.multimodal.clip_score import CLIPScore

        metric = CLIPScore(model_name_or_path=weights)
    except Exception as error:
        raise Hole(_not_loaded("clip", weights, error)) from error

    def score(one: Image.Image, other: Image.Image | str) -> float:
        return float(metric(_bytes(one), other if isinstance(other, str) else _bytes(other)))

    return score, lambda one, other: score(one, other) / 100


@cache
def dino(weights: str) -> Callable[[Image.Image, Image.Image], float]:
    """Cosine of the class tokens of two pictures, shorter side 256, middle 224 px. Raises Hole."""
    import torch

    try:
        from transformers import AutoModel

        model = AutoModel.from_pretrained(weights).eval()
    except Exception as error:
        raise Hole(_not_loaded("dino", weights, error)) from error

    def cosine(one: Image.Image, other: Image.Image) -> float:
        with torch.no_grad():
            tokens = model(torch.stack([_dino_view(one), _dino_view(other)])).last_hidden_state[:, 0]
        return float(torch.nn.functional.cosine_similarity(tokens[:1], tokens[1:]))

    return cosine


def of_protocol(names: Sequence[str], case: Case, prepared: Prepared) -> dict[str, float | str]:
    """What the networks asked for say about one protocol's view: `lpips...` and `clip_score`; a str is a hole's reason."""
    found = {}
    for name in names:
        kind, weights = _split(name)
        if kind in LPIPS:
            found[kind] = _value(similar_parts, LPIPS[kind], lambda lpips: lpips(prepared))
        elif kind == "clip" and case.clip_words and prepared.crop:
            seen = prepared.square.crop(prepared.crop)
            found["clip_score"] = _value(clip, weights, lambda pair, seen=seen: pair[0](seen, case.clip_words))
    return found


def of_truth(names: Sequence[str], result: Image.Image, truth: Image.Image) -> dict[str, float | str]:
    """`clip_i` and `dino` of a result against a right answer, where asked for; a str is a hole's reason."""
    found = {}
    for kind, weights in map(_split, names):
        if kind == "clip":
            found["clip_i"] = _value(clip, weights, lambda pair: pair[1](result, truth))
        elif kind == "dino":
            found["dino"] = _value(dino, weights, lambda cosine: cosine(result, truth))
    return found


@cache
def _opened(open: Callable, weights: str) -> object:
    """The network, or the Hole in its place: what cannot be had is tried once only."""
    try:
        return open(weights)
    except Hole as hole:
        return hole


def _value(open: Callable, weights: str, use: Callable) -> float | str:
    network = _opened(open, weights)
    return str(network) if isinstance(network, Hole) else use(network)


def _split(name: str) -> tuple[str, str]:
    kind, _, folder = name.partition("=")
    return kind, folder or WEIGHTS.get(kind, "")


def _not_loaded(kind: str, weights: str, error: Exception) -> str:
    return f"{weights} cannot be loaded ({first_line(error)}); download it once where there is a network, or give {kind}=FOLDER"


def _bytes(picture: Image.Image):
    import torch

    return torch.from_numpy(np.asarray(picture.convert("RGB")).copy()).permute(2, 0, 1)


def _dino_view(picture: Image.Image):
    import torch

    whole, side = _DINO_SIZES
    scale = whole / min(picture.size)
    scaled = picture.convert("RGB").resize([max(whole, round(length * scale)) for length in picture.size], Image.Resampling.BICUBIC)
    left, top = ((length - side) // 2 for length in scaled.size)
    values = np.asarray(scaled.crop((left, top, left + side, top + side)), np.float32) / 255
    return torch.from_numpy(((values - _MEAN) / _STD).astype(np.float32)).permute(2, 0, 1)
