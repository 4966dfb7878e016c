"""Kernels as chains of smaller kernels, NumPy in and NumPy out.

Kernels are (height, width, inputs, outputs); each function returns the kernels of stock layers that
run one after the other. At full rank the chain computes what the kernel computed.

=========  =========================================================================================
svd        K = U V: r filters of the kernel's size, then 1x1. E. Denton et al., "Exploiting Linear
           Structure Within Convolutional Networks", NIPS 2014; dense layers the same.
           Weights r (h w I + O) in place of h w I O.
spatial    r filters h x 1, then 1 x w: the SVD of the matrix (h I, w O). M. Jaderberg et al.,
           "Speeding up Convolutional Neural Networks with Low Rank Expansions", BMVC 2014, scheme
           2. Weights r (h I + w O).
tucker     1x1 to r, h x w from r to s, 1x1: Tucker-2, by higher-order orthogonal iteration. Y.-D.
           Kim et al., "Compression of Deep Convolutional Neural Networks for Fast and Low Power
           Mobile Applications", ICLR 2016. Weights I r + h w r s + s O.
cp         1x1 to r, depthwise h x 1 and 1 x w, 1x1: a sum of r products of vectors, by alternating
           least squares. V. Lebedev et al., "Speeding-up Convolutional Neural Networks Using
           Fine-tuned CP-Decomposition", ICLR 2015. Weights r (I + h + w + O).
=========  =========================================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

Array = NDArray[np.float32]

_SEED = 1
_CP_ITERATIONS = 200
_CP_TOLERANCE = 1e-7


def svd(kernel: Array, rank: int) -> tuple[Array, Array]:
    """(h, w, I, r) and (1, 1, r, O)."""
    height, width, inputs, outputs = kernel.shape
    left, right = _halves(kernel.reshape(-1, outputs), rank)
    return left.reshape(height, width, inputs, rank), right.reshape(1, 1, rank, outputs)


def spatial(kernel: Array, rank: int) -> tuple[Array, Array]:
    """(h, 1, I, r) and (1, w, r, O)."""
    height, width, inputs, outputs = kernel.shape
    left, right = _halves(spatial_matrix(kernel), rank)
    return (
        left.reshape(height, 1, inputs, rank),
        right.reshape(1, rank, width, outputs).transpose(0, 2, 1, 3),
    )


def spatial_matrix(kernel: Array) -> Array:
    """The matrix (h I, w O) whose rank :func:`spatial` lowers."""
    height, width, inputs, outputs = kernel.shape
    return kernel.transpose(0, 2, 1, 3).reshape(height * inputs, width * outputs)


def tucker(kernel: Array, ranks: tuple[int, int]) -> tuple[Array, Array, Array]:
    """(1, 1, I, r), (h, w, r, s) and (1, 1, s, O)."""
    from tensorly.decomposition import partial_tucker

    for rank, axis in zip(ranks, (2, 3), strict=True):
        check_rank(rank, unfolded(kernel, axis))
    parts = partial_tucker(np.asarray(kernel, np.float64), rank=list(ranks), modes=[2, 3])
    core, (first, last) = parts[0]
    return (
        _single(first[None, None]),
        _single(core),
        _single(last.T[None, None]),
    )


def unfolded(kernel: Array, axis: int) -> Array:
    """The matrix whose rows are the slices along an axis."""
    return np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)


def cp(kernel: Array, rank: int) -> tuple[Array, Array, Array, Array]:
    """(1, 1, I, r), depthwise (h, 1, r, 1) and (1, w, r, 1), and (1, 1, r, O)."""
    from tensorly.decomposition import parafac

    limit = kernel.size // max(kernel.shape)
    if not 1 <= rank <= limit:
        raise InputError(f"a kernel of shape {kernel.shape} has ranks 1 to {limit}, not {rank}")
    size = float(np.linalg.norm(kernel)) or 1.0
    weights, (rows, columns, inputs, outputs) = parafac(
        np.asarray(kernel, np.float64) / size,
        rank=rank,
        n_iter_max=_CP_ITERATIONS,
        init="svd" if rank <= min(kernel.shape) else "random",
        tol=_CP_TOLERANCE,
        normalize_factors=True,
        random_state=_SEED,
    )
    # Each vector gets the same part of its component's size, so that all train alike.
    share = (np.asarray(weights) * size) ** 0.25
    rows, columns, inputs, outputs = (part * share for part in (rows, columns, inputs, outputs))
    return (
        _single(inputs[None, None]),
        _single(rows[:, None, :, None]),
        _single(columns[None, :, :, None]),
        _single(outputs.T[None, None]),
    )


def check_rank(rank: int, matrix: Array) -> None:
    """Raises InputError for a rank that the matrix cannot have."""
    largest = min(matrix.shape)
    if not 1 <= rank <= largest:
        raise InputError(
            f"a matrix of {matrix.shape[0]} x {matrix.shape[1]} has ranks 1 to {largest}, "
            f"not {rank}"
        )


def _halves(matrix: Array, rank: int) -> tuple[Array, Array]:
    check_rank(rank, matrix)
    left, values, right = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
    root = np.sqrt(values[:rank])
    return _single(left[:, :rank] * root), _single(root[:, None] * right[:rank])


def _single(values: NDArray[np.floating]) -> Array:
    return np.ascontiguousarray(values, np.float32)
