"""Writing a part as sharded safetensors, one shard in memory at a time, the way diffusers and transformers read it back."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers.models.modeling_utils import ModelMixin
from safetensors.torch import save_file
from torch import Tensor, nn

from smartedit.official.parts import Part

#: Largest file that is written, in bytes.
SHARD = 10**9


def write_part(part: Part, folder: Path, dtype: torch.dtype, shard: int = SHARD) -> None:
    """Configuration and weights of a part into its own folder."""
    folder.mkdir(parents=True)
    theirs = isinstance(part.module, ModelMixin)
    stem = "diffusion_pytorch_model" if theirs else "model"
    shards = _split({name: bytes_of(part, name, dtype) for name in part.pieces}, shard)
    where, total = {}, 0
    for number, names in enumerate(shards, 1):
        file = f"{stem}.safetensors" if len(shards) == 1 else f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {name: _stored(part, name, dtype) for name in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(names, file)
        total += sum(t.nbytes for t in tensors.values())
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    if theirs:
        part.module.save_config(folder)
    else:
        part.module.config.dtype = dtype
        part.module.config.architectures = [type(part.module).__name__]
        part.module.config.save_pretrained(folder)


def bytes_of(part: Part, name: str, dtype: torch.dtype) -> int:
    """How much room a tensor takes when stored."""
    return part.module.state_dict()[name].numel() * _dtype(part.module, name, dtype).itemsize


def _stored(part: Part, name: str, dtype: torch.dtype) -> Tensor:
    return part.pieces[name]().to(_dtype(part.module, name, dtype)).contiguous()


def _dtype(module: nn.Module, name: str, dtype: torch.dtype) -> torch.dtype:
    kept = getattr(module, "_keep_in_fp32_modules", None) or ()
    return torch.float32 if set(name.split(".")) & set(kept) else dtype


def _split(sizes: dict[str, int], most: int) -> list[list[str]]:
    """Names in order, cut into shards of at most `most` bytes each (a larger tensor is a shard of its own)."""
    shards: list[list[str]] = [[]]
    room = most
    for name, size in sizes.items():
        if size > room and shards[-1]:
            shards.append([])
            room = most
        shards[-1].append(name)
        room -= size
    return shards
