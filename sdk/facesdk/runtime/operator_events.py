"""What the operator library's delegate ran, operator by operator (``facesdk_profile_start``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, OperatorLibraryError
from facesdk.runtime import operator_library


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """One run of one operator of the library.

    Attributes:
        start_ns: When it began, on the clock of ``time.perf_counter_ns``.
        end_ns: When it ended.
        partition: Number of the set of operators that the runtime ran as one.
        node: The operator's place in the model.
        path: Name of the kernel path that ran.
        within: For an operator that is part of another's work, as an addition is of a
            convolution's, the place of that other, whose event has the time; None for all others.
    """

    start_ns: int
    end_ns: int
    partition: int
    node: int
    path: str
    within: int | None


class OperatorRecording:
    """Events of the operator library, to be read when the recording has ended."""

    def __init__(self, paths: tuple[str, ...], capacity: int) -> None:
        self._paths = paths
        self._memory: NDArray[Any] = np.zeros(capacity, np.dtype(operator_library.ProfileEvent))
        self.happened = 0

    @property
    def events(self) -> tuple[OperatorEvent, ...]:
        """Those that were kept, in the order in which they ended."""
        return tuple(
            OperatorEvent(
                start, end, partition, node, self._paths[path], within if within >= 0 else None
            )
            for start, end, partition, node, path, within in self._memory[: self.happened].tolist()
        )

    @property
    def lost(self) -> int:
        """How many there was no room for."""
        return max(0, self.happened - len(self._memory))

    @property
    def address(self) -> int:
        """Where the library writes."""
        return int(self._memory.ctypes.data)

    @property
    def capacity(self) -> int:
        """How many there is room for."""
        return len(self._memory)


def record(*, wanted: bool = True) -> AbstractContextManager[OperatorRecording | None]:
    """Like :func:`record_operators` if it is wanted, and None if not or without the library.

    Where there is no operator library, no network runs that needs one.
    """
    try:
        operator_library.library_path()
    except OperatorLibraryError:
        wanted = False
    return record_operators() if wanted else nullcontext()


@contextmanager
def record_operators(capacity: int = 1 << 16) -> Iterator[OperatorRecording]:
    """Record what the library's operators do in the ``with`` block, in this process.

    Args:
        capacity: Room for that many events; a run of a network takes one per operator.

    Raises:
        OperatorLibraryError: The library is missing, or is being recorded already.
    """
    description = operator_library.describe_library()
    library = operator_library.open_library(description.path)
    recording = OperatorRecording(tuple(path.name for path in description.paths), capacity)
    try:
        operator_library.call(library, "facesdk_profile_start", recording.address, capacity)
    except InputError as error:
        raise OperatorLibraryError(f"cannot profile the operators: {error}") from None
    try:
        yield recording
    finally:
        recording.happened = int(library.facesdk_profile_stop())
