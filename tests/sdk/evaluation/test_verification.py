"""The measures against naive loops, hand-computed cases, closed forms and their invariants."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.evaluation.verification import (
    best_threshold,
    cross_validate,
    equal_error_rate,
    error_curve,
    error_rates,
    tar_at_far,
)

HAND = ([0.9, 0.8, 0.4, 0.6, 0.3, 0.1], [True, True, True, False, False, False])

# Few distinct similarities, so that ties happen; and neighbours in float64.
SIMILARITY = st.sampled_from([-0.5, 0.0, 0.1, 0.1 + 2**-56, 0.2, 0.25, 0.7, np.nextafter(0.7, 1)])


@st.composite
def scored_pairs(draw: st.DrawFn, least: int = 2) -> tuple[list[float], list[bool]]:
    size = draw(st.integers(least, 24))
    scores = draw(st.lists(SIMILARITY, min_size=size, max_size=size))
    same = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    same[0], same[1] = True, False
    return scores, same


def right(scores: list[float], same: list[bool], threshold: float) -> int:
    return sum((s >= threshold) == label for s, label in zip(scores, same, strict=True))


def rates(scores: list[float], same: list[bool], threshold: float) -> tuple[float, float]:
    positives = [s for s, label in zip(scores, same, strict=True) if label]
    negatives = [s for s, label in zip(scores, same, strict=True) if not label]
    fmr = sum(s >= threshold for s in negatives) / len(negatives)
    fnmr = sum(s < threshold for s in positives) / len(positives)
    return fmr, fnmr


@settings(deadline=None)
@given(scored_pairs())
def test_no_threshold_decides_more_pairs_rightly(pairs: tuple[list[float], list[bool]]) -> None:
    scores, same = pairs
    best = max(right(scores, same, threshold) for threshold in [*scores, math.inf])
    assert right(scores, same, best_threshold(scores, same)) == best


def test_best_threshold_lies_halfway() -> None:
    assert best_threshold([0.8, 0.6, 0.2, 0.1], [True, True, False, False]) == pytest.approx(0.4)


def test_best_threshold_of_inseparable_pairs_is_at_an_end() -> None:
    assert best_threshold([0.1, 0.9, 0.8], [True, False, False]) == np.nextafter(0.9, 1)
    assert best_threshold([0.1, 0.2, 0.9], [True, True, False]) == 0.1


@settings(deadline=None)
@given(scored_pairs(least=8), st.integers(2, 4))
def test_cross_validation_is_the_naive_loop(
    pairs: tuple[list[float], list[bool]], count: int
) -> None:
    scores, same = pairs
    folds = [i % count for i in range(len(scores))]
    same[: 2 * count] = [True] * count + [False] * count
    result = cross_validate(scores, same, folds)
    for fold in range(count):
        rest = [i for i, f in enumerate(folds) if f != fold]
        threshold = best_threshold([scores[i] for i in rest], [same[i] for i in rest])
        tested = [i for i, f in enumerate(folds) if f == fold]
        hits = right([scores[i] for i in tested], [same[i] for i in tested], threshold)
        assert result.thresholds[fold] == threshold
        assert result.accuracies[fold] == hits / len(tested)


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_a_threshold_never_depends_on_the_fold_it_is_used_on(fold: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, same = rng.normal(size=200), rng.random(200) < 0.5
    folds = np.arange(200) % 10
    before = cross_validate(scores, same, folds).thresholds[fold]
    tested = folds == fold
    scores[tested] = rng.normal(5, 3, tested.sum())
    same[tested] = ~same[tested]
    assert cross_validate(scores, same, folds).thresholds[fold] == before


def test_perfect_separation() -> None:
    rng = np.random.default_rng(1)
    same = np.arange(600) % 2 == 0
    scores = np.where(same, rng.uniform(0.5, 1, 600), rng.uniform(-1, 0.4, 600))
    result = cross_validate(scores, same, np.arange(600) // 60)
    curve = error_curve(scores, same)
    assert (result.mean, result.std) == (1.0, 0.0)
    assert equal_error_rate(curve) == 0.0
    assert [point.tar for point in tar_at_far(curve, [1e-1, 1e-2])] == [1.0, 1.0]


def test_similarities_that_say_nothing() -> None:
    rng = np.random.default_rng(2)
    scores, same = rng.normal(size=6000), np.arange(6000) % 2 == 0
    assert cross_validate(scores, same, np.arange(6000) // 600).mean == pytest.approx(0.5, abs=0.03)
    assert equal_error_rate(error_curve(scores, same)) == pytest.approx(0.5, abs=0.03)


def test_two_gaussians_two_deviations_apart() -> None:
    """In closed form: accuracy phi(1), EER 1 - phi(1), TAR 1 - phi(phi^-1(1 - FAR) - 2)."""
    phi = NormalDist()
    rng = np.random.default_rng(3)
    same = np.arange(200_000) % 2 == 0
    scores = rng.normal(2.0 * same, 1.0)
    curve = error_curve(scores, same)
    assert cross_validate(scores, same, np.arange(200_000) // 20_000).mean == pytest.approx(
        phi.cdf(1), abs=0.004
    )
    assert equal_error_rate(curve) == pytest.approx(1 - phi.cdf(1), abs=0.004)
    for point in tar_at_far(curve, [1e-1, 1e-2, 1e-3]):
        assert point.tar == pytest.approx(1 - phi.cdf(phi.inv_cdf(1 - point.far) - 2), abs=0.015)
        assert point.threshold == pytest.approx(phi.inv_cdf(1 - point.far), abs=0.06)


def test_curve_by_hand() -> None:
    curve = error_curve(*HAND)
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.8, 0.6, 0.4, 0.3, 0.1]
    assert curve.fmr * 3 == pytest.approx([0, 0, 0, 1, 1, 2, 3])
    assert curve.fnmr * 3 == pytest.approx([3, 2, 1, 1, 0, 0, 0])
    assert curve.negatives == 3
    assert equal_error_rate(curve) == pytest.approx(1 / 3)
    assert tar_at_far(curve, [0.4]) == ()


@settings(deadline=None)
@given(scored_pairs())
def test_curve_is_the_naive_loop(pairs: tuple[list[float], list[bool]]) -> None:
    scores, same = pairs
    curve = error_curve(scores, same)
    assert curve.thresholds.tolist() == [math.inf, *sorted(set(scores), reverse=True)]
    for threshold, fmr, fnmr in zip(curve.thresholds, curve.fmr, curve.fnmr, strict=True):
        assert (fmr, fnmr) == pytest.approx(rates(scores, same, threshold))


@given(scored_pairs(), st.one_of(SIMILARITY, st.floats(-1, 1)))
def test_error_rates_at_any_threshold_are_the_naive_loop(
    pairs: tuple[list[float], list[bool]], threshold: float
) -> None:
    scores, same = pairs
    found = error_rates(error_curve(scores, same), threshold)
    assert found.threshold == threshold
    assert (found.fmr, found.fnmr) == pytest.approx(rates(scores, same, threshold))


@settings(deadline=None)
@given(scored_pairs(), st.sampled_from([0.05, 0.1, 0.25, 1 / 3, 0.5, 0.75]))
def test_tar_at_far_is_the_naive_loop(pairs: tuple[list[float], list[bool]], far: float) -> None:
    scores, same = pairs
    points = tar_at_far(error_curve(scores, same), [far])
    if far * same.count(False) < 3 - 1e-6:
        assert points == ()
        return
    allowed = [
        (1 - fnmr, -threshold)
        for threshold in [math.inf, *scores]
        for fmr, fnmr in [rates(scores, same, threshold)]
        if fmr <= far + 1e-9
    ]
    assert (points[0].tar, -points[0].threshold) == pytest.approx(max(allowed))


def test_a_far_needs_three_expected_false_accepts() -> None:
    scores = [0.9, 0.7, 0.5, *np.linspace(-0.5, 0.8, 10)]
    curve = error_curve(scores, [True] * 3 + [False] * 10)
    assert tar_at_far(curve, [0.29]) == ()
    (point,) = tar_at_far(curve, [0.3])
    assert point.threshold == pytest.approx(0.5)
    assert point.tar == 1.0


def test_far_is_reported_as_far_as_the_negatives_go() -> None:
    scores = np.linspace(-1, 1, 6000)
    same = np.arange(6000) % 2 == 0
    points = tar_at_far(error_curve(scores, same), [1e-2, 1e-3, 1e-4])
    assert [point.far for point in points] == [1e-2, 1e-3]


@settings(deadline=None)
@given(scored_pairs())
def test_equal_error_rate_sees_only_the_order(pairs: tuple[list[float], list[bool]]) -> None:
    scores, same = pairs
    rate = equal_error_rate(error_curve(scores, same))
    ranks = [float(sorted(set(scores)).index(score)) for score in scores]
    assert equal_error_rate(error_curve(ranks, same)) == pytest.approx(rate)
    mirrored = equal_error_rate(error_curve([-r for r in ranks], [not label for label in same]))
    assert mirrored == pytest.approx(rate)
    assert 0 <= rate <= 1


@pytest.mark.parametrize(
    ("scores", "same", "message"),
    [
        ([0.1, 0.2], [True, True], "one kind"),
        ([0.1, 0.2], [False, False], "one kind"),
        ([], [], "must be bool"),
        ([0.1, math.nan], [True, False], "finite"),
        ([0.1, 0.2, 0.3], [True, False], "one shape"),
        ([0.1, 0.2], [1, 0], "must be bool"),
    ],
)
def test_bad_pairs_are_named(scores: list[float], same: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        error_curve(scores, same)
    with pytest.raises(InputError, match=message):
        best_threshold(scores, same)


@pytest.mark.parametrize("folds", [[0] * 4, [1, 1, 2, 2], [0, 0, 2, 2], [0, 1], [0.0, 0, 1, 1]])
def test_bad_folds_are_named(folds: list[Any]) -> None:
    with pytest.raises(InputError, match="folds must be"):
        cross_validate([0.1, 0.9, 0.2, 0.8], [False, True, False, True], folds)


@pytest.mark.parametrize("far", [0.0, 1.0, -0.1, math.nan])
def test_bad_far_is_named(far: float) -> None:
    with pytest.raises(InputError, match="above 0 and below 1"):
        tar_at_far(error_curve(*HAND), [far])
