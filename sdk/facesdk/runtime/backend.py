"""Which stock TFLite runtime is installed: LiteRT or tflite-runtime."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass
from typing import Any

from facesdk.errors import RuntimeUnavailableError, one_line

ENVIRONMENT = "FACESDK_RUNTIME"
_MODULES = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
_DISTRIBUTIONS = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}


@dataclass(frozen=True, slots=True)
class Backend:
    """An installed runtime.

    Attributes:
        name: ``"litert"`` or ``"tflite-runtime"``.
        version: Version of the installed distribution; "unknown" without its metadata.
        interpreter: Its ``interpreter`` module, with ``Interpreter`` and ``load_delegate``.
    """

    name: str
    version: str
    interpreter: Any


def load_backend() -> Backend:
    """Import the runtime to use: LiteRT if installed, else tflite-runtime.

    One that the program has imported goes first: two runtimes do not share a process well. The
    environment variable ``FACESDK_RUNTIME`` (``litert`` or ``tflite-runtime``) forces one.

    Raises:
        RuntimeUnavailableError: None is installed, or not the forced one, or the name is unknown.
    """
    forced = os.environ.get(ENVIRONMENT)
    if forced and forced not in _MODULES:
        raise RuntimeUnavailableError(
            f"{ENVIRONMENT} must be one of {', '.join(_MODULES)}, but got {forced!r}"
        )
    reasons = []
    for name in (forced,) if forced else sorted(_MODULES, key=_not_imported):
        try:
            module = importlib.import_module(f"{_MODULES[name]}.interpreter")
        except ImportError as error:
            reasons.append(f"{name}: {one_line(error)}")
            continue
        return Backend(name, _version(_DISTRIBUTIONS[name]), module)
    raise RuntimeUnavailableError(
        f"no TFLite runtime can be imported: {_remedy()} ({'; '.join(reasons)})"
    )


def _remedy() -> str:
    """LiteRT has no wheel for 32-bit ARM; tflite-runtime's last one there is for Python 3.11."""
    if platform.machine() not in ("armv7l", "armv8l"):
        return "run `pip install ai-edge-litert`"
    if sys.version_info >= (3, 12):
        return "32-bit ARM has one for Python up to 3.11 only: use that, or a 64-bit system"
    return "run `pip install tflite-runtime 'numpy<2'`"


def _not_imported(name: str) -> bool:
    return f"{_MODULES[name]}.interpreter" not in sys.modules


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
