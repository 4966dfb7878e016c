"""Numbers that share few values: clusters of weights, and Huffman's code for their places.

S. Han, H. Mao and W. Dally, "Deep Compression", ICLR 2016, sections 3 and 4. The weights w of a
layer become c[p], with 2^bits values c and a place p per weight, such that sum (w - c[p])^2 is a
minimum of k-means. The values begin evenly spaced from the least weight to the greatest, since few
weights are large and those matter most (section 3.2). In training, the gradient of a value is the
sum of the gradients of its weights (equation 3).

NumPy in, NumPy out. Cost: k-means in one dimension, a sort and then steps that search the sorted
weights once per value.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

LEAST_BITS, MOST_BITS = 2, 8
_ITERATIONS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Few values and where they go.

    Attributes:
        values: float32 (K,) in ascending order, or (K, d) of vectors.
        places: int32 in the shape of what shares them, 0 to K - 1.
    """

    values: NDArray[np.float32]
    places: NDArray[np.int32]

    @property
    def weights(self) -> NDArray[np.float32]:
        """The values at their places."""
        return self.values[self.places]


def check_bits(bits: int) -> None:
    """Raises InputError for a number of bits that no codebook has."""
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise InputError(f"bits must be {LEAST_BITS} to {MOST_BITS}, but got {bits}")


def cluster(weights: NDArray[np.float32], bits: int) -> Codebook:
    """The clusters of a layer's weights.

    A weight of exactly 0 stays 0, so that pruned weights stay pruned: where there are such, 0 is
    one of the 2^bits values and the others share the rest.

    Args:
        weights: Of any shape, not empty.
        bits: Bits of a place, 2 to 8.

    Raises:
        InputError: There is no such number of bits.
    """
    check_bits(bits)
    kept = weights[weights != 0]
    pruned = kept.size < weights.size
    values = _centres(kept, 2**bits - pruned) if kept.size else np.empty(0, np.float32)
    if pruned:
        values = np.unique(np.append(values, np.float32(0)))
    places = nearest(weights, values)
    if pruned:
        zero = int(np.searchsorted(values, 0))
        # A weight that is not 0 but nearest to it becomes 0; the reverse never happens.
        places[weights == 0] = zero
    return Codebook(values, places)


def nearest(weights: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.int32]:
    """The place of the nearest of ascending values, for each weight; the lower of two as near."""
    middles = (values[1:].astype(np.float64) + values[:-1]) / 2
    return np.searchsorted(middles, weights).astype(np.int32)


def _centres(weights: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Lloyd's k-means on sorted weights, whose clusters are runs: sums come from running sums.

    A value that no weight is nearest to is left out.
    """
    distinct = np.unique(weights)
    if len(distinct) <= count:
        return distinct
    ordered = np.sort(weights.astype(np.float64), axis=None)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    values = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(_ITERATIONS):
        cuts = np.searchsorted(ordered, (values[1:] + values[:-1]) / 2, side="right")
        edges = np.concatenate([[0], cuts, [len(ordered)]])
        members = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(members, 1)
        moved = np.where(members > 0, means, values)
        if np.array_equal(moved, values):
            break
        values = moved
    return np.unique(values[members > 0].astype(np.float32))


def huffman_lengths(counts: Sequence[int]) -> list[int]:
    """Bits of each symbol in a Huffman code; 0 for symbols that do not occur.

    D. Huffman, "A Method for the Construction of Minimum-Redundancy Codes", 1952: the two least
    frequent trees become one until one is left. A lone symbol has 1 bit.

    Args:
        counts: How often each symbol occurs.
    """
    lengths = [0] * len(counts)
    trees = [(count, symbol, [symbol]) for symbol, count in enumerate(counts) if count]
    if len(trees) == 1:
        lengths[trees[0][1]] = 1
    heapq.heapify(trees)
    while len(trees) > 1:
        first, second = heapq.heappop(trees), heapq.heappop(trees)
        symbols = first[2] + second[2]
        for symbol in symbols:
            lengths[symbol] += 1
        heapq.heappush(trees, (first[0] + second[0], first[1], symbols))
    return lengths


def huffman_bytes(codebook: Codebook) -> int:
    """Bytes of a layer as deep compression stores it: codes of places, lengths, values."""
    counts = np.bincount(codebook.places.ravel(), minlength=len(codebook.values))
    lengths = huffman_lengths(counts.tolist())
    bits = sum(int(count) * length for count, length in zip(counts, lengths, strict=True))
    return -(-bits // 8) + len(lengths) + codebook.values.nbytes
