"""Face detection, alignment and verification with 1-bit networks on small devices.

>>> from facesdk import FaceEngine
>>> engine = FaceEngine.load()
>>> engine.verify("a.jpg", "b.jpg").same
True
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesdk.engine import FaceEngine
    from facesdk.errors import FaceSDKError
    from facesdk.models.contract import Contract
    from facesdk.results import Detections, Embedding, Face, Match, Timings, Verification
    from facesdk.runtime.operator_library import load_ops

__all__ = [
    "Contract",
    "Detections",
    "Embedding",
    "Face",
    "FaceEngine",
    "FaceSDKError",
    "Match",
    "Timings",
    "Verification",
    "__version__",
    "load_ops",
]

_HOMES = {
    "Contract": "models.contract",
    "FaceEngine": "engine",
    "FaceSDKError": "errors",
    "load_ops": "runtime.operator_library",
}

try:
    __version__ = version("facesdk")
except PackageNotFoundError:
    __version__ = "0+uninstalled"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'facesdk' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facesdk.{_HOMES.get(name, 'results')}"), name)
