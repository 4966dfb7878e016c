"""What the photos of one place have in common, taken out of their embeddings.

One camera sees everybody from above, by the same lamp and through the same lens. Part of an
embedding is that, and lets strangers pass. It is about the mean of the embeddings of many people,
whose direction a model can do without (:attr:`facesdk.models.contract.Contract.removed_direction`).
J. Mu and P. Viswanath, "All-but-the-Top" (ICLR 2018), take out the mean, and directions besides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, ModelError
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.results import FloatArray

MIN_PEOPLE = 10
"""The mean of fewer people says more of them than of the place."""

_PAIRS_AT_ONCE = 1 << 18
_LEAST = 1e-12


def people_of(pairs: VerificationSet) -> NDArray[np.int64]:
    """Who is on each photo of a set that has all pairs of its photos.

    Returns:
        int64 ``(N,)``, a number for each person, from 0 on.

    Raises:
        InputError: It is not known who is on the photos, or they are too few.
    """
    if pairs.people is None:
        raise InputError(
            "what photos have in common is the mean of people: give a folder or zip with a folder "
            "for each person"
        )
    person = np.empty(len(pairs.names), np.int64)
    person[pairs.first], person[pairs.second] = pairs.people.T
    names, numbers = np.unique(person, return_inverse=True)
    if len(names) < MIN_PEOPLE:
        raise InputError(
            f"what photos have in common takes {MIN_PEOPLE} people or more, but these are "
            f"{len(names)}: leave out --center, or add people"
        )
    return numbers


class Centering:
    """Embeddings of people, and the mean of any of them but two.

    Args:
        pairs: All pairs of the photos of some people, whose ``people`` it knows.
        vectors: float32 ``(N, D)``, an embedding of each photo, of norm 1 or less.

    Raises:
        InputError: It is not known who is on the photos, or they are too few.
    """

    def __init__(self, pairs: VerificationSet, vectors: FloatArray) -> None:
        self._pairs, self._person = pairs, people_of(pairs)
        self._vectors = vectors.astype(np.float64)
        self._norms = np.linalg.norm(self._vectors, axis=1)
        self._vectors /= self._norms[:, None]
        self._means = np.zeros((self._person.max() + 1, vectors.shape[1]))
        np.add.at(self._means, self._person, self._vectors)
        self._means /= np.bincount(self._person)[:, None]

    @property
    def people(self) -> int:
        """How many people there are."""
        return len(self._means)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of the people's means, ``(D,)``; its length, 0 to 1, is what they share."""
        return np.asarray(self._means.mean(axis=0))

    def similarities(self) -> NDArray[np.float64]:
        """Cosine similarity of each pair without the direction of the mean of all other people.

        A mean that the two people of a pair are part of would make them less alike than people
        will be who come later. With x and y the unit vectors of a pair, m the unit mean of the
        other people, u = x.m and v = y.m it is (x.y - uv) / sqrt((1 - u^2) (1 - v^2)), times the
        norms of the embeddings.

        Returns:
            float64 ``(P,)``, -1 to 1.

        Raises:
            ModelError: An embedding is nothing but what all have in common.
        """
        total = self._means.sum(axis=0)
        along_total, along_mean = self._vectors @ total, self._vectors @ self._means.T
        mean_total, mean_mean = self._means @ total, self._means @ self._means.T
        result = np.empty(len(self._pairs.same))
        for start in range(0, len(result), _PAIRS_AT_ONCE):
            rows = slice(start, start + _PAIRS_AT_ONCE)
            first, second = self._pairs.first[rows], self._pairs.second[rows]
            one, two = self._person[first], self._person[second]
            other = one != two
            squared = total @ total - 2 * mean_total[one] + mean_mean[one, one]
            squared += other * (mean_mean[two, two] - 2 * mean_total[two] + 2 * mean_mean[one, two])
            length = np.sqrt(np.maximum(squared, 0))
            length[length < _LEAST] = np.inf
            u, v = (
                (along_total[row] - along_mean[row, one] - other * along_mean[row, two]) / length
                for row in (first, second)
            )
            left = (1 - u**2) * (1 - v**2)
            if (left < _LEAST).any():
                raise ModelError("the model's embeddings have nothing but what all have in common")
            products = np.einsum("ij,ij->i", self._vectors[first], self._vectors[second])
            norms = self._norms[first] * self._norms[second]
            result[rows] = (products - u * v) / np.sqrt(left) * norms
        return result
