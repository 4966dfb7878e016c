"""Which numbers of a teacher's embedding a shorter student is to imitate.

After P. Luo, Z. Zhu, Z. Liu, X. Wang and X. Tang, "Face Model Compression by Distilling Knowledge
from Neurons", AAAI 2016: of the neurons of a teacher's highest hidden layer, those are kept that
tell people apart and do not tell it twice; the others carry pose, light and noise. The paper
minimises an energy over the neurons chosen, a term for each neuron from linear discriminant
analysis and one for each pair. Ours has the same form, with identities alone, since crops have no
labelled attributes:

    E(S) = - sum over i in S of s_i + 1 / (|S| - 1) sum over pairs i < j in S of r_ij^2

with s_i the share of neuron i's variance that lies between people (0 to 1), and r_ij the
correlation of two neurons. The subset is grown by the best neuron each time, and then neurons are
exchanged while an exchange lowers E, so the result is a local minimum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError


def discriminative_shares(
    embeddings: NDArray[np.floating], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of each neuron's variance that lies between people, 0 to 1.

    Args:
        embeddings: float [N, D].
        labels: int64 [N]: who each row shows, 0 to C - 1.

    Returns:
        float64 [D]: the sum of squares between the people's means over the total sum; 0 where a
        neuron is constant.
    """
    values = np.asarray(embeddings, np.float64)
    centred = values - values.mean(axis=0)
    counts = np.bincount(labels)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, labels, centred)
    present = counts > 0
    between = np.sum(sums[present] ** 2 / counts[present, np.newaxis], axis=0)
    total = np.sum(centred**2, axis=0)
    return np.divide(between, total, out=np.zeros_like(total), where=total > 0)


def squared_correlations(embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    """Squared correlation of each pair of neurons, float64 [D, D]; 0 with constant ones."""
    values = np.asarray(embeddings, np.float64)
    centred = values - values.mean(axis=0)
    lengths = np.sqrt(np.sum(centred**2, axis=0))
    units = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return (units.T @ units) ** 2


def energy(
    chosen: NDArray[np.int64], shares: NDArray[np.float64], redundancy: NDArray[np.float64]
) -> float:
    """E of a subset, see the module.

    Args:
        chosen: int64 [K], the neurons.
        shares: From :func:`discriminative_shares`.
        redundancy: From :func:`squared_correlations`.
    """
    pairs = redundancy[np.ix_(chosen, chosen)]
    double = pairs.sum() - np.trace(pairs)
    return float(-shares[chosen].sum() + 0.5 * double / max(1, len(chosen) - 1))


def select_neurons(
    embeddings: NDArray[np.floating], labels: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """The neurons that tell people apart without telling it twice.

    Args:
        embeddings: float [N, D], a teacher's.
        labels: int64 [N]: who each row shows, 0 to C - 1.
        count: How many neurons to keep, 1 to D.

    Returns:
        int64 [count], rising.

    Raises:
        InputError: There are fewer neurons than that, or fewer than two people.
    """
    length = embeddings.shape[1]
    if not 1 <= count <= length:
        raise InputError(f"1 to {length} neurons of the teacher can be selected, not {count}")
    if len(np.unique(labels)) < 2:
        raise InputError("neurons are selected by how they tell people apart: label 2 or more")
    shares, redundancy = discriminative_shares(embeddings, labels), squared_correlations(embeddings)
    chosen = np.zeros(length, bool)
    pair_weight = 1 / max(1, count - 1)
    overlap = np.zeros(length)
    for _ in range(count):
        gains = np.where(chosen, -np.inf, shares - pair_weight * overlap)
        best = int(gains.argmax())
        chosen[best] = True
        overlap += redundancy[best]
    while _exchanged(chosen, shares, pair_weight * redundancy):
        pass
    return np.flatnonzero(chosen)


_LEAST_GAIN = 1e-9


def _exchanged(
    chosen: NDArray[np.bool_], shares: NDArray[np.float64], penalty: NDArray[np.float64]
) -> bool:
    """Makes the exchange of two neurons that lowers E most; False where none does."""
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    if not len(outside):
        return False
    overlap = penalty[:, inside].sum(axis=1)
    worth = shares - overlap
    own = worth[inside] + penalty[inside, inside]
    gains = worth[outside][np.newaxis] + penalty[np.ix_(inside, outside)] - own[:, np.newaxis]
    leaving, entering = np.unravel_index(gains.argmax(), gains.shape)
    if gains[leaving, entering] <= _LEAST_GAIN:
        return False
    chosen[inside[leaving]], chosen[outside[entering]] = False, True
    return True
