"""The threshold of a gallery against exact arithmetic."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.open_set import fpir_of, needed_fmr, operating_point

CONTRACT = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).contract

RATES = st.floats(1e-9, 0.5)


def exact_fpir(fmr: float, comparisons: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return 1 - (1 - Decimal(fmr)) ** comparisons


@given(RATES, st.integers(0, 10**6))
def test_the_rate_is_that_of_the_formula(fmr, comparisons):
    assert fpir_of(fmr, comparisons) == pytest.approx(float(exact_fpir(fmr, comparisons)), rel=1e-9)


@given(RATES, st.integers(1, 10**6))
def test_the_needed_rate_gives_the_wanted_one(fpir, comparisons):
    assert float(exact_fpir(needed_fmr(fpir, comparisons), comparisons)) == pytest.approx(
        fpir, rel=1e-6
    )


@given(st.floats(1e-6, 0.9), st.integers(0, 3000))
def test_the_most_lenient_threshold_that_keeps_the_rate_is_chosen(fpir, comparisons):
    point = operating_point(CONTRACT, comparisons, fpir=fpir)
    keep = [
        row
        for row in CONTRACT.thresholds
        if float(exact_fpir(row.fmr, max(comparisons, 1))) <= fpir * (1 + 1e-6)
    ]
    if keep:
        best = min(keep, key=lambda row: row.similarity)
        assert (point.threshold, point.fmr, point.note) == (best.similarity, best.fmr, "")
        assert point.fpir == pytest.approx(float(exact_fpir(best.fmr, comparisons)))
        assert point.fpir <= fpir * (1 + 1e-6)
    else:
        strictest = max(CONTRACT.thresholds, key=lambda row: row.similarity)
        assert point.threshold == strictest.similarity
        assert f"{point.fpir:.2g}" in point.note and "calibrate" in point.note


def test_nothing_is_said_of_a_rate_that_the_model_does_not_state():
    point = operating_point(CONTRACT, 100, fpir=0.01, threshold=0.1)
    assert (point.threshold, point.fmr, point.fpir) == (0.1, None, None)
    assert "states no FMR" in point.note


def test_a_threshold_between_two_has_the_rate_of_the_lower_one():
    low, high = CONTRACT.thresholds[1], CONTRACT.thresholds[0]
    between = (low.similarity + high.similarity) / 2
    point = operating_point(CONTRACT, 10, fpir=0.01, threshold=between)
    assert (point.threshold, point.fmr) == (between, low.fmr)
    assert point.fpir == pytest.approx(fpir_of(low.fmr, 10))


def test_a_threshold_of_the_contract_is_used_as_it_is():
    point = operating_point(CONTRACT, 5000, fpir=0.01, fmr=1e-3)
    assert point.threshold == CONTRACT.threshold_for(1e-3).similarity
    assert point.fpir == pytest.approx(fpir_of(1e-3, 5000))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fpir": 0.0}, "FPIR must be above 0 and below 1"),
        ({"fpir": 1.0}, "FPIR must be above 0 and below 1"),
        ({"fpir": float("nan")}, "FPIR must be above 0"),
        ({"fpir": 0.01, "threshold": 1.1}, "threshold must be in"),
        ({"fpir": 0.01, "threshold": float("nan")}, "threshold must be in"),
        ({"fpir": 0.01, "threshold": 0.5, "fmr": 1e-3}, "not both"),
        ({"fpir": 0.01, "fmr": 0.2}, "no threshold for a false match rate of 0.2"),
    ],
)
def test_values_out_of_range(options, words):
    with pytest.raises(InputError, match=words):
        operating_point(CONTRACT, 10, **options)


def test_a_model_without_thresholds_needs_one():
    bare = replace(CONTRACT, thresholds=(), thresholds_source="")
    with pytest.raises(InputError, match="facesdk calibrate"):
        operating_point(bare, 10, fpir=0.01)
    assert operating_point(bare, 10, fpir=0.01, threshold=0.5).threshold == 0.5
