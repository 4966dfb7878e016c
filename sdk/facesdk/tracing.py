"""Spans: which stage, network and operator ran from when to when, on the thread that asks.

:meth:`facesdk.engine.FaceEngine.profile` is what a program uses. This module imports nothing heavy,
because the runtime uses it whether or not anybody profiles.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesdk.models.bundle import ModelBundle
    from facesdk.runtime.operator_events import OperatorEvent

STAGE, NETWORK, OPERATOR = "stage", "network", "operator"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that ran.

    Attributes:
        name: ``"detect"``, a model's name, or an operator's with its place in the model.
        kind: :data:`STAGE`, :data:`NETWORK` or :data:`OPERATOR`.
        start_ns: When it began, on the clock of ``time.perf_counter_ns``.
        end_ns: When it ended.
        depth: In how many other spans it lies.
        kernels: For an operator, the kernel path that ran; else empty.
    """

    name: str
    kind: str
    start_ns: int
    end_ns: int
    depth: int
    kernels: str = ""

    @property
    def ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6

    def to_dict(self) -> dict[str, Any]:
        """All of it; times in microseconds of the same clock."""
        return {
            "name": self.name,
            "kind": self.kind,
            "start_us": self.start_ns / 1e3,
            "duration_us": (self.end_ns - self.start_ns) / 1e3,
            "depth": self.depth,
            "kernels": self.kernels,
        }


@dataclass(slots=True)
class Profile:
    """The spans of a ``with`` block, complete when it has ended.

    Attributes:
        lost: Runs of operators that there was no room for; 65,536 are kept.
    """

    _rows: list[tuple[str, str, int, int, int, ModelBundle | None]] = field(default_factory=list)
    _depth: int = 0
    _events: tuple[OperatorEvent, ...] = ()
    lost: int = 0

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span, in the order in which they began, those outside first."""
        spans = [Span(*row[:5]) for row in self._rows]
        networks = [row for row in self._rows if row[5] is not None]
        for _, _, start, end, depth, bundle in networks:
            inside = [e for e in self._events if start <= e.start_ns and e.end_ns <= end]
            if not inside or bundle is None:
                continue
            names = _operator_names(bundle)
            spans += [
                Span(
                    f"{event.node} {names[event.node]}",
                    OPERATOR,
                    event.start_ns,
                    event.end_ns,
                    depth + 1,
                    event.path,
                )
                for event in inside
            ]
        return tuple(sorted(spans, key=lambda span: (span.start_ns, span.depth)))

    def total_ms(self, name: str) -> float:
        """Milliseconds of all spans of a name, together."""
        return sum(end - start for row, _, start, end, *_ in self._rows if row == name) / 1e6


_active: ContextVar[Profile | None] = ContextVar("facesdk_profile", default=None)
_OFF: AbstractContextManager[None] = nullcontext()


def stage(name: str) -> AbstractContextManager[None]:
    """A span of the ``with`` block, if somebody profiles; else nothing."""
    profile = _active.get()
    return _OFF if profile is None else _Open(profile, name, STAGE, None)


def network(bundle: ModelBundle) -> AbstractContextManager[None]:
    """Like :func:`stage`, for a run of a model."""
    profile = _active.get()
    return _OFF if profile is None else _Open(profile, bundle.name, NETWORK, bundle)


@contextmanager
def record_spans(*, operators: bool = False, capacity: int = 1 << 16) -> Iterator[Profile]:
    """Record the spans of the ``with`` block, on this thread.

    Args:
        operators: Whether to record the operator library's operators as well.
        capacity: Room for that many runs of operators.

    Raises:
        OperatorLibraryError: Operators are being recorded already.
    """
    profile = Profile()
    token = _active.set(profile)
    try:
        with _operators(operators, capacity) as recording:
            yield profile
        if recording is not None:
            profile._events, profile.lost = recording.events, recording.lost
    finally:
        _active.reset(token)


class _Open:
    """A span that has begun; a class of its own is quicker than a generator."""

    __slots__ = ("_bundle", "_kind", "_name", "_profile", "_start")

    def __init__(self, profile: Profile, name: str, kind: str, bundle: ModelBundle | None) -> None:
        self._profile, self._name, self._kind, self._bundle = profile, name, kind, bundle

    def __enter__(self) -> None:
        self._profile._depth += 1
        self._start = time.perf_counter_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end = time.perf_counter_ns()
        profile = self._profile
        profile._depth -= 1
        profile._rows.append(
            (self._name, self._kind, self._start, end, profile._depth, self._bundle)
        )


def _operators(wanted: bool, capacity: int) -> AbstractContextManager[Any]:
    """Without the library there are no operators of its to record."""
    if not wanted:
        return nullcontext()
    from facesdk.errors import OperatorLibraryError
    from facesdk.runtime import operator_library
    from facesdk.runtime.operator_events import record_operators

    try:
        operator_library.library_path()
    except OperatorLibraryError:
        return nullcontext()
    return record_operators(capacity)


def _operator_names(bundle: ModelBundle) -> list[str]:
    from facesdk.tflite.graph import read_graph

    return [operator.name for operator in read_graph(bundle.content).operators]
