"""The operator library as an external delegate of a stock runtime."""

from __future__ import annotations

from typing import Any

from facesdk.errors import InputError, OperatorLibraryError, one_line
from facesdk.runtime.backend import Backend, load_backend
from facesdk.runtime.operator_library import describe_library

ZERO_PADDING = ("optimized", "reference")


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
            f"{backend.name} {backend.version} could not load {path}: {one_line(error)}"
        ) from None
