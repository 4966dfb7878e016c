"""Shares of operators of a simulated runtime, whose times are known to the nanosecond."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesdk.bench import shares
from facesdk.bench.shares import Share, measure_shares
from facesdk.measure import timing
from facesdk.measure.timing import Policy

POLICY = Policy(30, 1, 0.0, lead=1)
CALL = 0.01  # milliseconds of calling the runtime, part of every time
ALONE = {"pad": 0.9, "relu": 0.4}  # what they take where no convolution computes them too


class Runtime:
    """Runs operators by their names, on a clock that only it advances.

    A name is ``"pad"``, ``"relu"``, or what a convolution takes in milliseconds: that computes a
    PAD before it and a ReLU after it in no time.

    Attributes:
        disturbed: Share of the calls that other work makes twice as long, 0 to 1.
    """

    def __init__(self, names: str, disturbed: float = 0.0) -> None:
        self.names = names.split()
        self.disturbed = disturbed
        self._now = 0
        self._rng = np.random.default_rng(1)

    def perf_counter_ns(self) -> int:
        return self._now

    def perf_counter(self) -> float:
        return self._now / 1e9

    def ms(self, places: Iterable[int]) -> float:
        """Milliseconds of a network of some operators that follow each other, without the call."""
        names = [self.names[place] for place in places]
        time = 0.0
        for before, name, after in zip(["", *names], names, [*names[1:], ""], strict=False):
            merged = after if name == "pad" else before
            time += ALONE.get(name, 0.0) if merged in ("", *ALONE) else 0.0
            time += 0.0 if name in ALONE else float(name)
        return time

    def part(self, bundle: None, graph: None, places: Iterable[int], threads: int) -> Any:
        """In place of :func:`facesdk.bench.network_part.part`."""
        taken = round(1e6 * (self.ms(places) + CALL))

        def invoke() -> None:
            self._now += taken * (2 if self._rng.random() < self.disturbed else 1)

        return SimpleNamespace(invoke=invoke)


def shares_of(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, stretch: float | None = None
) -> tuple[Share, ...]:
    """The shares that are measured of all operators; of the time that they take, or another."""
    monkeypatch.setattr(timing, "time", runtime)
    monkeypatch.setattr(shares, "part", runtime.part)
    places = range(len(runtime.names))
    whole = runtime.ms(places) if stretch is None else stretch
    call = runtime.part(None, None, (), 1).invoke
    nothing: Any = None
    return measure_shares(nothing, nothing, places, whole, POLICY, call=call)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        ("1 1 1 1", [1, 1, 1, 1]),
        ("5 1 0.5", [5, 1, 0.5]),
        ("pad 1 pad 1 pad 1", [("pad 1", 1)] * 3),
        ("1 relu 1 relu", [("1 relu", 1)] * 2),
        ("2 pad pad 1 relu", [2, ("pad", 0.9), ("pad 1 relu", 1)]),
        ("pad 1 " * 10, [("pad 1", 1)] * 10),  # more than are measured at once
        ("1 2 " * 10, [1, 2] * 10),
    ],
)
def test_a_row_is_what_the_runtime_merges_and_its_share_the_time_that_it_adds(
    names: str, rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(names)
    found = shares_of(runtime, monkeypatch)
    expected = [row if isinstance(row, tuple) else (str(row), row) for row in rows]
    assert [" ".join(runtime.names[place] for place in share.operators) for share in found] == [
        name for name, _ in expected
    ]
    assert [place for share in found for place in share.operators] == [*range(len(runtime.names))]
    assert [share.ms for share in found] == pytest.approx([ms for _, ms in expected], rel=1e-5)


def test_shares_add_up_to_the_stretch_and_say_how_much_that_changes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = shares_of(Runtime("3 1"), monkeypatch, stretch=5.0)
    assert [share.ms for share in found] == pytest.approx([3.75, 1.25], rel=1e-5)
    assert [share.error for share in found] == pytest.approx([0.75, 0.25], rel=1e-3)


def test_other_work_in_a_tenth_of_the_calls_is_in_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = shares_of(Runtime("pad 3 1 1 relu", disturbed=0.1), monkeypatch)
    assert [share.operators for share in found] == [(0, 1), (2,), (3, 4)]
    assert [share.ms for share in found] == pytest.approx([3, 1, 1], rel=1e-3)


def test_nothing_is_told_of_operators_that_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_of(Runtime("0 0"), monkeypatch, stretch=1.0) == ()
