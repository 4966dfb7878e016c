"""Which stock TFLite runtime is installed: LiteRT, tflite-runtime, or that in TensorFlow."""

from __future__ import annotations

import importlib.metadata
import io
import os
import platform
import sys
import sysconfig
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cache
from typing import Any

from facesdk.dependencies import import_library
from facesdk.errors import DependencyError, RuntimeUnavailableError
from facesdk.models import registry

ENVIRONMENT = "FACESDK_RUNTIME"
_MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
_LAST = "tensorflow"
"""Taken where there is no other, whatever the program has imported: its runtime comes with all of
TensorFlow, and converters, which have that imported, check files in a runtime of devices."""

_SMALL_MODEL = "mtcnn-pnet"
_DISTRIBUTIONS = {
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
    "tensorflow": "tensorflow",
}


@dataclass(frozen=True, slots=True)
class Backend:
    """An installed runtime.

    Attributes:
        name: ``"litert"``, ``"tflite-runtime"`` or ``"tensorflow"``.
        version: Version of the installed distribution; "unknown" without its metadata.
        interpreter: Its ``interpreter`` module, with ``Interpreter`` and ``load_delegate``.
    """

    name: str
    version: str
    interpreter: Any


def load_backend() -> Backend:
    """Import the runtime to use: LiteRT if installed, else tflite-runtime, else TensorFlow's.

    Of the first two one that the program has imported goes first: two runtimes do not share a
    process well. The environment variable ``FACESDK_RUNTIME`` (``litert``, ``tflite-runtime`` or
    ``tensorflow``) forces one.

    Raises:
        RuntimeUnavailableError: None is installed, or not the forced one, or the name is unknown;
            or what is installed is broken, or made for another NumPy.
    """
    forced = os.environ.get(ENVIRONMENT)
    if forced and forced not in _MODULES:
        raise RuntimeUnavailableError(
            f"{ENVIRONMENT} must be one of {', '.join(_MODULES)}, but got {forced!r}"
        )
    broken = None
    for name in (forced,) if forced else sorted(_MODULES, key=_order):
        try:
            backend = _import(name)
        except DependencyError as error:
            broken = broken or error
            continue
        if backend is not None:
            return backend
    if broken is not None:
        asked = f" ({ENVIRONMENT} asks for {forced})" if forced else ""
        raise RuntimeUnavailableError(f"{broken}{asked}") from broken
    if forced:
        raise RuntimeUnavailableError(
            f"{ENVIRONMENT} asks for {forced}, which is not installed: unset it, or run "
            f"`pip install {_DISTRIBUTIONS[forced]}`"
        )
    raise RuntimeUnavailableError(f"no TFLite runtime is installed: {_remedy()}")


def _import(name: str) -> Backend | None:
    """A runtime; None where it is not installed.

    Raises:
        DependencyError: It is installed and broken.
    """
    try:
        interpreter = import_library(_MODULES[name])
    except DependencyError as error:
        cause = error.__cause__
        if (
            isinstance(cause, ModuleNotFoundError)
            and cause.name == _MODULES[name].partition(".")[0]
        ):
            return None
        raise
    backend = Backend(name, _version(_DISTRIBUTIONS[name]), interpreter)
    _try_arrays(backend)
    return backend


@cache
def _try_arrays(backend: Backend) -> None:
    """Raise unless a runtime works with the NumPy that is installed.

    tflite-runtime is built for NumPy 1. Beside NumPy 2, to which nothing but facesdk's own
    requirement keeps pip from going, it is imported, and fails at the first network.
    """
    import numpy as np

    if backend.name != "tflite-runtime" or np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return
    network = registry.resolve(_SMALL_MODEL).read_bytes()
    try:
        with redirect_stderr(io.StringIO()):  # NumPy adds a page of advice
            backend.interpreter.Interpreter(model_content=network)
    except SystemError:
        raise DependencyError(
            f"{backend.name} {backend.version} was built for NumPy 1 and cannot work with the "
            f"installed NumPy {np.__version__}: run `pip install 'numpy<2'`"
        ) from None


def _remedy() -> str:
    """No runtime has wheels for a Python without its global lock, nor LiteRT any for 32-bit ARM;
    tflite-runtime's last one there is for Python 3.11.
    """
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return (
            "facesdk runs on LiteRT or tflite-runtime, and "
            f"neither has a wheel for the free-threaded build of Python 3.{sys.version_info[1]}: "
            "use the ordinary one"
        )
    if platform.machine() not in ("armv7l", "armv8l"):
        return "run `pip install ai-edge-litert`"
    if sys.version_info >= (3, 12):
        return "32-bit ARM has one for Python up to 3.11 only: use that, or a 64-bit system"
    return "run `pip install tflite-runtime 'numpy<2'`"


def _order(name: str) -> tuple[bool, bool]:
    return name == _LAST, _MODULES[name] not in sys.modules


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
