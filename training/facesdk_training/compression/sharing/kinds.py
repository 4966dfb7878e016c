"""Four ways to share, NumPy in and NumPy out.

A kernel is looked at as a matrix of inputs x outputs (I, O).

=========  =========================================================================================
clusters   see :mod:`~facesdk_training.compression.sharing.codebook`.
product    Each column is cut into pieces of d weights; the pieces of the same rows are clustered
           to 2^bits by k-means. Y. Gong et al., "Compressing Deep Convolutional Networks using
           Vector Quantization", 2014, section 3.3. Stored: bits per piece and 2^bits I numbers.
hashed     Weight (i, j) is number h(i, j) mod K times a sign x(i, j), both hashes. W. Chen et al.,
           "Compressing Neural Networks with the Hashing Trick", ICML 2015, equations 7 and 8.
           Stored: K numbers; the hash says where they go.
circulant  y = C(r) (s * x): weight (i, j) is r[(j - i) mod n] s[i], n = max(I, O), s random signs.
           Y. Cheng et al., "An Exploration of Parameter Redundancy in Deep Networks with Circulant
           Projections", ICCV 2015. Stored: n numbers and n signs; by FFT n log n products.
=========  =========================================================================================

Hashed and circulant numbers begin as the means of their weights, signs taken out, which is the
kernel's projection on what they can express. A stock runtime knows neither hashes nor FFT layers,
so the files that facesdk writes hold the weights in full; only ``.tflite.pack`` is smaller.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.compression.sharing.codebook import check_bits, cluster
from facesdk_training.compression.sharing.shared import Shared

Array = NDArray[np.float32]

_SEED = 1


def clusters(kernel: Array, bits: int) -> Shared:
    """Each weight the nearest of 2^bits values; exact zeros stay 0, also in training."""
    book = cluster(kernel, bits)
    return Shared(
        book.values,
        book.places,
        np.ones(kernel.shape, np.int8),
        (book.values != 0).astype(np.float32),
        -(-kernel.size * bits // 8) + book.values.nbytes,
    )


def product(kernel: Array, bits: int, length: int) -> Shared:
    """Pieces of ``length`` weights of a column, each the nearest of 2^bits for its rows.

    Raises:
        InputError: ``length`` does not divide the inputs, or there are too few outputs.
    """
    from sklearn.cluster import KMeans

    check_bits(bits)
    matrix = kernel.reshape(-1, kernel.shape[-1])
    inputs, outputs = matrix.shape
    count = 2**bits
    if length < 2 or inputs % length or outputs < count:
        raise InputError(
            f"product quantization of {inputs} x {outputs} weights needs pieces of 2 or more that "
            f"divide {inputs} and at most {outputs} clusters, but got pieces of {length} and "
            f"{count} clusters"
        )
    numbers = np.empty((inputs // length, count, length), np.float32)
    index = np.empty(matrix.shape, np.int32)
    offsets = np.arange(length)[:, None]
    for piece in range(inputs // length):
        rows = slice(piece * length, (piece + 1) * length)
        found = KMeans(count, n_init=1, random_state=_SEED).fit(matrix[rows].T.astype(np.float64))
        numbers[piece] = found.cluster_centers_
        index[rows] = (piece * count + found.labels_) * length + offsets
    return Shared(
        numbers.ravel(),
        index.reshape(kernel.shape),
        np.ones(kernel.shape, np.int8),
        np.ones(numbers.size, np.float32),
        -(-(inputs // length) * outputs * bits // 8) + numbers.nbytes,
    )


def hashed(kernel: Array, count: int) -> Shared:
    """Each weight one of ``count`` numbers by a hash of its place.

    Raises:
        InputError: ``count`` is not from 1 to the number of weights.
    """
    if not 1 <= count <= kernel.size:
        raise InputError(f"{kernel.size:,} weights share 1 to {kernel.size:,} numbers, not {count}")
    mixed = _mixed(np.arange(kernel.size, dtype=np.uint64))
    index = (mixed % np.uint64(count)).astype(np.int32)
    signs = _signs(_mixed(mixed))
    return _projected(kernel, index.reshape(kernel.shape), signs.reshape(kernel.shape), count, 0)


def circulant(kernel: Array) -> Shared:
    """The circulant matrix with random signs that is nearest."""
    inputs, outputs = kernel.size // kernel.shape[-1], kernel.shape[-1]
    size = max(inputs, outputs)
    rows, columns = np.arange(inputs)[:, None], np.arange(outputs)
    index = ((columns - rows) % size).astype(np.int32)
    signs = np.broadcast_to(circulant_signs(inputs)[:, None], index.shape)
    shape = kernel.shape
    return _projected(
        kernel, index.reshape(shape), signs.reshape(shape).copy(), size, -(-inputs // 8)
    )


def circulant_signs(inputs: int) -> NDArray[np.int8]:
    """The signs that inputs are multiplied by."""
    return _signs(_mixed(np.arange(inputs, dtype=np.uint64)))


def circulant_product(numbers: Array, vectors: Array, outputs: int) -> NDArray[np.float32]:
    """What a circulant layer computes, by FFT: n log n products in place of I O.

    Args:
        numbers: float32 (n,).
        vectors: float32 (N, I), I at most n.
        outputs: At most n.

    Returns:
        float32 (N, outputs).
    """
    signed = vectors * circulant_signs(vectors.shape[1])
    spectrum = np.fft.rfft(signed, len(numbers)) * np.fft.rfft(numbers)
    return np.fft.irfft(spectrum, len(numbers))[:, :outputs].astype(np.float32)


def _projected(
    kernel: Array, index: NDArray[np.int32], signs: NDArray[np.int8], count: int, more: int
) -> Shared:
    places = index.ravel()
    sums = np.bincount(places, (kernel * signs).ravel().astype(np.float64), count)
    members = np.maximum(np.bincount(places, minlength=count), 1)
    numbers = (sums / members).astype(np.float32)
    return Shared(numbers, index, signs, np.ones(count, np.float32), numbers.nbytes + more)


def _signs(hashes: NDArray[np.uint64]) -> NDArray[np.int8]:
    return np.where(hashes >> np.uint64(63), -1, 1).astype(np.int8)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer (G. Steele et al., "Fast Splittable PRNGs", OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        z = values + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))
