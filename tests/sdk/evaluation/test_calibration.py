from __future__ import annotations

import itertools

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.evaluation.calibration import PairSimilarities, all_pairs, balanced_accuracy, calibrate


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
