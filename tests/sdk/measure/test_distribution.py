"""Figures of a distribution, against the standard library's."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.measure.distribution import Distribution

TIMES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300)


@given(TIMES)
def test_figures_are_those_of_the_statistics_module(times: list[float]) -> None:
    found = Distribution.of(times)
    assert found.n == len(times)
    assert (found.minimum, found.maximum) == (min(times), max(times))
    assert found.mean == pytest.approx(statistics.fmean(times))
    assert found.median == pytest.approx(statistics.median(times))
    assert found.fps == pytest.approx(1e3 / statistics.fmean(times))
    if len(times) > 1:
        assert found.std == pytest.approx(statistics.stdev(times), abs=1e-6)
        quarters = statistics.quantiles(times, n=4, method="inclusive")
        assert found.quartiles == pytest.approx((quarters[0], quarters[2]))
    if len(times) >= 100:
        percentiles = statistics.quantiles(times, n=100, method="inclusive")
        wanted = (percentiles[89], percentiles[94], percentiles[98])
        assert (found.p90, found.p95, found.p99) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("runs", "known"), [(9, ""), (10, "p90"), (20, "p90 p95"), (100, "p90 p95 p99")]
)
def test_percentiles_need_runs(runs: int, known: str) -> None:
    found = Distribution.of([1.0] * runs)
    assert [
        key for key in ("p90", "p95", "p99") if getattr(found, key) is not None
    ] == known.split()


@given(TIMES)
def test_a_record_comes_back(times: list[float]) -> None:
    found = Distribution.of(times)
    back = Distribution.from_dict(found.to_dict())
    assert back.median == pytest.approx(found.median, abs=1e-4)
    assert back.quartiles == pytest.approx(found.quartiles, abs=1e-4)
    assert (back.p99 is None) == (found.p99 is None)


@pytest.mark.parametrize("times", [[], [float("nan")], [-1.0], [[1.0]]])
def test_what_is_no_time_is_refused(times: list[float]) -> None:
    with pytest.raises(InputError, match="times must be"):
        Distribution.of(times)
