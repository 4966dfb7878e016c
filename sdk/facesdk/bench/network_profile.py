"""Where the time of a network goes, operator by operator, while it runs as a whole.

The operator library tells when each of its operators began and ended. What lies between two of its
partitions is the runtime's: stock runtimes for Python have no profiler, so that the time of such a
stretch is measured, and divided among its operators by differences (:mod:`facesdk.bench.shares`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from facesdk.bench.network_part import constant_operators, nothing
from facesdk.bench.partition import segments
from facesdk.bench.shares import Share, measure_shares
from facesdk.errors import ModelError
from facesdk.measure.distribution import Times
from facesdk.measure.timing import Policy, Tick, warm_up
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_events import OperatorEvent, OperatorRecording, record_operators
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator
from facesdk.tflite.macs import Macs, bytes_moved, intensity, multiplied

MEASURED = "measured"
SHARED = "shared"
FUSED = "fused"
FOLDED = "folded"
UNKNOWN = "unknown"
"""How a time was found: measured in the run of the whole network; a share of a measured stretch;
0, because another operator does the work; 0, because the result is constant; not found."""


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """One operator in a run of the network, or several that the runtime runs as one.

    Attributes:
        operators: What they are, in the order in which they run.
        ms: Milliseconds; None if unknown.
        error_ms: How far off ``ms`` may be: a standard error where it was measured in place
            (:data:`MEASURED`), see :class:`~facesdk.bench.shares.Share` for :data:`SHARED`; None
            where ``ms`` is.
        share: Its share of the whole run, 0 to 1; None if unknown.
        cumulative: The shares up to and with this one, in the order in which operators run.
        kernels: Who computed it: ``"facesdk neon"`` or the name of the runtime.
        found: How the time was found: :data:`MEASURED`, :data:`SHARED`, :data:`FUSED`,
            :data:`FOLDED` or :data:`UNKNOWN`.
    """

    operators: tuple[Operator, ...]
    ms: float | None
    error_ms: float | None
    share: float | None
    cumulative: float
    kernels: str
    found: str

    @property
    def operator(self) -> Operator:
        """The one that multiplies most, the first of equals."""
        return max(self.operators, key=lambda row: multiplied(row).count)

    @property
    def name(self) -> str:
        """For example ``"CONV_2D"``, or ``"PAD + CONV_2D"``."""
        return " + ".join(row.name for row in self.operators)

    @property
    def shape(self) -> str:
        """What goes in and comes out."""
        if len(self.operators) == 1:
            return self.operator.shape_text
        inner = {row.index for operator in self.operators for row in operator.outputs}
        read = [
            row.text
            for operator in self.operators
            for row in operator.inputs
            if row is not None and not row.constant and row.index not in inner
        ]
        written = [row.text for row in self.operators[-1].outputs]
        return f"{', '.join(read) or 'constants'} -> {', '.join(written)}"

    @property
    def share_error(self) -> float | None:
        """How far off ``share`` may be."""
        if self.share is None or self.error_ms is None:
            return None
        return self.share * self.error_ms / self.ms if self.ms else 0.0

    @property
    def multiplied(self) -> Macs:
        """Multiply-adds of one run, in as many bits as :attr:`operator` multiplies."""
        main = multiplied(self.operator)
        rows = [multiplied(row) for row in self.operators]
        return replace(main, count=sum(row.count for row in rows if row.width == main.width))

    @property
    def intensity(self) -> float:
        """Operations per byte moved."""
        return intensity(self.operator)

    @property
    def rate(self) -> float | None:
        """Operations per second, two for each multiply-add; None where nothing is multiplied."""
        macs = self.multiplied.count
        return 2e3 * macs / self.ms if self.ms and macs else None

    def to_dict(self) -> dict[str, Any]:
        """All of it, and operations per second."""
        return {
            "index": self.operator.index,
            "merged": [row.index for row in self.operators],
            "name": self.name,
            "shape": self.shape,
            "ms": None if self.ms is None else round(self.ms, 5),
            "error_ms": None if self.error_ms is None else round(self.error_ms, 5),
            "share": None if self.share is None else round(self.share, 5),
            "share_error": None if self.share_error is None else round(self.share_error, 5),
            "cumulative": round(self.cumulative, 5),
            "kernels": self.kernels,
            "found": self.found,
            "macs": self.multiplied.count,
            "width": self.multiplied.width,
            "bytes": sum(bytes_moved(row) for row in self.operators),
            "ops_per_second": None if self.rate is None else round(self.rate),
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """All rows of one name, width and library.

    Attributes:
        name: Of the operators, as :attr:`OperatorTime.name`.
        count: Number of rows.
        ms: Milliseconds together, without those that are unknown.
        error_ms: How far off that may be, if errors of rows are independent.
        width: See :class:`~facesdk.tflite.macs.Macs`.
        kernels: See :class:`OperatorTime`.
    """

    name: str
    count: int
    ms: float
    error_ms: float
    width: str | None
    kernels: str


@dataclass(frozen=True, slots=True)
class OperatorTable:
    """All operators of a network, in the order in which they run.

    Attributes:
        rows: The operators.
        runs: Number of profiled runs.
        total_ms: A whole run, copies of input and output included: the mean of the runs between
            the quartiles, so that the parts add up.
        copies_ms: Copying the input in and the output out.
        rest_ms: The runtime between operators, where the library's are measured one by one.
        overhead: What profiling added to a run, as a share of it; measured in turn with runs
            without. Below 0 if it is lost in the noise.
    """

    rows: tuple[OperatorTime, ...]
    runs: int
    total_ms: float
    copies_ms: float
    rest_ms: float
    overhead: float

    def kinds(self) -> tuple[Kind, ...]:
        """The rows by kind, those that take longest first; without those that take no time."""
        rows: dict[tuple[str, str | None, str], list[OperatorTime]] = {}
        for row in self.rows:
            if row.found not in (FOLDED, FUSED):
                rows.setdefault((row.name, row.multiplied.width, row.kernels), []).append(row)
        kinds = [
            Kind(
                name,
                len(alike),
                sum(row.ms or 0.0 for row in alike),
                sum((row.error_ms or 0.0) ** 2 for row in alike) ** 0.5,
                width,
                kernels,
            )
            for (name, width, kernels), alike in rows.items()
        ]
        return tuple(sorted(kinds, key=lambda kind: -kind.ms))

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "runs": self.runs,
            "total_ms": round(self.total_ms, 5),
            "copies_ms": round(self.copies_ms, 5),
            "rest_ms": round(self.rest_ms, 5),
            "profiling_overhead": round(self.overhead, 4),
            "rows": [row.to_dict() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class _Run:
    """Moments of one profiled run, in nanoseconds."""

    start: int
    invoked: int
    returned: int
    end: int
    events: tuple[OperatorEvent, ...]


def profile_operators(
    bundle: ModelBundle,
    runtime: str,
    policy: Policy,
    *,
    threads: int = 1,
    progress: Progress = unwatched,
) -> OperatorTable:
    """Measure the operators of a network.

    Args:
        bundle: The model.
        runtime: What to call the runtime's own kernels.
        policy: How often.
        threads: Threads the network may use.
        progress: Told of profiled runs, then of what the runtime's operators are shared out by.

    Raises:
        ModelError: The runtime does not run the model.
        OperatorLibraryError: The operator library is needed and cannot be profiled.
    """
    interpreter = Interpreter(bundle, threads=threads)
    graph = bundle.graph
    plain, runs = _record(
        interpreter,
        bool(bundle.custom_ops),
        graph,
        policy,
        lambda done, total: progress(done, total, "operators"),
    )
    kept = _between_quartiles(runs)
    stretches = _stretches(graph, kept)
    empty = nothing(bundle, graph, threads)
    call = empty.invoke if empty else None
    parts = [
        part
        for stretch in stretches
        for part in (
            _own(stretch, graph, kept)
            if stretch.claimed
            else _stock(stretch, bundle, graph, policy, call, threads, runtime, progress)
        )
    ]
    total = _mean([run.end - run.start for run in kept])
    rows, cumulative = [], 0.0
    for part in parts:
        share = None if part.ms is None else part.ms / total
        cumulative += share or 0.0
        rows.append(replace(part, share=share, cumulative=cumulative))
    copies = total - _mean([run.returned - run.invoked for run in kept])
    rest = total - copies - sum(row.ms or 0.0 for row in rows)
    profiled = np.array([run.end - run.start for run in runs]) / 1e6
    overhead = float(np.median(profiled) / np.median(plain) - 1)
    return OperatorTable(tuple(rows), len(runs), total, copies, rest, overhead)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Operators that ran one after the other, and how long together; None if that is unknown."""

    claimed: bool
    operators: tuple[int, ...]
    ms: float | None
    error: float


