"""Operators alone: each different one once, all of them accounted for."""

from __future__ import annotations

from collections import Counter

import pytest

from facesdk.bench.ops import bench_ops
from facesdk.bench.peaks import measure_peaks
from facesdk.measure.timing import Policy
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle


@pytest.mark.parametrize("name", ["compactfacenet-qb", "mtcnn-rnet"])
def test_the_shapes_of_a_model_are_all_of_its_operators(name: str) -> None:
    path = registry.resolve(name)
    report = bench_ops(path, Policy(2, 0, 0.0, lead=0))
    operators = ModelBundle.load(path).graph.working
    counted: Counter[str] = Counter()
    for row in report.shapes:
        counted[row.operator.name] += row.count
        assert row.latency.n == 2
        assert (row.rate is not None) == (row.multiplied.count > 0 and row.latency.median > 0)
        own = row.operator.name.startswith("Lce")
        assert row.kernels.startswith("facesdk ") == own
    assert counted == Counter(operator.name for operator in operators)
    assert report.notes == ()
    assert report.call_ms > 0
    totals = [row.count * row.latency.median for row in report.shapes]
    assert totals == sorted(totals, reverse=True)


def test_operators_of_other_options_are_other_shapes() -> None:
    report = bench_ops(registry.resolve("mtcnn-onet"), Policy(1, 0, 0.0, lead=0))
    pools = [row for row in report.shapes if row.operator.name == "MAX_POOL_2D"]
    assert sum(row.count for row in pools) == 3
    assert len({row.operator.raw_options for row in pools}) >= 2


def test_the_roofs_are_above_what_a_layer_needs() -> None:
    peaks = measure_peaks()
    assert peaks.binary is not None
    assert peaks.memory > 0
    assert peaks.binary > peaks.float32  # a bit costs less than a float on every path but reference
