"""The map after a recogniser's last layer, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from tools.experiments.recogniser import refit_last_layer as refit


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose spread within people lies mostly along one axis that tells nobody apart."""
    rng = np.random.default_rng(4)
    names = np.repeat(np.arange(240), 5)
    spread = np.diag([3.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    means = rng.normal(size=(240, 8)) * [0.2, *[1.0] * 7]
    return means[names] + rng.normal(size=(1200, 8)) @ spread, names


def test_the_covariance_is_around_each_persons_mean(people: tuple) -> None:
    vectors, names = people
    around = np.concatenate(
        [vectors[names == name] - vectors[names == name].mean(axis=0) for name in range(240)]
    )
    expected = sum(np.outer(row, row) for row in around) / (1200 - 240)
    np.testing.assert_allclose(refit.within(vectors, names), expected, rtol=1e-9)


def test_the_whole_of_it_whitens_and_shrinkage_leaves_more(people: tuple) -> None:
    vectors, names = people
    covariance = refit.within(vectors, names)
    mapped = vectors @ refit.normalisation(covariance, 0.0, 1.0)
    np.testing.assert_allclose(refit.within(mapped, names), np.eye(8), atol=1e-9)
    some = refit.within(vectors @ refit.normalisation(covariance, 1.0, 1.0), names)
    assert np.linalg.cond(some) < np.linalg.cond(covariance)
    np.testing.assert_allclose(
        refit.normalisation(covariance, 0.3, 0.5) @ refit.normalisation(covariance, 0.3, 0.5),
        refit.normalisation(covariance, 0.3, 1.0),
        atol=1e-9,
    )


def test_what_is_chosen_tells_people_apart(people: tuple) -> None:
    vectors, names = people
    plain = refit.unit(vectors)
    setting = refit.chosen(plain, names)
    assert setting[0] in refit.SHRINKAGES
    assert setting[1] == 1.0  # the noisy axis goes
    change = refit.normalisation(refit.within(plain, names), *setting)
    before, after = refit.figures(plain, names), refit.figures(plain @ change, names)
    assert after[0] > before[0]
    assert after[1][1e-3] > before[1][1e-3] + 0.05