def _record(
    interpreter: Interpreter, native: bool, graph: Graph, policy: Policy, tick: Tick
) -> tuple[Times, list[_Run]]:
    """Runs without and with a profile, in turn."""
    inputs = random_inputs(interpreter)
    warm_up({"": lambda: interpreter.run(*inputs)}, policy)
    plain = np.empty(policy.runs)
    runs = []
    room = 2 * len(graph.operators) * (policy.lead + 1)
    for number in range(policy.runs):
        for _ in range(policy.lead):
            interpreter.run(*inputs)
        start = time.perf_counter_ns()
        interpreter.run(*inputs)
        plain[number] = (time.perf_counter_ns() - start) / 1e6
        recording = record_operators(room) if native else nullcontext()
        with recording as recorded:
            for _ in range(policy.lead):
                interpreter.run(*inputs)
            start = time.perf_counter_ns()
            interpreter.fill(*inputs)
            invoked = time.perf_counter_ns()
            interpreter.invoke()
            returned = time.perf_counter_ns()
            interpreter.read()
            end = time.perf_counter_ns()
        events = recorded.events if isinstance(recorded, OperatorRecording) else ()
        events = tuple(event for event in events if event.start_ns >= start)
        runs.append(_Run(start, invoked, returned, end, events))
        tick(number + 1, policy.runs)
    return plain, runs


