"""Timing calls: a monotonic clock, a stated warm-up, and candidates in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from facesdk.errors import InputError
from facesdk.measure.distribution import Times

Tick = Callable[[int, int], object]
"""Called between runs, outside of every time, with the runs done and those to do."""

Name = TypeVar("Name")
"""How a candidate is called; any key of a dict."""

MAX_RUNS = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """How often something is run.

    Attributes:
        runs: Timed runs, 1 to :data:`MAX_RUNS`.
        warm_up: Runs before them that are not counted, 0 or more.
        warm_up_seconds: The warm-up also lasts that long at least, 0 or more: a processor that
            was idle takes a while until its clock is up.
        lead: Where candidates take turns: runs of each before the one that is timed, so that it
            has its caches and branch predictions back and is timed as if it ran alone.
    """

    runs: int = 100
    warm_up: int = 10
    warm_up_seconds: float = 0.3
    lead: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.runs <= MAX_RUNS:
            raise InputError(f"runs must be 1 to {MAX_RUNS}, but got {self.runs}")
        if not 0 <= self.warm_up <= MAX_RUNS:
            raise InputError(f"warm-up runs must be 0 to {MAX_RUNS}, but got {self.warm_up}")

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Clock:
    """What the clock itself does to a time.

    Attributes:
        name: The system call that makes ``time.perf_counter_ns``.
        resolution_ns: Its resolution.
        overhead_ns: What timing an empty call gives, in the median: it is in every time here.
    """

    name: str
    resolution_ns: float
    overhead_ns: float

    @staticmethod
    def measured(runs: int = 1001) -> Clock:
        """The clock of this process."""
        info = time.get_clock_info("perf_counter")
        times = measure({"": lambda: None}, Policy(runs, 100, 0.0))[""]
        return Clock(info.implementation, info.resolution * 1e9, float(np.median(times)) * 1e6)

    def to_dict(self) -> dict[str, Any]:
        """All of it, in whole nanoseconds."""
        return {
            "name": self.name,
            "resolution_ns": round(self.resolution_ns),
            "overhead_ns": round(self.overhead_ns),
        }


def measure(
    candidates: Mapping[Name, Callable[[], object]],
    policy: Policy,
    tick: Tick | None = None,
    *,
    untimed: int | None = None,
) -> dict[Name, Times]:
    """Time calls; several candidates take turns, so that drift hits all alike.

    Args:
        candidates: What to call, by name; at least one.
        policy: How often.
        tick: Called before the first timed run and after each.
        untimed: Calls of a candidate before each of its runs, those of the warm-up included, 0 or
            more. None is the policy's ``lead`` before each timed run of several candidates, and
            none where there is only one.

    Returns:
        For each candidate its times in milliseconds, in order.
    """
    warm_up(candidates, policy, untimed=untimed or 0)
    if untimed is None:
        untimed = policy.lead if len(candidates) > 1 else 0
    times = {name: np.empty(policy.runs) for name in candidates}
    if tick:
        tick(0, policy.runs)
    for run in range(policy.runs):
        for name, call in candidates.items():
            for _ in range(untimed):
                call()
            start = time.perf_counter_ns()
            call()
            times[name][run] = (time.perf_counter_ns() - start) / 1e6
        if tick:
            tick(run + 1, policy.runs)
    return times


def warm_up(
    candidates: Mapping[Name, Callable[[], object]], policy: Policy, *, untimed: int = 0
) -> None:
    """Run candidates as often and as long as the policy says, ``1 + untimed`` calls per turn."""
    end = time.perf_counter() + policy.warm_up_seconds
    done = 0
    while done < policy.warm_up or time.perf_counter() < end:
        for call in candidates.values():
            for _ in range(1 + untimed):
                call()
        done += 1
