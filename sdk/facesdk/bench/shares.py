"""How operators of the runtime share the time in which they run together: by differences.

A runtime may merge operators: XNNPACK computes a PAD inside the convolution after it, and an
activation inside the one before it. Alone, such an operator takes time that it does not take in
the network. So an operator is measured by what a run of its neighbours takes longer with it,
appended to those before it and put before those after it.

Where a run is cut in two, both parts together take as long as the whole, unless the runtime merges
operators across the cut. Operators that are not told apart by such a cut become one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from facesdk.bench.network_part import part
from facesdk.measure.distribution import Times
from facesdk.measure.timing import Policy, Tick, measure
from facesdk.models.bundle import ModelBundle
from facesdk.tflite.graph import Graph

REACH = 3
"""Neighbours on each side that a difference is taken with."""

_Span = tuple[int, int]
"""Operators ``[begin, end)`` of a stretch, in the order in which they run."""

_AT_ONCE = 8  # operators whose spans are measured in turn, and held in memory together
_LEAST_ROUNDS, _MOST_ROUNDS = 5, 30
_SECONDS = 15.0  # about how long the rounds may take, if that gives _LEAST_ROUNDS
_RUNS_EACH = 2  # of a span in a round: the first one is not timed
_NETWORKS_EACH = 4 * REACH + 2  # operators in the spans that a difference needs, and their number
_SIGMAS = 3.0
_MERGED = 0.5  # of the shorter neighbour's time: what a cut must cost if they are merged


@dataclass(frozen=True, slots=True)
class Share:
    """Operators that the runtime runs as one, and the time that they add.

    Attributes:
        operators: Their places in the model, in the order in which they run.
        ms: Milliseconds; the shares of a stretch add up to its time.
        error: How far off ``ms`` may be: the noise of the runs (standard error), half of what the
            differences with neighbours before and after disagree by, and what all differences
            together lack or exceed the stretch by, combined as a root of squares.
    """

    operators: tuple[int, ...]
    ms: float
    error: float


@dataclass(frozen=True, slots=True)
class _Difference:
    """What one operator adds, and what it costs to cut before it; medians and standard errors."""

    after: float
    before: float
    noise: float
    excess: float
    excess_noise: float


def measure_shares(
    bundle: ModelBundle,
    graph: Graph,
    operators: Sequence[int],
    stretch_ms: float,
    policy: Policy,
    *,
    call: Callable[[], object] | None,
    threads: int = 1,
    tick: Tick | None = None,
) -> tuple[Share, ...]:
    """Measure how operators share the time in which the runtime runs them together.

    Args:
        bundle: The model.
        graph: Its graph.
        operators: Their places, in the order in which they run, at least one.
        stretch_ms: The time that they take together.
        policy: How often; the rounds become fewer if they would take long.
        call: Calls the runtime with a network without operators, which is part of all times;
            None if it runs none.
        threads: Threads the runtime may use.
        tick: Called with the rounds done and those to do.

    Returns:
        The shares in the order in which they run. Empty if nothing could be told: all differences
        are lost in the noise.

    Raises:
        FlatbufferError: Some operators cannot be cut out.
        ModelError: The runtime does not run some of them without the others.
    """
    rounds = _rounds(stretch_ms, policy)
    few = replace(policy, runs=rounds, warm_up=1, warm_up_seconds=0.02)
    starts = range(0, len(operators), _AT_ONCE)
    found: list[_Difference] = []
    for block, start in enumerate(starts):
        places = range(start, min(start + _AT_ONCE, len(operators)))
        spans = sorted({span for place in places for span in _spans(place, len(operators))})
        calls: dict[_Span, Callable[[], object]] = {
            span: part(bundle, graph, operators[slice(*span)], threads).invoke
            for span in spans
            if span[0] < span[1]
        }
        if call is not None:
            calls[0, 0] = call

        def told(done: int, total: int, before: int = block * rounds) -> None:
            if tick:
                tick(before + done, rounds * len(starts))

        times = measure(calls, few, told, untimed=_RUNS_EACH - 1)
        times.setdefault((0, 0), np.zeros(rounds))
        found += [_difference(place, len(operators), times) for place in places]
    call_ms = float(np.median(times[0, 0]))
    return _scaled(list(_groups(operators, found, call_ms)), stretch_ms)


def _rounds(stretch_ms: float, policy: Policy) -> int:
    seconds = 1e-3 * stretch_ms * _RUNS_EACH * _NETWORKS_EACH
    affordable = int(_SECONDS / seconds) if seconds > 0 else _MOST_ROUNDS
    return min(policy.runs, max(_LEAST_ROUNDS, min(_MOST_ROUNDS, affordable)))


def _spans(place: int, count: int) -> tuple[_Span, ...]:
    """Those before an operator without and with it, those after it with and without, and all."""
    first, last = max(0, place - REACH), min(count, place + REACH + 1)
    return (
        (first, place),
        (first, place + 1),
        (place, last),
        (place + 1, last),
        (first, last),
    )


def _difference(place: int, count: int, times: dict[_Span, Times]) -> _Difference:
    call = times[0, 0]
    before, with_before, with_after, after, whole = (
        times[span] if span[0] < span[1] else call for span in _spans(place, count)
    )
    appended, noise = _middle(with_before - before)
    prepended, more_noise = _middle(with_after - after)
    excess, excess_noise = _middle(before + with_after - whole - call)
    return _Difference(
        appended, prepended, float(np.hypot(noise, more_noise)) / 2, excess, excess_noise
    )


def _middle(values: Times) -> tuple[float, float]:
    """The median, and its standard error as that of normal values with these quartiles."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return float(median), float(1.2533 * (high - low) / 1.349 / np.sqrt(len(values)))


def _groups(
    operators: Sequence[int], found: Sequence[_Difference], call_ms: float
) -> Iterator[Share]:
    """Operators between cuts that cost nothing, each group with the sum of its differences."""
    cuts = [0]
    for place, (one, other) in enumerate(pairwise(found), start=1):
        shorter = min(max(row.after, row.before) for row in (one, other))
        least = max(_SIGMAS * other.excess_noise, call_ms, _MERGED * shorter)
        if other.excess <= least:
            cuts.append(place)
    for begin, end in pairwise([*cuts, len(operators)]):
        rows = found[begin:end]
        appended, prepended = sum(row.after for row in rows), sum(row.before for row in rows)
        noise = np.sqrt(sum(row.noise**2 for row in rows))
        error = float(np.hypot(noise, (appended - prepended) / 2))
        yield Share(tuple(operators[begin:end]), max(0.0, (appended + prepended) / 2), error)


def _scaled(shares: Sequence[Share], stretch_ms: float) -> tuple[Share, ...]:
    """The shares so that they add up to the stretch."""
    whole = sum(share.ms for share in shares)
    if whole <= 0:
        return ()
    factor = stretch_ms / whole
    return tuple(
        Share(
            share.operators,
            share.ms * factor,
            float(np.hypot(share.error * factor, share.ms * (factor - 1))),
        )
        for share in shares
    )
