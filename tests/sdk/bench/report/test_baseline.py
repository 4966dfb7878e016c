"""What counts as slower, and which baselines are refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.bench.report.baseline import compare, read_baseline
from facesdk.errors import InputError
from facesdk.measure.distribution import Distribution

ENVIRONMENT = {"board": "b", "cpu": "c", "kernel_path": "neon"}


def report(**models: Any) -> dict[str, Any]:
    return {
        "schema": "facesdk.bench",
        "schema_version": 1,
        "kind": "models",
        "threads": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "environment": ENVIRONMENT,
        "flags": [],
        "models": [
            {"name": name, "latency_ms": Distribution.of(times).to_dict()}
            for name, times in models.items()
        ],
    }


def times(median: float, spread: float = 0.02, minimum: float | None = None) -> Any:
    """A hundred times with that median and that distance of the quartiles as a share of it."""
    rows = median * (1 + np.linspace(-spread, spread, 101))
    if minimum is not None:
        rows[0] = minimum
    return rows


def ops(*rows: tuple[int, Any]) -> dict[str, Any]:
    """A report of operators of one shape, each with its number in the model."""
    shapes = [
        {
            "name": "CONV_2D",
            "operator": number,
            "shape": "1x2 -> 1x2",
            "filter": [],
            "latency_ms": Distribution.of(row).to_dict(),
        }
        for number, row in rows
    ]
    return report() | {"kind": "ops", "shapes": shapes}


def test_operators_of_one_shape_are_told_apart_by_their_numbers() -> None:
    before = ops((3, times(1.0)), (7, times(0.2)))
    comparison = compare(ops((7, times(0.2)), (3, times(5.0))), before)
    assert {change.name[-12:]: change.verdict for change in comparison.changes} == {
        "(operator 7)": "same",
        "(operator 3)": "slower",
    }


@pytest.mark.parametrize(("before", "after"), [(0.0, 4e-4), (9e-4, 1.5e-3)])
def test_a_change_below_what_a_call_varies_by_is_none(before: float, after: float) -> None:
    comparison = compare(ops((0, times(after, spread=0))), ops((0, times(before, spread=0))))
    assert [change.verdict for change in comparison.changes] == ["same"]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (times(1.0), times(1.0), "same"),
        (times(1.0), times(1.04), "same"),
        (times(1.0), times(1.10), "slower"),
        (times(1.0), times(0.90), "faster"),
        (times(1.0), times(1.10, spread=0.3), "same"),  # noise of 30 %
        (times(1.0, spread=0.3), times(1.10), "same"),
        (times(1.0, spread=0.3), times(1.50, spread=0.1), "slower"),
        (times(1.0), times(1.30, minimum=0.98), "same"),  # load, but the fastest run is as fast
    ],
)
def test_slower_is_more_than_noise(before: Any, after: Any, verdict: str) -> None:
    comparison = compare(report(a=after), report(a=before))
    assert [change.verdict for change in comparison.changes] == [verdict]
    assert comparison.regressed == (verdict == "slower")


def test_one_slower_time_of_several_is_a_regression() -> None:
    now = report(a=times(1.0), b=times(2.0), c=times(3.0))
    comparison = compare(now, report(a=times(1.0), b=times(1.5), d=times(1.0)))
    assert comparison.regressed
    assert comparison.only_before == ("d",)
    assert comparison.only_now == ("c",)
    assert comparison.to_dict()["changes"][1]["verdict"] == "slower"


def test_another_computer_is_named() -> None:
    other = {**report(a=times(1.0)), "environment": {**ENVIRONMENT, "cpu": "d", "kernel": "x"}}
    assert compare(report(a=times(1.0)), other).differences == ("cpu",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ops"}, "its kind is 'ops'"),
        ({"threads": 4}, "its threads is 4"),
        ({"models": []}, "no time in common"),
        ({"models": [{"name": "a"}]}, "damaged: KeyError"),
        ({"models": [{"name": "a", "latency_ms": {"n": "x"}}]}, "damaged"),
        ({"models": 5}, "damaged"),
        ({"environment": None}, "damaged"),
    ],
)
def test_what_does_not_compare_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(report(a=times(1.0)), {**report(a=times(1.0)), **change})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[1]", "is not a report"),
        ('{"schema": "other"}', "is not a report"),
        ('{"schema": "facesdk.bench", "schema_version": 99}', "has version 99"),
        ("\x00\xff", "is not JSON"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        read_baseline(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the baseline"):
        read_baseline(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot read the baseline"):
        read_baseline(tmp_path)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    record = report(a=times(1.0))
    path.write_text(json.dumps(record))
    assert read_baseline(path) == copy.deepcopy(record)
