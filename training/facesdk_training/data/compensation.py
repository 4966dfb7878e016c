r"""A map after the last layer that takes out what embeddings of bad photos have in common.

    y = x N (I + D sum_k w_k N S_k N) ^ (-1/4)

``x`` [D] is an embedding, ``S_k`` [D, D] the second moment of unit embeddings of undistorted or
distorted crops, row k of :mod:`facesdk_training.config.nuisances`. ``N`` projects to what is
orthogonal to the first eigenvectors of the S_k whose row says so: nuisance attribute projection (W.
Campbell, D. Sturim, D. Reynolds and A. Solomonoff, "SVM Based Speaker Verification using a GMM
Supervector Kernel and NAP Variability Compensation", ICASSP 2006). The power is half of what would
whiten them, as within-class covariance normalisation does (A. Hatch, S. Kajarekar and A. Stolcke,
Interspeech 2006). The map is linear, so it folds into dense last layers and costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.crops import CropRecord

COPIES = 2048
"""Crops per row."""

LAST_LAYERS = ("embedding", "head_correction")
"""The dense layers that the map folds into: the embedding is their sum. Not each network has the
second, see ``network.head_units``."""

_POWER = -0.25

_SAME = 1e-6
"""Length of what a direction adds to others, below which it is one of theirs."""

Matrix = NDArray[np.float64]


Pools = dict[tuple[str, ...], NDArray[np.int64]]
"""The crops that embeddings are made of, for the sets of a row."""


def pools(
    nuisances: Sequence[NuisanceConfig], records: Sequence[CropRecord], rows: NDArray[np.int64]
) -> Pools:
    """What :func:`copied_rows` draws for each row, by its sets.

    Raises:
        InputError: A row's sets have no training crop.
    """
    drawn: Pools = {}
    for sets in {row.sets for row in nuisances}:
        among = rows[[not sets or records[row].set in sets for row in rows]]
        if not len(among):
            raise InputError(f"nuisances.sets: no training crop is from {' or '.join(sets)}")
        drawn[sets] = copied_rows(records, among)
    return drawn


def copied_rows(records: Sequence[CropRecord], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The training crops that embeddings are made of, at most :data:`COPIES`.

    As many are drawn from each set as from the others, as far as it has them: what is divided by is
    what faces have in common, and fitted to some people alone it lets more strangers pass among
    others.

    Args:
        records: What is known of each crop.
        rows: Those that are trained on.
    """
    order = np.random.default_rng(0).permutation(rows)
    drawn: Counter[str] = Counter()
    turns = []
    for row in order:
        turns.append(drawn[records[row].set])
        drawn[records[row].set] += 1
    return np.asarray(np.sort(order[np.argsort(turns, kind="stable")[:COPIES]]), np.int64)


def compensation(
    nuisances: Sequence[NuisanceConfig], embeddings: Sequence[NDArray[np.floating]]
) -> Matrix:
    """The map.

    Args:
        nuisances: The rows.
        embeddings: For each row [N, D], of crops distorted by it; their lengths do not matter.

    Returns:
        [D, D], to multiply embeddings with from the right.

    Raises:
        InputError: All directions are to be removed, or an embedding is 0.
    """
    moments = [_second_moment(rows) for rows in embeddings]
    length = len(moments[0])
    pairs = list(zip(nuisances, moments, strict=True))
    removed = [_leading(moment, row.directions) for row, moment in pairs]
    basis = _basis(np.concatenate(removed, axis=1))
    if basis.shape[1] >= length:
        raise InputError(f"nuisances remove all {length} directions of embeddings: remove fewer")
    projection = np.eye(length) - basis @ basis.T
    divided = np.eye(length)
    for row, moment in pairs:
        divided += length * row.weight * (projection @ moment @ projection)
    values, vectors = np.linalg.eigh(divided)
    return np.asarray(projection @ (vectors * values**_POWER) @ vectors.T)


def folded(last: Sequence[NDArray[np.floating]], change: Matrix) -> list[NDArray[np.float32]]:
    """Weights of a dense layer, kernel [F, D] and bias [D], followed by a map [D, D]."""
    return [np.asarray(values @ change, np.float32) for values in last]


def _second_moment(embeddings: NDArray[np.floating]) -> Matrix:
    rows = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise InputError("an embedding of a distorted crop has no direction")
    unit = rows / lengths
    return np.asarray(unit.T @ unit / len(unit))


def _leading(moment: Matrix, count: int) -> Matrix:
    """The eigenvectors of the largest eigenvalues, [D, count]."""
    _, vectors = np.linalg.eigh(moment)
    return np.asarray(vectors[:, ::-1][:, :count])


def _basis(directions: Matrix) -> Matrix:
    """Orthonormal columns that span unit columns; rows of a kind may share a direction."""
    vectors, sizes, _ = np.linalg.svd(directions, full_matrices=False)
    return np.asarray(vectors[:, sizes > _SAME])
