"""Times of candidates and of their peer as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facesdk.measure.distribution import Distribution, Times


@dataclass(frozen=True, slots=True)
class Timing:
    """What a table says of one candidate, in milliseconds.

    Attributes:
        minimum: The fastest run.
        median: The middle run.
        runs: Number of timed runs, after warm-up.
    """

    minimum: float
    median: float
    runs: int

    @classmethod
    def of(cls, times: Times) -> Timing:
        """The timing of the runs of a candidate."""
        found = Distribution.of(times)
        return cls(found.minimum, found.median, found.n)


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
