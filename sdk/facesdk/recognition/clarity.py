"""From which norm on the output of a recognition network stands for a clear face.

What :attr:`facesdk.models.contract.Contract.full_norm` is measured by: a share of the photos of
some people, those with the shortest outputs, count as unclear.
"""

from __future__ import annotations

import numpy as np

from facesdk.errors import InputError
from facesdk.models.contract import Contract
from facesdk.results import FloatArray

MOST = 0.5
"""The largest share of photos that may count as unclear."""

_BEYOND = 1e9
"""No network's output is as long: embeddings by it keep the norms of the outputs, to scale."""

_LEAST_SPREAD = 1.01
"""The longest output by the shortest: less is what rounding leaves of one norm."""


def measurable(contract: Contract) -> Contract:
    """The contract of an embedder whose embeddings tell how long the network's outputs are.

    Raises:
        ContractError: The contract is not for recognition.
    """
    return contract.with_full_norm(_BEYOND)


def norm_of_clear(vectors: FloatArray, share: float) -> float | None:
    """The norm that all but a share of some outputs have: a contract's ``full_norm``.

    Args:
        vectors: float32 ``(N, D)``, embeddings of photos by the contract :func:`measurable`.
        share: Of the photos that count as unclear, 0 to :data:`MOST`; 0 for no norm.

    Returns:
        The norm, to four digits.

    Raises:
        InputError: The share is out of its range, or the network brings its outputs to one norm.
    """
    if not 0 <= share <= MOST:
        raise InputError(f"the share of unclear photos must be in [0, {MOST}], but got {share}")
    if share == 0:
        return None
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if norms.max() < _LEAST_SPREAD * norms.min():
        raise InputError(
            f"the outputs of this network all have norm {_BEYOND * norms.max():.4g}, which does "
            "not tell how clear a face is: leave out --unclear"
        )
    return float(f"{_BEYOND * np.quantile(norms, share):.4g}")


def shortened(vectors: FloatArray, full_norm: float | None) -> FloatArray:
    """The embeddings that go with a norm.

    Args:
        vectors: float32 ``(N, D)``, embeddings of photos by the contract :func:`measurable`.
        full_norm: As a contract has it; None for embeddings of norm 1, all of them.

    Returns:
        float32 ``(N, D)``, of norm 1 or less.
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit = np.asarray(vectors / norms, np.float32)
    if full_norm is None:
        return unit
    clear = np.minimum(norms * (_BEYOND / full_norm), 1)
    return np.asarray(unit * clear, np.float32)
