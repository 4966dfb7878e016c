"""Fair timing: every candidate runs once a round, in turn, so that drift hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock times of one candidate, in milliseconds.

    Attributes:
        minimum: The fastest run.
        median: The middle run.
        runs: Number of timed runs, after warm-up.
    """

    minimum: float
    median: float
    runs: int


def measure(
    candidates: Mapping[Name, Callable[[], object]], *, runs: int, warm_up: int, untimed: int = 0
) -> dict[Name, Timing]:
    """Time candidates in turn.

    Args:
        candidates: What to call, by name.
        runs: Timed rounds, at least 1.
        warm_up: Rounds before them that are not counted.
        untimed: Calls before each timed one. One gives a candidate its caches back, which the
            others have taken since its last turn: then it is timed as if it ran alone.

    Returns:
        The timing of each, by name.
    """
    times: dict[Name, list[float]] = {name: [] for name in candidates}
    for number in range(warm_up + runs):
        for name, call in candidates.items():
            for _ in range(untimed):
                call()
            start = time.perf_counter()
            call()
            elapsed = (time.perf_counter() - start) * 1e3
            if number >= warm_up:
                times[name].append(elapsed)
    return {
        name: Timing(float(np.min(row)), float(np.median(row)), runs) for name, row in times.items()
    }


def table(timings: Mapping[str, Timing], *, peer: str) -> str:
    """A Markdown table with the ratio of each candidate to a peer (above 1: slower than it)."""
    base = timings[peer]
    lines = [
        f"| candidate | min ms | median ms | n | min / {peer} | median / {peer} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in timings.items():
        lines.append(
            f"| {name} | {row.minimum:.3f} | {row.median:.3f} | {row.runs} "
            f"| {row.minimum / base.minimum:.2f} | {row.median / base.median:.2f} |"
        )
    return "\n".join(lines)
