"""Spans: which stage, network and operator ran from when to when, on the thread that asks.

:meth:`facesdk.engine.FaceEngine.profile` is what a program uses. This module imports nothing of
facesdk and nothing heavy, because every run of a network passes through it, profiled or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

STAGE, NETWORK, OPERATOR = "stage", "network", "operator"

OperatorNames = Callable[[], Sequence[str]]
"""Gives the names of a network's operators in their order; called when somebody asks for them."""


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


class OperatorRun(Protocol):
    """A run of one operator, from whoever can tell."""

    @property
    def start_ns(self) -> int:
        """When it began, on the clock of ``time.perf_counter_ns``."""

    @property
    def end_ns(self) -> int:
        """When it ended."""

    @property
    def node(self) -> int:
        """The operator's place in its network."""

    @property
    def path(self) -> str:
        """Name of the kernel path that ran."""


@dataclass(slots=True)
class Profile:
    """The spans of a ``with`` block, complete when it has ended.

    Attributes:
        lost: Runs of operators that there was no room for.
    """

    _depth: int = 0
    _rows: list[tuple[str, str, int, int, int, OperatorNames | None]] = field(default_factory=list)
    _operators: list[OperatorRun] = field(default_factory=list)
    lost: int = 0

    def add_operators(self, runs: Iterable[OperatorRun], *, lost: int = 0) -> None:
        """Show runs of operators in the networks in which they ran; those outside of any are left.

        Args:
            runs: What ran, recorded elsewhere over the same time.
            lost: How many more ran that are not known.
        """
        self._operators += runs
        self.lost += lost

    def add_spans(self, spans: Iterable[Span]) -> None:
        """Add what another process recorded meanwhile, on its own clock."""
        self._rows += [
            (span.name, span.kind, span.start_ns, span.end_ns, self._depth + span.depth, None)
            for span in spans
        ]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span, in the order in which they began, those outside first."""
        spans = [Span(*row[:5]) for row in self._rows]
        for *_, start, end, depth, operator_names in self._rows:
            inside = [o for o in self._operators if start <= o.start_ns and o.end_ns <= end]
            if operator_names is None or not inside:
                continue
            names = operator_names()
            spans += [
                Span(
                    f"{operator.node} {names[operator.node]}",
                    OPERATOR,
                    operator.start_ns,
                    operator.end_ns,
                    depth + 1,
                    operator.path,
                )
                for operator in inside
            ]
        return tuple(sorted(spans, key=lambda span: (span.start_ns, span.depth)))

    def total_ms(self, name: str) -> float:
        """Milliseconds of all stages and networks of a name, together."""
        return sum(end - start for row, _, start, end, *_ in self._rows if row == name) / 1e6


_active: ContextVar[Profile | None] = ContextVar("facesdk_profile", default=None)
_OFF: AbstractContextManager[None] = nullcontext()


def stage(name: str) -> AbstractContextManager[None]:
    """A span of the ``with`` block, if somebody records; else nothing."""
    profile = _active.get()
    return _OFF if profile is None else _Open(profile, name, STAGE, None)


def network(name: str, operator_names: OperatorNames) -> AbstractContextManager[None]:
    """Like :func:`stage`, for a run of a network.

    Args:
        name: The model's name.
        operator_names: Names its operators.
    """
    profile = _active.get()
    return _OFF if profile is None else _Open(profile, name, NETWORK, operator_names)


@contextmanager
def record() -> Iterator[Profile]:
    """Record the spans of the ``with`` block, on this thread.

    In a block that is recorded already, the outer recording gets these spans too when the inner one
    ends, also by an error.
    """
    outer = _active.get()
    profile = Profile(0 if outer is None else outer._depth)
    token = _active.set(profile)
    try:
        yield profile
    finally:
        _active.reset(token)
        if outer is not None:
            outer._rows += profile._rows


class _Open:
    """A span that has begun; a class of its own is quicker than a generator."""

    __slots__ = ("_kind", "_name", "_operator_names", "_profile", "_start")

    def __init__(
        self, profile: Profile, name: str, kind: str, operator_names: OperatorNames | None
    ) -> None:
        self._profile, self._name, self._kind = profile, name, kind
        self._operator_names = operator_names

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
            (self._name, self._kind, self._start, end, profile._depth, self._operator_names)
        )
