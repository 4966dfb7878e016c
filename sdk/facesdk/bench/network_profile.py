"""Where the time of a network goes, operator by operator, while it runs as a whole.

The operator library tells when each of its operators began and ended. What lies between two of its
partitions is the runtime's: stock runtimes for Python have no profiler, so that the time of such a
stretch is measured, and divided among its operators by what each takes alone.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from facesdk.bench.partition import segments
from facesdk.bench.single_operator import constant_operators, time_operators
from facesdk.measure.distribution import Times
from facesdk.measure.timing import Policy, Tick, warm_up
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_events import OperatorEvent, OperatorRecording, record_operators
from facesdk.tflite.graph import Graph, Operator
from facesdk.tflite.macs import Macs, bytes_moved, intensity, multiplied

MEASURED = "measured"
SHARED = "shared"
FUSED = "fused"
FOLDED = "folded"
UNKNOWN = "unknown"
"""How a time was found: measured in the run of the whole network; a share of a measured stretch;
0, because another operator does the work; 0, because the result is constant; not found."""

_ALONE_RUNS = 30


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """One operator in a run of the network.

    Attributes:
        operator: What it is.
        shape: What goes in and comes out.
        ms: Milliseconds; None if unknown.
        share: Its share of the whole run, 0 to 1; None if unknown.
        cumulative: The shares up to and with this one, in the order in which operators run.
        kernels: Who computed it: ``"facesdk neon"`` or the name of the runtime.
        found: How the time was found: :data:`MEASURED`, :data:`SHARED`, :data:`FUSED`,
            :data:`FOLDED` or :data:`UNKNOWN`.
    """

    operator: Operator
    shape: str
    ms: float | None
    share: float | None
    cumulative: float
    kernels: str
    found: str

    @property
    def multiplied(self) -> Macs:
        """Multiply-adds of one run, by the bits that are multiplied."""
        return multiplied(self.operator)

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
            "name": self.operator.name,
            "shape": self.shape,
            "ms": None if self.ms is None else round(self.ms, 5),
            "share": None if self.share is None else round(self.share, 5),
            "cumulative": round(self.cumulative, 5),
            "kernels": self.kernels,
            "found": self.found,
            "macs": self.multiplied.count,
            "width": self.multiplied.width,
            "bytes": bytes_moved(self.operator),
            "ops_per_second": None if self.rate is None else round(self.rate),
        }


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
    bundle: ModelBundle, runtime: str, policy: Policy, *, threads: int = 1, tick: Tick | None = None
) -> OperatorTable:
    """Measure the operators of a network.

    Args:
        bundle: The model.
        runtime: What to call the runtime's own kernels.
        policy: How often.
        threads: Threads the network may use.
        tick: Called after each run with those done and those to do.

    Raises:
        ModelError: The runtime does not run the model.
        OperatorLibraryError: The operator library is needed and cannot be profiled.
    """
    interpreter = Interpreter(bundle, threads=threads)
    graph = bundle.graph
    plain, runs = _record(interpreter, bool(bundle.custom_ops), graph, policy, tick)
    kept = _between_quartiles(runs)
    stretches = _stretches(graph, kept)
    parts = [
        part
        for stretch in stretches
        for part in (
            _own(stretch, graph, kept)
            if stretch.claimed
            else _stock(stretch, bundle, graph, policy, threads, runtime)
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


def _record(
    interpreter: Interpreter, native: bool, graph: Graph, policy: Policy, tick: Tick | None
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
        if tick:
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
        return [_Stretch(segment.claimed, segment.operators, None) for segment in order]
    times = np.zeros(len(order))
    for run in runs:
        groups = iter(_partitions(run))
        cursor = run.invoked
        for place, segment in enumerate(order):
            if segment.claimed:
                group = next(groups)
                if place > 0:
                    times[place - 1] += group[0].start_ns - cursor
                cursor = group[-1].end_ns
        if not order[-1].claimed:
            times[-1] += run.returned - cursor
    times /= len(runs) * 1e6
    return [
        _Stretch(segment.claimed, segment.operators, float(ms))
        for segment, ms in zip(order, times, strict=True)
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
        ms = _mean([event.end_ns - event.start_ns for event in events])
        found = MEASURED if first.within is None else FUSED
        rows.append(_row(graph, first.node, ms, f"facesdk {first.path}", found))
    return rows


def _stock(
    stretch: _Stretch,
    bundle: ModelBundle,
    graph: Graph,
    policy: Policy,
    threads: int,
    runtime: str,
) -> list[OperatorTime]:
    """Operators of the runtime: shares of the stretch, in proportion to what each takes alone."""
    constant = constant_operators(graph)
    working = [index for index in stretch.operators if index not in constant]
    alone: dict[int, float | None] = {}
    if len(working) > 1 and stretch.ms is not None:
        few = replace(policy, runs=min(policy.runs, _ALONE_RUNS), warm_up_seconds=0.05)
        times = time_operators(bundle, graph, working, few, threads=threads)
        alone = {index: times.median(index) for index in working}
    whole = sum(ms or 0.0 for ms in alone.values())
    rows = []
    for index in stretch.operators:
        ms, found = None, UNKNOWN
        if index in constant:
            ms, found = 0.0, FOLDED
        elif stretch.ms is not None and len(working) == 1:
            ms, found = stretch.ms, MEASURED
        elif stretch.ms is not None and whole > 0 and None not in alone.values():
            ms, found = stretch.ms * (alone[index] or 0.0) / whole, SHARED
        rows.append(_row(graph, index, ms, runtime, found))
    return rows


def _row(graph: Graph, index: int, ms: float | None, kernels: str, found: str) -> OperatorTime:
    operator = graph.operators[index]
    return OperatorTime(operator, operator.shape_text, ms, None, 0.0, kernels, found)


def _mean(nanoseconds: list[int]) -> float:
    return float(np.mean(nanoseconds)) / 1e6
