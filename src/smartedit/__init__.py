"""SmartEdit: edit a picture by an instruction that needs understanding.

    from smartedit import SmartEditPipeline
    pipe = SmartEditPipeline.from_pretrained("tiny")
    result = pipe("remove the object that tells the time", image=picture)

Names are resolved on first use, so that importing the package (and `smartedit --help`) never loads torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "SmartEditPipeline": "smartedit.pipeline",
    "SmartEditOutput": "smartedit.pipeline",
    "BasePipeline": "smartedit.baseline",
    "SmartEditError": "smartedit.errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'smartedit' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
