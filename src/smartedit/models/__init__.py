"""What is learned: vision tower + language model, QFormer, BIM, UNet and autoencoder, at every size.

Public names are resolved on first use, so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "BIM": "bim",
    "Condition": "smartedit",
    "MLLM": "mllm",
    "ObjectHead": "object_head",
    "PatchAutoencoder": "autoencoder",
    "Projector": "mllm",
    "QFormer": "qformer",
    "SmartEdit": "smartedit",
    "Understanding": "smartedit",
    "build": "presets",
    "build_scheduler": "presets",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
