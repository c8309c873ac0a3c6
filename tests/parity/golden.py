"""Reading the golden cases: tensors, settings, tolerance, and weights that are made again from a seed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Case:
    """One golden case; `case["in.sample"]` is a tensor."""

    settings: dict
    tensors: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors behind a prefix, without it."""
        return {name[len(prefix) :]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    def assert_close(self, actual: Tensor, name: str) -> None:
        torch.testing.assert_close(actual, self[name], **self.settings["tolerance"])


def load(name: str) -> Case:
    return Case(json.loads((GOLDEN / f"{name}.json").read_text()), load_file(GOLDEN / f"{name}.safetensors"))


def drawn(seed: int, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
    """An input tensor by recipe."""
    values = np.random.RandomState(seed).standard_normal(math.prod(shape)) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def recipe_weights(shapes: dict[str, list[int]], seed: int) -> dict[str, Tensor]:
    """Weights by recipe, in the sorted order of their official names (golden README: bit-stable)."""
    source = np.random.RandomState(seed)
    kept = [name for name in sorted(shapes) if not name.endswith("position_ids")]
    return {name: torch.from_numpy(_weight(source, name, shapes[name])) for name in kept}


def _weight(source: np.random.RandomState, name: str, shape: list[int]) -> np.ndarray:
    values = source.standard_normal(math.prod(shape)).astype(np.float32).reshape(shape)
    if len(shape) >= 2:
        return values if "gaussian_matrix" in name else values / np.float32(math.sqrt(math.prod(shape[1:])))
    return 1 + np.float32(0.1) * values if name.endswith("weight") else np.float32(0.1) * values
