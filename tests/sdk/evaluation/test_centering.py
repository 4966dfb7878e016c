from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError, ModelError
from facesdk.evaluation import centering
from facesdk.evaluation.centering import MIN_PEOPLE, Centering
from facesdk.evaluation.evaluation import pair_similarities
from facesdk.evaluation.sets.verification_set import VerificationSet


def all_pairs(people: np.ndarray) -> VerificationSet:
    first, second = np.triu_indices(len(people), k=1)
    return VerificationSet(
        "folder",
        tuple(map(str, range(len(people)))),
        first,
        second,
        people[first] == people[second],
        np.full(len(first), -1),
        np.stack([people[first], people[second]], axis=1),
    )


def units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def without(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    direction = mean / np.linalg.norm(mean)
    return units(vectors - np.outer(vectors @ direction, direction))


@settings(max_examples=25, deadline=None)
@given(
    photos=st.lists(st.integers(1, 4), min_size=MIN_PEOPLE, max_size=14),
    length=st.integers(3, 40),
    shared=st.floats(0, 3),
    at_once=st.sampled_from([1, 7, 1 << 18]),
    seed=st.integers(0, 99),
)
def test_each_pair_lacks_the_mean_of_all_others(
    photos: list[int], length: int, shared: float, at_once: int, seed: int
) -> None:
    """Against a loop over pairs; numbers of people have gaps, and photos are in no order."""
    rng = np.random.default_rng(seed)
    people = rng.permutation(np.repeat(3 * np.arange(len(photos)) + 5, photos))
    drawn = rng.normal(size=(len(people), length)) + shared * np.eye(length)[0]
    norms = rng.uniform(0.3, 1, len(people))
    vectors = (norms[:, None] * units(drawn)).astype(np.float32)
    pairs = all_pairs(people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(centering, "_PAIRS_AT_ONCE", at_once)
        found = Centering(pairs, vectors).similarities()
    exact = units(vectors.astype(np.float64))  # lengths are rounded, and short rests enlarge it
    means = {one: exact[people == one].mean(axis=0) for one in set(people)}
    for place, (i, j) in enumerate(itertools.combinations(range(len(people)), 2)):
        others = [mean for one, mean in means.items() if one not in (people[i], people[j])]
        x, y = without(exact[[i, j]], np.sum(others, axis=0))
        assert found[place] == pytest.approx(float(x @ y) * norms[i] * norms[j], abs=1e-6)
    mean = Centering(pairs, vectors).mean
    np.testing.assert_allclose(mean, np.mean(list(means.values()), axis=0), atol=1e-6)


def test_people_who_come_later_are_taken_for_strangers_as_often_as_said() -> None:
    """Measured with a mean that they are part of, strangers seem less alike than later ones are."""
    rng = np.random.default_rng(0)
    shared = 0.6 * np.eye(24)[0]
    here, later = (units(0.2 * rng.normal(size=(n, 24)) + shared) for n in (30, 600))
    pairs = all_pairs(np.arange(30))
    centered = Centering(pairs, here)
    said = float(np.quantile(centered.similarities(), 0.9))
    flattered = float(np.quantile(pair_similarities(pairs, without(here, centered.mean)), 0.9))
    passing = pair_similarities(all_pairs(np.arange(600)), without(later, centered.mean))
    assert abs(np.mean(passing >= said) - 0.1) < 0.02
    assert np.mean(passing >= flattered) > 0.12


def test_embeddings_that_are_all_alike_have_nothing_left() -> None:
    same = np.repeat(np.float32([[0.6, 0.8]]), 24, axis=0)
    with pytest.raises(ModelError, match="nothing but what all have in common"):
        Centering(all_pairs(np.arange(24) // 2), same).similarities()


def test_the_mean_of_few_people_or_of_nobody_known_is_refused() -> None:
    vectors = units(np.random.default_rng(1).normal(size=(9, 4)))
    pairs = all_pairs(np.arange(9))
    with pytest.raises(InputError, match="takes 10 people or more, but these are 9"):
        Centering(pairs, vectors)
    drawn = VerificationSet("bin", pairs.names, pairs.first, pairs.second, pairs.same, pairs.folds)
    with pytest.raises(InputError, match="a folder for each person"):
        Centering(drawn, vectors)