def _between_quartiles(runs: list[_Run]) -> list[_Run]:
    """The runs of ordinary length; their means add up, unlike medians."""
    totals = np.array([run.end - run.start for run in runs])
    low, high = (
        np.percentile(totals, 25, method="lower"),
        np.percentile(totals, 75, method="higher"),
    )
    return [run for run, total in zip(runs, totals, strict=True) if low <= total <= high]


def _stretches(graph: Graph, runs: list[_Run]) -> list[_Stretch]:
    """What ran between the moments that are known: the begin and end of each partition."""
    order = segments(graph, {event.node for event in runs[0].events})
    own = [frozenset(segment.operators) for segment in order if segment.claimed]
    if [frozenset(event.node for event in group) for group in _partitions(runs[0])] != own:
        # Not the order that partition.py expects: only the library's own times are known.
        return [_Stretch(segment.claimed, segment.operators, None, 0.0) for segment in order]
    times = np.zeros((len(runs), len(order)))
    for number, run in enumerate(runs):
        groups = iter(_partitions(run))
        cursor = run.invoked
        for place, segment in enumerate(order):
            if segment.claimed:
                group = next(groups)
                if place > 0:
                    times[number, place - 1] = group[0].start_ns - cursor
                cursor = group[-1].end_ns
        if not order[-1].claimed:
            times[number, -1] = run.returned - cursor
    times /= 1e6
    return [
        _Stretch(segment.claimed, segment.operators, float(row.mean()), _standard_error(row))
        for segment, row in zip(order, times.T, strict=True)
    ]


def _partitions(run: _Run) -> list[list[OperatorEvent]]:
    return [list(group) for _, group in groupby(run.events, key=lambda event: event.partition)]


def _own(stretch: _Stretch, graph: Graph, runs: list[_Run]) -> list[OperatorTime]:
    """Operators of the library, each measured."""
    rows = []
    for place, first in enumerate(runs[0].events):
        if first.node not in stretch.operators:
            continue
        events = [run.events[place] for run in runs]
        times = np.array([event.end_ns - event.start_ns for event in events]) / 1e6
        found = MEASURED if first.within is None else FUSED
        operator = graph.operators[first.node]
        rows.append(
            _row(
                (operator,),
                float(times.mean()),
                _standard_error(times),
                f"facesdk {first.path}",
                found,
            )
        )
    return rows


def _stock(
    stretch: _Stretch,
    bundle: ModelBundle,
    graph: Graph,
    policy: Policy,
    call: Callable[[], object] | None,
    threads: int,
    runtime: str,
    progress: Progress,
) -> list[OperatorTime]:
    """Operators of the runtime: shares of the stretch, by differences."""
    constant = constant_operators(graph)
    working = [index for index in stretch.operators if index not in constant]
    shares: tuple[Share, ...] = ()
    if stretch.ms is not None and len(working) > 1:
        try:
            shares = measure_shares(
                bundle,
                graph,
                working,
                stretch.ms,
                policy,
                call=call,
                threads=threads,
                tick=lambda done, total: progress(done, total, "differences"),
            )
        except (FlatbufferError, ModelError):  # the runtime runs some only with all the others
            shares = ()
    elif stretch.ms is not None and working:
        shares = (Share(tuple(working), stretch.ms, stretch.error),)
    of = {share.operators[0]: share for share in shares}
    told = {index for share in shares for index in share.operators}
    rows = []
    for index in stretch.operators:
        operator = graph.operators[index]
        if index in constant:
            rows.append(_row((operator,), 0.0, 0.0, runtime, FOLDED))
        elif index in of:
            share = of[index]
            merged = tuple(graph.operators[place] for place in share.operators)
            found = SHARED if len(working) > 1 else MEASURED
            rows.append(_row(merged, share.ms, share.error, runtime, found))
        elif index not in told:
            rows.append(_row((operator,), None, None, runtime, UNKNOWN))
    return rows


def _row(
    operators: tuple[Operator, ...],
    ms: float | None,
    error: float | None,
    kernels: str,
    found: str,
) -> OperatorTime:
    return OperatorTime(operators, ms, error, None, 0.0, kernels, found)


def _standard_error(values: Times) -> float:
    """Of the mean; 0 of a single value, of which nothing is known."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _mean(nanoseconds: list[int]) -> float:
    return float(np.mean(nanoseconds)) / 1e6
