"""What this machine has, what a model needs, and putting one on the other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smartedit.errors import MissingExtra, ModelError, SmartEditError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

#: Ways to hold the weights -> bytes a weight of the language model's matrices, and of everything else.
PRECISIONS = {"fp32": (4.0, 4.0), "bf16": (2.0, 2.0), "fp16": (2.0, 2.0), "8bit": (1.0, 2.0), "4bit": (0.53, 2.0)}

#: What running takes, as a multiple of the weights: activations, and the libraries themselves.
OVERHEAD = 1.15


@dataclass(frozen=True)
class Room:
    """A place for weights: the processor's memory or a GPU's, bytes in all and free now."""

    name: str
    device: str
    total: int
    free: int


def rooms() -> list[Room]:
    """Every place this machine has, GPUs first."""
    import psutil
    import torch

    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(Room(torch.cuda.get_device_name(number), f"cuda:{number}", total, free))
    memory = psutil.virtual_memory()
    return [*found, Room("memory", "cpu", memory.total, memory.available)]


def free_disk(folder: Path) -> int:
    """Bytes free where a folder is, or would be."""
    return shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free


def weight_bytes(counts: dict[str, tuple[int, int]], precision: str) -> int:
    """Bytes of parts whose weights are counted as (matrices that quantisation shrinks, the rest)."""
    shrunk, plain = PRECISIONS[precision]
    return round(sum(matrices * shrunk + rest * plain for matrices, rest in counts.values()))


def counts(preset: str) -> dict[str, tuple[int, int]]:
    """Weights of every part of a preset, counted as `weight_bytes` wants them. No memory is taken."""
    import torch

    from smartedit.models.presets import PARTS, build

    with torch.device("meta"):
        parts = build(preset, parts=set(PARTS) - {"text_encoder"})
    return {name: _counted(name, part) for name, part in parts.items()}


def _counted(name: str, part) -> tuple[int, int]:
    total = sum(t.numel() for t in part.state_dict().values())
    if name != "language_model":
        return 0, total
    matrices = sum(t.numel() for key, t in part.state_dict().items() if ".layers." in key and t.ndim == 2)
    return matrices, total - matrices


def is_short(pipe: DiffusionPipeline) -> bool:
    """Whether the processor's memory has too little left, beside the loaded pipeline, for a comfortable edit."""
    return rooms()[-1].free < (OVERHEAD - 1) * size_of(pipe)


def size_of(pipe: DiffusionPipeline) -> int:
    """Bytes of a pipeline's weights."""
    return sum(tensor.nbytes for part in _modules(pipe) for tensor in (*part.parameters(), *part.buffers()))


def _modules(pipe: DiffusionPipeline) -> list:
    return [part for part in pipe.components.values() if hasattr(part, "parameters")]


def settle(pipe: DiffusionPipeline, device: str | None = None) -> DiffusionPipeline:
    """Put a pipeline where it runs: on the device asked for, else the first GPU, else the processor.

    A GPU too small for all of it gets one part at a time (off-loading); a processor without half-precision arithmetic computes
    in float32 from half-precision weights. Raises SmartEditError for a device that is not there.
    """
    from smartedit.models.wide import compute_wide, halves_are_slow

    places = {room.device: room for room in rooms()}
    wanted = device if device not in (None, "auto", "cuda") else next(iter(places)) if device != "cuda" else "cuda:0"
    if wanted not in places:
        raise SmartEditError(f"there is no device {device}; this machine has {', '.join(places)}")
    if wanted == "cpu":
        if halves_are_slow():
            for part in _modules(pipe):
                compute_wide(part)
        return pipe
    if size_of(pipe) * OVERHEAD > places[wanted].free:
        pipe.enable_model_cpu_offload(device=wanted)
        return pipe
    return pipe.to(wanted)


def quantised_language_model(folder: Path, bits: int, dtype):
    """The language model of a pipeline folder in 8 or 4 bits (bitsandbytes), as transformers loads it.

    Raises MissingExtra without bitsandbytes, ModelError for other numbers of bits.
    """
    from importlib.util import find_spec

    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    if bits not in (8, 4):
        raise ModelError(f"the language model can be loaded in 8 or 4 bits, not in {bits}")
    if find_spec("bitsandbytes") is None:
        raise MissingExtra("bitsandbytes", "quant")
    how = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype} if bits == 4 else {"load_in_8bit": True}
    return AutoModelForCausalLM.from_pretrained(folder / "language_model", quantization_config=BitsAndBytesConfig(**how), dtype=dtype)
