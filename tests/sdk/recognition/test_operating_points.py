"""Thresholds between the calibrated ones, and what a similarity says, against lines and counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import recognition
from facesdk.errors import InputError
from facesdk.evaluation.calibration import PairSimilarities, calibrate, probability
from facesdk.models.contract import Contract, Probability, Threshold
from facesdk.recognition.matching import decide
from facesdk.recognition.operating_points import DEFAULT_FMR, confidence, point_for
from facesdk.results import Embedding


def contract(*rows: tuple[float, float], curve: Probability | None = None) -> Contract:
    thresholds = tuple(Threshold(fmr, similarity, 0.1, 1000, 10**6) for fmr, similarity in rows)
    return recognition(thresholds=thresholds, probability=curve)


THREE = contract((1e-4, 0.5), (1e-3, 0.4), (1e-2, 0.25), curve=Probability(20, -5, 1000, 10**6))
KNOWN_FMR = [1e-4, 1e-3, 1e-2]
KNOWN_SIMILARITY = [0.5, 0.4, 0.25]


@given(st.floats(math.log(1e-4), math.log(1e-2)))
def test_between_thresholds_it_is_the_line_of_the_logarithm(logarithm: float) -> None:
    fmr = math.exp(logarithm)
    point = point_for(THREE, fmr)
    line = np.interp(math.log(fmr), np.log(KNOWN_FMR), KNOWN_SIMILARITY)
    assert point.similarity == pytest.approx(line, abs=1e-6)
    assert confidence(THREE, point.similarity).fmr == pytest.approx(fmr, rel=1e-3)
    assert bool(point.note) is not any(
        math.isclose(fmr, known, rel_tol=1e-6) for known in KNOWN_FMR
    )


@pytest.mark.parametrize(
    ("fmr", "similarity"), [(1e-5, 0.6), (3e-5, 0.5 + 0.1 * math.log10(1 / 0.3)), (0.1, 0.1)]
)
def test_a_decade_beyond_the_line_goes_on_and_says_so(fmr: float, similarity: float) -> None:
    point = point_for(THREE, fmr)
    assert point.similarity == pytest.approx(similarity)
    assert point.fmr == fmr
    assert "extrapolated" in point.note


@pytest.mark.parametrize(
    ("known", "fmr", "words"),
    [
        (THREE, 9e-6, "more than ten times beyond"),
        (THREE, 0.11, "it has: 0.0001, 0.001, 0.01"),
        (contract((1e-2, 0.3)), 1e-3, "do not tell how the rate goes on"),
        (contract((1e-3, 0.3), (1e-2, 0.3)), 1e-4, "do not tell how the rate goes on"),
        (contract((1e-3, 0.95), (1e-2, 0.8)), 1e-4, "beyond"),
        (THREE, 0.0, "above 0 and below 1"),
        (THREE, float("nan"), "above 0 and below 1"),
        (contract(), 1e-3, "facesdk calibrate"),
    ],
)
def test_a_rate_that_nobody_can_tell_is_refused(known: Contract, fmr: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        point_for(known, fmr)


@pytest.mark.parametrize(
    ("rows", "similarity", "fmr"),
    [
        ([(1e-4, 0.5), (1e-3, 0.4)], 0.4, 1e-3),
        ([(1e-4, 0.5), (1e-2, 0.25)], 0.375, DEFAULT_FMR),
        ([(1e-2, 0.25)], 0.25, 1e-2),
        ([(1e-2, 0.25), (1e-1, 0.1)], 0.25, 1e-2),
        ([(1e-5, 0.6), (1e-4, 0.5)], 0.5, 1e-4),
    ],
)
def test_the_default_is_one_in_a_thousand_or_the_nearest(
    rows: list[tuple[float, float]], similarity: float, fmr: float
) -> None:
    point = point_for(contract(*rows))
    assert (point.similarity, point.fmr) == (pytest.approx(similarity), fmr)
    measured = any(row[0] == DEFAULT_FMR for row in rows)
    assert bool(point.note) is not measured
    if fmr != DEFAULT_FMR:
        assert "not calibrated for an FMR of 0.001" in point.note


@given(st.floats(-1, 1))
def test_a_similarity_beyond_the_thresholds_has_a_bound(similarity: float) -> None:
    said = confidence(THREE, similarity)
    if similarity > 0.5:
        assert (said.fmr, said.bound) == (1e-4, "at most")
    elif similarity < 0.25:
        assert (said.fmr, said.bound) == (1e-2, "at least")
    else:
        line = np.interp(similarity, KNOWN_SIMILARITY[::-1], np.log(KNOWN_FMR)[::-1])
        assert said.bound == ""
        assert said.fmr == pytest.approx(math.exp(line))
    assert said.probability == pytest.approx(1 / (1 + math.exp(-(20 * similarity - 5))))


def test_the_rate_of_a_similarity_is_that_of_the_pairs() -> None:
    """Normal impostors: their tail bends, so a line over a decade is off by a fifth at most."""
    rng = np.random.default_rng(1)
    pairs = PairSimilarities(
        rng.normal(0.6, 0.1, 2000).astype(np.float32),
        rng.normal(0.0, 0.12, 400_000).astype(np.float32),
    )
    known = recognition(
        thresholds=calibrate(pairs, (1e-4, 1e-3, 1e-2)), probability=probability(pairs)
    )
    for similarity in (0.30, 0.34, 0.40, 0.43):
        share = float(np.mean(pairs.negatives >= similarity))
        assert confidence(known, similarity).fmr == pytest.approx(share, rel=0.2)


def test_an_old_contract_says_what_it_lacks() -> None:
    said = confidence(replace(THREE, probability=None), 0.45)
    assert said.probability is None
    assert said.fmr is not None
    assert "has no probability" in said.missing
    bare = confidence(contract(), 0.45)
    assert (bare.probability, bare.fmr) == (None, None)
    assert "no threshold and no probability" in bare.missing


def test_a_verdict_has_all_of_it() -> None:
    first = Embedding(np.eye(192, dtype=np.float32)[0], "m", "0" * 64)
    second = Embedding(
        0.45 * np.eye(192)[0] + math.sqrt(1 - 0.45**2) * np.eye(192)[1], "m", "0" * 64
    )
    match = decide(first, second, THREE, fmr=3e-4)
    assert match.confidence == confidence(THREE, match.similarity)
    assert match.fmr == 3e-4
    assert "between those for an FMR of 0.0001 and 0.001" in match.note
    given_one = decide(first, second, THREE, threshold=0.3)
    assert (given_one.threshold, given_one.fmr, given_one.note) == (0.3, None, "")
    assert given_one.confidence == match.confidence
