"""The distribution of a set of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

Times = NDArray[np.float64]

_LEAST_RUNS = {90: 10, 95: 20, 99: 100}
"""Runs from which a percentile is more than the largest value."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Times in milliseconds.

    Attributes:
        n: Number of runs.
        minimum: The fastest.
        mean: Arithmetic mean.
        median: The middle one.
        p90: 90th percentile (linear interpolation); None below 10 runs.
        p95: 95th percentile; None below 20 runs.
        p99: 99th percentile; None below 100 runs.
        maximum: The slowest.
        std: Standard deviation of the sample (n - 1); 0 for one run.
        quartiles: 25th and 75th percentile.
    """

    n: int
    minimum: float
    mean: float
    median: float
    p90: float | None
    p95: float | None
    p99: float | None
    maximum: float
    std: float
    quartiles: tuple[float, float]

    @staticmethod
    def of(times: Sequence[float] | Times) -> Distribution:
        """Summarise times in milliseconds.

        Raises:
            InputError: There are none, or one is not finite or below 0.
        """
        rows = np.asarray(times, dtype=np.float64)
        if rows.ndim != 1 or rows.size == 0 or not np.isfinite(rows).all() or (rows < 0).any():
            raise InputError("times must be one or more finite numbers of milliseconds, 0 or more")
        n = int(rows.size)
        p90, p95, p99 = (
            float(np.percentile(rows, percent)) if n >= least else None
            for percent, least in _LEAST_RUNS.items()
        )
        low, median, high = (float(value) for value in np.percentile(rows, (25, 50, 75)))
        return Distribution(
            n=n,
            minimum=float(rows.min()),
            mean=float(rows.mean()),
            median=median,
            p90=p90,
            p95=p95,
            p99=p99,
            maximum=float(rows.max()),
            std=float(rows.std(ddof=1)) if n > 1 else 0.0,
            quartiles=(low, high),
        )

    @property
    def fps(self) -> float:
        """Runs per second at the mean time; 0 if the clock saw no time pass."""
        return 1e3 / self.mean if self.mean > 0 else 0.0

    @property
    def spread(self) -> float:
        """Distance of the quartiles, as a share of the median; 0 where the median is 0."""
        low, high = self.quartiles
        return (high - low) / self.median if self.median > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Every figure, to a tenth of a microsecond, and runs per second."""
        rounded = {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        rounded["quartiles"] = [round(value, 4) for value in self.quartiles]
        return {**rounded, "spread": round(self.spread, 4), "fps": round(self.fps, 3)}

    @staticmethod
    def from_dict(record: dict[str, Any]) -> Distribution:
        """What :meth:`to_dict` made.

        Raises:
            KeyError, TypeError, ValueError: It did not make this.
        """
        low, high = record["quartiles"]
        p90, p95, p99 = (
            None if record[key] is None else float(record[key]) for key in ("p90", "p95", "p99")
        )
        return Distribution(
            n=int(record["n"]),
            minimum=float(record["minimum"]),
            mean=float(record["mean"]),
            median=float(record["median"]),
            p90=p90,
            p95=p95,
            p99=p99,
            maximum=float(record["maximum"]),
            std=float(record["std"]),
            quartiles=(float(low), float(high)),
        )
