from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.evaluation import intervals
from facesdk.evaluation.intervals import bootstrap, wilson
from facesdk.evaluation.verification import equal_error_rate, error_curve, tar_at_far


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [
        # R. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (0 / 20, 20, 0.0000, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_the_published_table(share: float, count: int, low: float, high: float) -> None:
    assert wilson(share, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_share_and_is_symmetric(count: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, count)) / count
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    assert wilson(1 - share, count) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(("share", "count"), [(0.5, 0), (-0.1, 5), (1.1, 5)])
def test_wilson_refuses_what_is_no_share(share: float, count: int) -> None:
    with pytest.raises(InputError, match="needs a share"):
        wilson(share, count)


def gaussians(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    same = np.arange(count) % 2 == 0
    return rng.normal(2.0 * same, 1.0), same


def test_weights_of_one_give_the_rates_of_the_curve() -> None:
    scores, same = gaussians(400, 1)
    scores = np.round(scores, 1)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    fars = [0.1, 0.03]
    got = intervals._rates(same[order], ends, np.ones(400, np.int64), fars)
    curve = error_curve(scores, same)
    assert got[0] == pytest.approx(equal_error_rate(curve))
    assert got[1:] == pytest.approx([point.tar for point in tar_at_far(curve, fars)])


def test_weighted_pairs_are_repeated_pairs() -> None:
    scores, same = gaussians(60, 2)
    order = np.argsort(-scores, kind="stable")
    weights = np.random.default_rng(3).integers(0, 4, 60)
    got = intervals._rates(same[order], np.arange(60), weights, [0.2])
    curve = error_curve(np.repeat(scores[order], weights), np.repeat(same[order], weights))
    assert got[0] == pytest.approx(equal_error_rate(curve))
    assert got[1] == pytest.approx(tar_at_far(curve, [0.2])[0].tar)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intervals, "PAIR_RESAMPLES", 150)
    phi = NormalDist()
    eer, tar = 1 - phi.cdf(1), 1 - phi.cdf(phi.inv_cdf(0.9) - 2)
    covered = np.zeros(2)
    for seed in range(60):
        scores, same = gaussians(400, seed)
        got = bootstrap(scores, same, [0.1])
        for row, (truth, (low, high)) in enumerate(
            ((eer, got.equal_error_rate), (tar, got.tar[0]))
        ):
            covered[row] += low <= truth <= high
    assert (covered >= 60 * 0.85).all()


def test_the_same_seed_gives_the_same_interval_around_the_estimate() -> None:
    scores, same = gaussians(1000, 5)
    first = bootstrap(scores, same, [0.1, 0.01])
    assert bootstrap(scores, same, [0.1, 0.01]) == first
    assert bootstrap(scores, same, [0.1, 0.01], seed=1) != first
    low, high = first.equal_error_rate
    assert low < equal_error_rate(error_curve(scores, same)) < high


def test_pairs_of_few_people_are_less_certain_than_as_many_independent_ones() -> None:
    rng = np.random.default_rng(7)
    quality = rng.normal(0, 1, 12)
    rows = [(a, b) for a in range(12) for b in range(12) for _ in range(6)]
    people = np.array(rows)
    same = people[:, 0] == people[:, 1]
    scores = rng.normal(2.0 * same, 0.3) + quality[people].sum(axis=1) / 2

    def width(interval: tuple[float, float]) -> float:
        return interval[1] - interval[0]

    by_people = bootstrap(scores, same, [], people).equal_error_rate
    assert width(by_people) > 1.5 * width(bootstrap(scores, same, []).equal_error_rate)


def test_a_handful_of_pairs_that_are_all_right_leaves_much_open() -> None:
    found = bootstrap(np.array([0.9, 0.1, 0.2]), np.array([True, False, False]), [0.5])
    assert found.equal_error_rate == wilson(0.0, 1)
    assert found.tar == (wilson(1.0, 1),)
    assert found.equal_error_rate[1] > 0.5
