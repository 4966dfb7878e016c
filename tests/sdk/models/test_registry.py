"""The packaged recognisers: chosen by name or by what they are for, and never mixed."""

from __future__ import annotations

import itertools

import pytest

from facesdk import FaceEngine, compare, samples
from facesdk.errors import FaceSDKError
from facesdk.models import registry

LARGEST = 3_000_000


def test_each_alias_is_a_packaged_recogniser_with_thresholds_and_a_probability() -> None:
    found = {entry.contract.name: entry for entry in registry.packaged()}
    for alias, name in registry.ALIASES.items():
        assert registry.resolve(alias) == registry.resolve(name) == found[name].path
        assert registry.is_packaged(alias)
        contract = found[name].contract
        assert contract.task == "recognition"
        assert [row.fmr for row in contract.thresholds] == [1e-4, 1e-3, 1e-2]
        assert contract.probability is not None
        assert "non-commercial" in contract.license
        assert found[name].size <= LARGEST
    assert len(set(registry.ALIASES.values())) == len(registry.ALIASES)


def test_accurate_turns_away_fewer_of_the_same_pairs_than_fast() -> None:
    fast, accurate = (
        {entry.contract.name: entry.contract for entry in registry.packaged()}[name].thresholds
        for name in (registry.ALIASES["fast"], registry.ALIASES["accurate"])
    )
    for one, other in zip(fast, accurate, strict=True):
        assert (one.positive_pairs, one.negative_pairs) == (
            other.positive_pairs,
            other.negative_pairs,
        )
        assert other.fnmr < one.fnmr


@pytest.mark.parametrize("alias", registry.ALIASES)
def test_each_tells_people_apart(alias: str) -> None:
    engine = FaceEngine.load(alias)
    photos = (samples.OBAMA, samples.OBAMA2, samples.BIDEN)
    same = [engine.verify(a, b).same for a, b in itertools.combinations(photos, 2)]
    assert same == [True, False, False]


def test_embeddings_of_the_two_are_never_compared() -> None:
    first, second = (FaceEngine.load(alias).embed(samples.OBAMA) for alias in registry.ALIASES)
    assert first.model_id != second.model_id
    with pytest.raises(FaceSDKError, match="model"):
        compare(first, second, threshold=0.4)
