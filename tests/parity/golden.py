"""Reading the golden cases: tensors, settings, tolerance, and weights that are made again from a seed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Case:
    """One golden case; `case["in.sample"]` is a tensor, `compared` the names that a check has compared so far."""

    path: Path
    settings: dict
    tensors: dict[str, Tensor]
    compared: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors behind a prefix, without it."""
        return {name[len(prefix) :]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    def weights(self, prefix: str = "state.") -> dict[str, Tensor]:
        """The case's weights under their published names, stored or, checked by their probes, made again from the seed."""
        if "keys_shapes" not in self.settings:
            return self.under(prefix)
        state = recipe_weights(self.settings["keys_shapes"], self.settings["seed"])
        for name, probe in self.under("probe.").items():
            assert torch.equal(state[name].flatten()[: len(probe)], probe), f"the recipe gives another {name}"
        return state

    def given(self, name: str, offset: int, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
        """An input: stored, or drawn by recipe from the case's seed plus `offset`."""
        return self.tensors[name] if name in self.tensors else drawn(self.settings["seed"] + offset, shape, scale)

    def assert_close(self, actual: Tensor, name: str, **tolerance) -> None:
        """Compare with a stored tensor, within the case's tolerance unless another is given."""
        torch.testing.assert_close(actual, self[name], **(tolerance or self.settings["tolerance"]), msg=lambda m: f"{name}: {m}")
        self.compared.add(name)

    def results(self) -> set[str]:
        """Everything that the published code computed."""
        return {name for name in self.tensors if name.startswith(("mid.", "out."))}


def load(path: Path) -> Case:
    """The case of a `.json` file and the `.safetensors` beside it, if there is one."""
    stored = path.with_suffix(".safetensors")
    return Case(path, json.loads(path.read_text()), load_file(stored) if stored.exists() else {})


def drawn(seed: int, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
    """An input tensor by recipe."""
    values = np.random.RandomState(seed).standard_normal(math.prod(shape)) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def recipe_weights(shapes: dict[str, list[int]], seed: int) -> dict[str, Tensor]:
    """Weights by recipe, in the sorted order of their published names (bit-stable)."""
    source = np.random.RandomState(seed)
    kept = [name for name in sorted(shapes) if not name.endswith(("position_ids", "inv_freq"))]
    return {name: torch.from_numpy(_weight(source, name, shapes[name])) for name in kept}


def _weight(source: np.random.RandomState, name: str, shape: list[int]) -> np.ndarray:
    values = source.standard_normal(math.prod(shape)).astype(np.float32).reshape(shape)
    if len(shape) >= 2:
        return values if "gaussian_matrix" in name else values / np.float32(math.sqrt(math.prod(shape[1:])))
    return 1 + np.float32(0.1) * values if name.endswith("weight") else np.float32(0.1) * values
