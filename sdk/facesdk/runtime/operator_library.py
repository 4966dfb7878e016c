"""Finding the operator library and loading it into a runtime as an external delegate."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facesdk.errors import InputError, OperatorLibraryError
from facesdk.runtime.backend import Backend, load_backend

ENVIRONMENT = "FACESDK_OPS_LIBRARY"
FORCED_PATH = "FACESDK_OPS_ISA"
ZERO_PADDING = ("optimized", "reference")


@dataclass(frozen=True, slots=True)
class KernelPath:
    """The kernels for one instruction set.

    Attributes:
        name: For example ``"avx2"``; what ``FACESDK_OPS_ISA`` takes.
        supported: Whether this CPU can run it.
        requires: What a CPU must have, in words; empty if nothing.
    """

    name: str
    supported: bool
    requires: str


@dataclass(frozen=True, slots=True)
class OperatorLibrary:
    """What the operator library says about itself.

    Attributes:
        path: The shared library.
        version: Its version.
        isa: The kernel path it chose for this CPU, or that ``FACESDK_OPS_ISA`` forces.
        forced: Whether ``FACESDK_OPS_ISA`` forces it.
        paths: Every kernel path in it, best last.
    """

    path: Path
    version: str
    isa: str
    forced: bool
    paths: tuple[KernelPath, ...]

    @property
    def available(self) -> tuple[str, ...]:
        """Names of the kernel paths this CPU can run, best last."""
        return tuple(path.name for path in self.paths if path.supported)


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
    package = find_spec("facesdk._native")  # in another folder than this file when editable
    for folder in (package and package.submodule_search_locations) or ():
        candidate = Path(folder) / "libfacesdk_ops.so"
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
    library = open_library(path)
    paths = _paths(library)
    chosen, forced = library.facesdk_ops_isa(), os.environ.get(FORCED_PATH)
    if chosen is None:
        usable = ", ".join(kernels.name for kernels in paths if kernels.supported)
        raise OperatorLibraryError(
            f"{FORCED_PATH}={forced} is not a kernel path of this CPU; available: {usable}"
        )
    version = library.facesdk_ops_version().decode()
    return OperatorLibrary(path, version, chosen.decode(), bool(forced), paths)


def load_ops(*, zero_padding: str = "optimized") -> Any:
    """The operators as a delegate for the stock runtime in use: the one already imported, else as
    :func:`~facesdk.runtime.backend.load_backend` chooses.

    >>> Interpreter("model.tflite", experimental_delegates=[load_ops()])

    One delegate may serve several interpreters, one after the other or at the same time.

    Args:
        zero_padding: How a float output is corrected for ``pad_values=0``: ``"optimized"`` as
            LCE's optimised kernels, ``"reference"`` as its reference kernel
            (docs/use/operators.md).

    Returns:
        What the runtime's own ``load_delegate`` returns.

    Raises:
        InputError: ``zero_padding`` is neither.
        OperatorLibraryError: The library is missing or refused to load; the message says why.
        RuntimeUnavailableError: No runtime is installed.
    """
    return load_operators(load_backend(), zero_padding=zero_padding)


def load_operators(backend: Backend, *, zero_padding: str = "optimized") -> Any:
    """Like :func:`load_ops`, for the given runtime.

    Raises:
        InputError: ``zero_padding`` is neither ``"optimized"`` nor ``"reference"``.
        OperatorLibraryError: The library is missing or refused to load; the message says why.
    """
    if zero_padding not in ZERO_PADDING:
        raise InputError(
            f"zero_padding must be one of {', '.join(ZERO_PADDING)}, but got {zero_padding!r}"
        )
    path = describe_library().path
    try:
        return backend.interpreter.load_delegate(str(path), {"zero_padding": zero_padding})
    except (ValueError, OSError) as error:
        raise OperatorLibraryError(
            f"{backend.name} {backend.version} could not load {path}: "
            f"{' '.join(str(error).split())}"
        ) from None


@cache
def open_library(path: Path) -> ctypes.CDLL:
    """The library with the signatures of its functions.

    Raises:
        OperatorLibraryError: It does not load, or is not the operator library.
    """
    try:
        library = ctypes.CDLL(str(path))
        library.facesdk_ops_version.restype = ctypes.c_char_p
        library.facesdk_ops_isa.restype = ctypes.c_char_p
        library.facesdk_ops_isa_count.restype = ctypes.c_size_t
        library.facesdk_ops_isa_name.restype = ctypes.c_char_p
        library.facesdk_ops_isa_name.argtypes = [ctypes.c_size_t]
        library.facesdk_ops_isa_requires.restype = ctypes.c_char_p
        library.facesdk_ops_isa_requires.argtypes = [ctypes.c_size_t]
        library.facesdk_ops_isa_supported.restype = ctypes.c_int
        library.facesdk_ops_isa_supported.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError) as error:
        raise OperatorLibraryError(f"{path} is not the facesdk operator library: {error}") from None
    return library


def _paths(library: ctypes.CDLL) -> tuple[KernelPath, ...]:
    return tuple(
        KernelPath(
            library.facesdk_ops_isa_name(index).decode(),
            bool(library.facesdk_ops_isa_supported(index)),
            library.facesdk_ops_isa_requires(index).decode(),
        )
        for index in range(library.facesdk_ops_isa_count())
    )
