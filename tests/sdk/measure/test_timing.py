"""The order of calls, and that the times are those of the calls."""

from __future__ import annotations

import time

import pytest

from facesdk.errors import InputError
from facesdk.measure.timing import Clock, Policy, measure


def test_candidates_take_turns_after_their_warm_up() -> None:
    calls: list[str] = []
    ticks: list[tuple[int, int]] = []
    times = measure(
        {name: lambda name=name: calls.append(name) for name in "ab"},
        Policy(runs=3, warm_up=2, warm_up_seconds=0.0, lead=1),
        lambda done, total: ticks.append((done, total)),
    )
    assert "".join(calls) == "abab" + "aabb" * 3
    assert ticks == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {name: len(row) for name, row in times.items()} == {"a": 3, "b": 3}


def test_untimed_calls_come_before_each_run_of_the_warm_up_and_each_timed_one() -> None:
    calls: list[str] = []
    times = measure(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")},
        Policy(runs=2, warm_up=1, warm_up_seconds=0.0, lead=3),
        untimed=1,
    )
    assert "".join(calls) == "aabb" * 3
    assert [len(row) for row in times.values()] == [2, 2]
    calls.clear()
    measure({"a": lambda: calls.append("a")}, Policy(2, 1, 0.0), untimed=1)
    assert "".join(calls) == "aa" * 3


def test_a_single_candidate_needs_no_lead() -> None:
    calls: list[int] = []
    measure({"a": lambda: calls.append(1)}, Policy(5, 0, 0.0, lead=3))
    assert len(calls) == 5


def test_the_warm_up_lasts_as_long_as_it_says() -> None:
    begin = time.perf_counter()
    calls: list[int] = []
    measure({"a": lambda: calls.append(1)}, Policy(1, 1, 0.05))
    assert time.perf_counter() - begin >= 0.05
    assert len(calls) > 2


def test_times_are_those_of_the_calls() -> None:
    times = measure(
        {"short": lambda: None, "long": lambda: time.sleep(0.003)}, Policy(5, 0, 0.0, lead=0)
    )
    assert times["long"].min() >= 3.0
    assert times["short"].min() < 1.0


def test_the_clock_is_monotonic_and_states_its_cost() -> None:
    clock = Clock.measured(101)
    assert "MONOTONIC" in clock.name
    assert 0 < clock.overhead_ns < 1e6
    assert clock.resolution_ns <= 1000


@pytest.mark.parametrize(("runs", "warm_up"), [(0, 0), (-1, 0), (1, -1), (10**9, 0)])
def test_a_policy_out_of_range_is_refused(runs: int, warm_up: int) -> None:
    with pytest.raises(InputError, match="runs must be"):
        Policy(runs, warm_up)
