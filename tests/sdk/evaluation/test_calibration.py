from __future__ import annotations

import itertools

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.evaluation.calibration import (
    PairSimilarities,
    all_pairs,
    balanced_accuracy,
    calibrate,
    probability,
    require_enough,
    require_hope,
    warnings_of,
)
from facesdk.models.contract import Threshold


def scores(positives: int = 500, negatives: int = 40_000) -> PairSimilarities:
    rng = np.random.default_rng(3)
    return PairSimilarities(
        rng.normal(0.6, 0.15, positives).astype(np.float32),
        rng.normal(0.0, 0.12, negatives).astype(np.float32),
    )


def test_all_pairs_are_those_of_two_loops() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(9, 4)).astype(np.float32)
    identities = np.array([0, 0, 1, 2, 2, 2, 3, 1, 0])
    same, different = [], []
    for i, j in itertools.combinations(range(9), 2):
        kind = same if identities[i] == identities[j] else different
        kind.append(embeddings[i] @ embeddings[j])
    pairs = all_pairs(embeddings, identities)
    np.testing.assert_allclose(pairs.positives, same, rtol=1e-5)
    np.testing.assert_allclose(pairs.negatives, different, rtol=1e-5)


def test_a_threshold_lets_no_more_through_than_its_rate_and_is_the_lowest() -> None:
    pairs = scores()
    for threshold in calibrate(pairs, (1e-3, 1e-2)):
        allowed = threshold.fmr * len(pairs.negatives)
        assert np.count_nonzero(pairs.negatives >= threshold.similarity) <= allowed
        lower = np.nextafter(np.float32(threshold.similarity), np.float32(-1))
        assert np.count_nonzero(pairs.negatives >= lower) > allowed
        misses = sum(1 for value in pairs.positives if value < threshold.similarity)
        assert threshold.fnmr == pytest.approx(misses / len(pairs.positives))
        assert threshold.positive_pairs == 500
        assert threshold.negative_pairs == 40_000


def test_equal_negatives_do_not_exceed_the_rate() -> None:
    pairs = PairSimilarities(
        np.full(10, 0.9, np.float32), np.repeat(np.float32([0.5, 0.1]), [100, 9_900])
    )
    (threshold,) = calibrate(pairs, (5e-3,))
    assert np.mean(pairs.negatives >= threshold.similarity) == 0
    assert threshold.fnmr == 0


def test_rates_the_negatives_do_not_support_are_left_out() -> None:
    assert [t.fmr for t in calibrate(scores(), (1e-4, 1e-2, 1e-3))] == [1e-3, 1e-2]


@pytest.mark.parametrize(("positives", "negatives"), [(0, 40_000), (500, 100)])
def test_too_few_pairs_are_an_error(positives: int, negatives: int) -> None:
    with pytest.raises(InputError, match=f"{positives} positive and {negatives} negative"):
        calibrate(scores(positives, negatives), (1e-3, 1e-2))


def test_balanced_accuracy_is_the_best_over_all_thresholds() -> None:
    rng = np.random.default_rng(5)
    pairs = PairSimilarities(
        np.round(rng.normal(0.5, 0.3, 40), 1).astype(np.float32),
        np.round(rng.normal(0.0, 0.3, 90), 1).astype(np.float32),
    )
    best = max(
        (np.mean(pairs.positives >= t) + np.mean(pairs.negatives < t)) / 2
        for t in np.concatenate([pairs.positives, pairs.negatives])
    )
    assert balanced_accuracy(pairs) == pytest.approx(best)


def test_the_probability_is_that_of_two_normal_distributions() -> None:
    """With equal spread the true log odds are a line: slope d/v, nought halfway between."""
    rng = np.random.default_rng(7)
    curve = probability(
        PairSimilarities(
            rng.normal(0.5, 0.12, 20_000).astype(np.float32),
            rng.normal(0.1, 0.12, 200_000).astype(np.float32),
        )
    )
    assert curve is not None
    assert curve.slope == pytest.approx(0.4 / 0.12**2, rel=0.02)
    assert curve.at(0.3) == pytest.approx(0.5, abs=0.02)
    assert (curve.positive_pairs, curve.negative_pairs) == (20_000, 200_000)


def test_no_other_curve_is_likelier() -> None:
    pairs = scores(50, 400)
    curve = probability(pairs)
    assert curve is not None

    def loss(slope: float, intercept: float) -> float:
        total = 0.0
        for values, label in ((pairs.positives, 51 / 52), (pairs.negatives, 1 / 402)):
            p = 1 / (1 + np.exp(-(slope * values.astype(float) + intercept)))
            total -= float(np.mean(label * np.log(p) + (1 - label) * np.log(1 - p))) / 2
        return total

    best = loss(curve.slope, curve.intercept)
    for slope, intercept in itertools.product((-0.05, 0, 0.05), repeat=2):
        assert loss(curve.slope + slope, curve.intercept + intercept) >= best - 1e-12


def test_pairs_that_a_threshold_splits_have_a_finite_slope() -> None:
    curve = probability(
        PairSimilarities(
            np.linspace(0.6, 0.9, 30, dtype=np.float32),
            np.linspace(-0.2, 0.3, 300, dtype=np.float32),
        )
    )
    assert curve is not None
    assert curve.at(0.9) > 0.95
    assert curve.at(-0.2) < 0.02


@pytest.mark.parametrize(
    "pairs",
    [
        PairSimilarities(np.zeros(10, np.float32), np.linspace(0.5, 1, 100, dtype=np.float32)),
        PairSimilarities(np.full(10, 0.3, np.float32), np.full(100, 0.3, np.float32)),
    ],
)
def test_similarities_that_tell_nothing_have_no_probability(pairs: PairSimilarities) -> None:
    assert probability(pairs) is None


def test_one_kind_of_pairs_has_no_probability() -> None:
    with pytest.raises(InputError, match="one kind"):
        probability(PairSimilarities(np.zeros(0, np.float32), np.zeros(9, np.float32)))


def test_a_model_that_tells_nobody_apart_is_refused() -> None:
    rng = np.random.default_rng(2)
    alike = PairSimilarities(*(rng.normal(0, 1, n).astype(np.float32) for n in (500, 40_000)))
    thresholds = calibrate(alike, (1e-3, 1e-2))
    with pytest.raises(InputError, match=r"does not tell these people apart: at FMR 0.01"):
        require_hope(thresholds)
    require_hope(calibrate(scores(), (1e-3, 1e-2)))
    poor = Threshold(1e-3, 0.4, 0.61, 500, 40_000)
    assert warnings_of((poor, Threshold(1e-2, 0.3, 0.2, 500, 40_000))) == (
        "at FMR 0.001 the model takes 61% of the pairs of one person for two people",
    )


def test_photos_of_nobody_twice_are_refused_before_the_work() -> None:
    with pytest.raises(InputError, match="no two of the 3 photos are of one person"):
        require_enough(np.zeros(3, bool), 3, (0.1,))


@pytest.mark.parametrize("fmrs", [(0.1, 0.01), (0.01,)])
def test_as_many_pairs_as_the_strictest_rate_needs_are_enough(fmrs: tuple[float, ...]) -> None:
    pairs = np.r_[np.ones(1, bool), np.zeros(3000, bool)]
    require_enough(pairs, 79, fmrs)
    with pytest.raises(InputError, match=r"needs 3,000 pairs.*79 photos.*have 2,999.*0\.01 or"):
        require_enough(pairs[:-1], 79, fmrs)
