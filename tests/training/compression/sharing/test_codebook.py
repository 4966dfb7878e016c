from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk_training.compression.sharing.codebook import (
    Codebook,
    cluster,
    huffman_bytes,
    huffman_lengths,
    nearest,
)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_clusters_are_a_fixed_point_of_k_means(bits: int) -> None:
    """Each weight has the nearest value and each value is the mean of its weights."""
    weights = normal(3, 3, 8, 16)
    found = cluster(weights, bits)
    distances = np.abs(weights[..., None] - found.values)
    assert len(found.values) <= 2**bits
    np.testing.assert_array_equal(found.places, distances.argmin(-1))
    np.testing.assert_allclose(
        [weights[found.places == place].mean() for place in range(len(found.values))],
        found.values,
        atol=1e-5,
    )


def lloyd(weights: np.ndarray, count: int) -> np.ndarray:
    """k-means by the definition, from evenly spaced values."""
    values = np.linspace(weights.min(), weights.max(), count)
    for _ in range(500):
        places = np.abs(weights[:, None] - values).argmin(1)
        used = [place for place in range(count) if (places == place).any()]
        values[used] = [weights[places == place].mean() for place in used]
    return values


def test_clusters_are_those_of_k_means_from_evenly_spaced_values() -> None:
    weights = normal(300, seed=3)
    values = lloyd(weights.astype(np.float64), 4)
    np.testing.assert_allclose(cluster(weights, 2).values, values, atol=1e-5)


def test_pruned_weights_stay_pruned() -> None:
    weights = normal(40, 25)
    weights[np.abs(weights) < 1] = 0
    found = cluster(weights, 3)
    assert 4 <= len(found.values) <= 8
    assert 0 in found.values
    np.testing.assert_array_equal(found.weights[weights == 0], 0)
    assert not cluster(np.zeros((2, 3), np.float32), 2).weights.any()


def test_few_values_are_kept_exactly() -> None:
    weights = np.array([[1.5, -2, 1.5], [0.1, -2, 0.1]], np.float32)
    np.testing.assert_array_equal(cluster(weights, 2).weights, weights)


@pytest.mark.parametrize("bits", [1, 9])
def test_no_such_bits(bits: int) -> None:
    with pytest.raises(InputError, match="bits must be 2 to 8"):
        cluster(normal(4), bits)


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=9, unique=True), st.integers(0, 9))
def test_nearest_is_nearest(values: list[float], seed: int) -> None:
    ascending, weights = np.sort(np.float32(values)), normal(50, seed=seed)
    distances = np.abs(weights[:, None].astype(np.float64) - ascending)
    picked = distances[np.arange(50), nearest(weights, ascending)]
    np.testing.assert_allclose(picked, distances.min(1), atol=1e-12)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_huffman_codes_are_the_shortest(counts: list[int]) -> None:
    """Against all lengths that a prefix code can have (Kraft's inequality)."""
    lengths = huffman_lengths(counts)
    used = [(count, length) for count, length in zip(counts, lengths, strict=True) if count]
    assert all(length == 0 for count, length in zip(counts, lengths, strict=True) if not count)
    if len(used) < 2:
        assert [length for _, length in used] == [1] * len(used)
        return
    assert sum(2.0**-length for _, length in used) == 1
    best = min(
        sum(count * length for (count, _), length in zip(used, lengths, strict=True))
        for lengths in itertools.product(range(1, len(used)), repeat=len(used))
        if sum(2.0**-length for length in lengths) <= 1
    )
    assert sum(count * length for count, length in used) == best


def test_huffman_bytes_are_within_a_bit_per_weight_of_the_entropy() -> None:
    places = np.random.default_rng(0).choice(4, 4000, p=[0.7, 0.15, 0.1, 0.05]).astype(np.int32)
    book = Codebook(np.arange(4, dtype=np.float32), places)
    share = np.bincount(places) / 4000
    entropy = -(share * np.log2(share)).sum() * 4000 / 8
    assert entropy <= huffman_bytes(book) - 20 <= entropy + 500
