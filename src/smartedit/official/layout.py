"""Where the published checkpoint keeps what, and whether its files are what their names say.

    LLM-15000/adapter_model.bin        the language model with LoRA beside it
    embeddings_qformer/checkpoint-15000_embeddings_qformer.bin
                                       QFormer, its queries, the projector, the output embedding
    modulate-15000/adapter_model.bin   BIM
    unet-15000/adapter_model.bin       the UNet

Any step number will do, any of the endings that `reading` knows, one file or several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smartedit.errors import ModelError
from smartedit.official.reading import Thawer, Weights, weight_files

#: Scale of LoRA's update where no adapter_config.json says otherwise (alpha 16, r 8).
PUBLISHED_SCALE = 2.0


@dataclass(frozen=True)
class Kind:
    """One of the four files: its folder, what it is called in messages, and names that only it holds."""

    folder: str
    title: str
    sign: str


KINDS = {
    "language": Kind(r"LLM-(\d+)", "language model", r"layers\.\d+\.self_attn\.q_proj"),
    "qformer": Kind(r"embeddings_qformer()", "QFormer", r"sd_qformer\.|sd_query_tokens"),
    "bim": Kind(r"modulate-(\d+)", "BIM", r"modulate_head\.|modulate_transformer\."),
    "unet": Kind(r"unet-(\d+)", "UNet", r"(unet\.)?down_blocks\."),
}

_STAGE_1 = r"query_tokens$|qformer\."


def find(published: Path) -> dict[str, list[Path]]:
    """The weight files of every kind. ModelError names what is missing, all of it at once."""
    if not published.is_dir():
        wanted = "LLM-15000, embeddings_qformer, modulate-15000 and unet-15000"
        raise ModelError(f"there is no folder {published}; give the folder that holds {wanted}")
    files = {name: _files(published, kind.folder) for name, kind in KINDS.items()}
    missing = [name for name, found in files.items() if not found]
    if len(missing) == len(KINDS):
        inside = [path.name for path in published.iterdir() if path.is_dir() and any(_files(path, kind.folder) for kind in KINDS.values())]
        ask = f"did you mean {published / inside[0]}?" if inside else "download the published SmartEdit-7B or SmartEdit-13B into it"
        raise ModelError(f"{published} holds no published SmartEdit; {ask}")
    if missing:
        names = ", ".join(_expected(name) for name in missing)
        raise ModelError(f"{published} lacks {names}; download what is missing")
    return files


def read(published: Path, thawer: Thawer) -> dict[str, Weights]:
    """The tensors of all four kinds; ModelError for files that were mixed up."""
    found = {}
    for name, files in find(published).items():
        found[name] = Weights(thawer)
        for path in files:
            found[name].add(path)
        _check_kind(name, found[name], files[0])
    return found


def lora_scale(published: Path) -> float:
    """alpha / r of adapter_config.json, wherever it lies; what was published without it."""
    places = [published, *(path for path in published.iterdir() if re.fullmatch(KINDS["language"].folder, path.name))]
    for path in (place / "adapter_config.json" for place in places):
        if path.is_file():
            try:
                table = json.loads(path.read_text(encoding="utf-8"))
                return table["lora_alpha"] / table["r"]
            except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
                raise ModelError(f"{path} is not an adapter's configuration; remove it or download it again") from error
    return PUBLISHED_SCALE


def check_same_size(widths: Mapping[Path, int]) -> None:
    """The language model's width as every file knows it; ModelError if they are of models of different sizes."""
    (first, width), *others = widths.items()
    for path, other in others:
        if other != width:
            raise ModelError(f"{first} is of the {size_name(width)} model and {path} of the {size_name(other)} one; take all files from one")


def size_name(width: int) -> str:
    """7B, 13B, or the width itself."""
    return {4096: "7B", 5120: "13B"}.get(width, f"{width} wide")


def _files(published: Path, pattern: str) -> list[Path]:
    """Weight files of the folder that matches, of the latest step if there are several."""
    folders = [(int(found[1] or 0), path) for path in published.iterdir() if (found := re.fullmatch(pattern, path.name)) and path.is_dir()]
    filled = [(step, _latest(files)) for step, path in folders if (files := weight_files(path))]
    return max(filled, default=(0, []))[1]


def _latest(files: list[Path]) -> list[Path]:
    """Of several `checkpoint-STEP_...` files that of the last step; other files all belong together."""
    steps = {int(found[1]): path for path in files if (found := re.match(r"checkpoint-(\d+)_", path.name))}
    return [steps[max(steps)]] if len(steps) == len(files) else files


def _expected(name: str) -> str:
    return {
        "language": "LLM-15000/adapter_model.bin",
        "qformer": "embeddings_qformer/checkpoint-15000_embeddings_qformer.bin",
        "bim": "modulate-15000/adapter_model.bin",
        "unet": "unet-15000/adapter_model.bin",
    }[name]


def _check_kind(name: str, weights: Weights, path: Path) -> None:
    def holds(sign: str) -> bool:
        return any(re.match(sign, tensor) or re.search(rf"\.(?:{sign})", tensor) for tensor in weights.shapes)

    if holds(KINDS[name].sign):
        return
    if name == "qformer" and holds(_STAGE_1):
        raise ModelError(f"{path} is the stage-1 file (query_tokens, qformer.*); take the one of the last stage, with sd_qformer.*")
    others = [kind.title for other, kind in KINDS.items() if other != name and holds(kind.sign)]
    what = f"the {others[0]}'s tensors" if others else "other tensors"
    raise ModelError(f"{path} holds {what}, not the {KINDS[name].title}'s; the files were mixed up, download it again")
