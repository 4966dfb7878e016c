from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.evaluation.sets.people import people_set


@given(st.lists(st.integers(0, 5), min_size=2, max_size=25), st.integers(1, 60))
def test_pairs_are_those_of_two_loops(people: list[int], most: int) -> None:
    names = [f"{number}.jpg" for number in range(len(people))]
    labels = [f"p{person}" for person in people]
    expected = set(itertools.combinations(range(len(people)), 2))
    positives = {(a, b) for a, b in expected if people[a] == people[b]}
    negatives = expected - positives
    if not positives or not negatives:
        with pytest.raises(InputError, match="at least two people"):
            people_set(names, labels, max_negatives=most)
        return
    made = people_set(names, labels, max_negatives=most)
    rows = list(zip(made.first.tolist(), made.second.tolist(), made.same.tolist(), strict=True))
    assert sorted((min(a, b), max(a, b)) for a, b, same in rows if same) == sorted(positives)
    drawn = [(min(a, b), max(a, b)) for a, b, same in rows if not same]
    assert len(set(drawn)) == len(drawn) == min(most, len(negatives))
    assert set(drawn) <= negatives


def test_folds_hold_disjoint_people_and_as_many_pairs_of_each_kind() -> None:
    people = [f"p{number // 4}" for number in range(160)]
    made = people_set([str(number) for number in range(160)], people)
    assert made.people is not None
    seen: dict[int, int] = {}
    for fold in range(10):
        rows = made.folds == fold
        assert made.same[rows].sum() == (~made.same[rows]).sum() > 0
        for person in set(made.people[rows].reshape(-1).tolist()):
            assert seen.setdefault(person, fold) == fold
    assert made.folds.max() == 9


def test_few_people_have_fewer_folds_or_none() -> None:
    five = people_set([str(n) for n in range(10)], [f"p{n // 2}" for n in range(10)])
    assert five.folds.max() == 1
    two = people_set(["a", "b", "c"], ["x", "x", "y"])
    assert (two.folds == -1).all()


def test_a_sample_of_many_pairs_is_always_the_same() -> None:
    people = [f"p{number % 150}" for number in range(600)]
    names = [str(number) for number in range(600)]
    first, second = (people_set(names, people, max_negatives=1000) for _ in range(2))
    np.testing.assert_array_equal(first.first, second.first)
    np.testing.assert_array_equal(first.second, second.second)
    assert (~first.same).sum() == 1000
