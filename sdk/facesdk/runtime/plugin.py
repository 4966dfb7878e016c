"""Finding the operator library and loading it into a runtime as an external delegate."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import facesdk
from facesdk.errors import OperatorLibraryError
from facesdk.runtime.backend import Backend

ENVIRONMENT = "FACESDK_OPS_LIBRARY"
OPERATORS = ("LceBMaxPool2d", "LceBconv2d", "LceDequantize", "LceQuantize")
"""The custom operators the library implements."""


@dataclass(frozen=True, slots=True)
class OperatorLibrary:
    """What the operator library says about itself.

    Attributes:
        path: The shared library.
        version: Its version.
        isa: The kernel path it chose for this CPU, or that ``FACESDK_OPS_ISA`` forces.
        available: Every kernel path this CPU can run, best last.
    """

    path: Path
    version: str
    isa: str
    available: tuple[str, ...]


def library_path() -> Path:
    """The shared library: ``FACESDK_OPS_LIBRARY`` if set, else the one in the package.

    Raises:
        OperatorLibraryError: There is none.
    """
    forced = os.environ.get(ENVIRONMENT)
    if forced:
        if not Path(forced).is_file():
            raise OperatorLibraryError(f"{ENVIRONMENT} names {forced}, which is not a file")
        return Path(forced).absolute()
    for folder in facesdk.__path__:
        candidate = Path(folder) / "_native" / "libfacesdk_ops.so"
        if candidate.is_file():
            return candidate
    raise OperatorLibraryError(
        "the operator library libfacesdk_ops.so is not installed: install a facesdk wheel for this "
        "platform, or `pip install .` in a checkout with a C compiler"
    )


def describe_library() -> OperatorLibrary:
    """Load the library and ask for its version and kernel paths.

    Raises:
        OperatorLibraryError: It is missing, does not load, or a forced path is not available.
    """
    path = library_path()
    library = _open(path)
    chosen = library.facesdk_ops_isa()
    if chosen is None:
        forced = os.environ.get("FACESDK_OPS_ISA")
        raise OperatorLibraryError(
            f"FACESDK_OPS_ISA={forced} is not a kernel path of this CPU; "
            f"available: {', '.join(_available(library))}"
        )
    return OperatorLibrary(
        path, library.facesdk_ops_version().decode(), chosen.decode(), _available(library)
    )


def load_operators(backend: Backend) -> Any:
    """A delegate object of the runtime, to be given to its ``Interpreter``.

    Raises:
        OperatorLibraryError: The library is missing or refused to load; the message says why.
    """
    path = describe_library().path
    try:
        return backend.interpreter.load_delegate(str(path))
    except (ValueError, OSError) as error:
        raise OperatorLibraryError(
            f"{backend.name} {backend.version} could not load {path}: "
            f"{' '.join(str(error).split())}"
        ) from None


@cache
def _open(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
        library.facesdk_ops_version.restype = ctypes.c_char_p
        library.facesdk_ops_isa.restype = ctypes.c_char_p
        library.facesdk_ops_isa_count.restype = ctypes.c_size_t
        library.facesdk_ops_isa_name.restype = ctypes.c_char_p
        library.facesdk_ops_isa_name.argtypes = [ctypes.c_size_t]
        library.facesdk_ops_isa_supported.restype = ctypes.c_int
        library.facesdk_ops_isa_supported.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError) as error:
        raise OperatorLibraryError(f"{path} is not the facesdk operator library: {error}") from None
    return library


def _available(library: ctypes.CDLL) -> tuple[str, ...]:
    return tuple(
        library.facesdk_ops_isa_name(number).decode()
        for number in range(library.facesdk_ops_isa_count())
        if library.facesdk_ops_isa_supported(number)
    )
