from __future__ import annotations

from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.compression.sharing import kinds
from facesdk_training.compression.sharing.shared import Shared, SharedWeights


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def best_numbers(kernel: np.ndarray, shared: Shared) -> np.ndarray:
    """Least squares for the given index and signs, by the matrix that maps numbers to weights."""
    matrix = np.zeros((kernel.size, len(shared.numbers)))
    matrix[np.arange(kernel.size), shared.index.ravel()] = shared.signs.ravel()
    return np.linalg.lstsq(matrix, kernel.ravel().astype(np.float64), rcond=None)[0]


@pytest.mark.parametrize("count", [1, 7, 30])
def test_hashed_numbers_are_the_best_for_their_places(count: int) -> None:
    kernel = normal(12, 10)
    shared = kinds.hashed(kernel, count)
    np.testing.assert_allclose(shared.numbers, best_numbers(kernel, shared), atol=1e-6)
    assert shared.bytes == 4 * count


def test_hashes_are_even() -> None:
    shared = kinds.hashed(normal(100, 100), 10)
    assert np.abs(np.bincount(shared.index.ravel()) - 1000).max() < 130
    assert abs(int(shared.signs.sum(dtype=np.int64))) < 400


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 8), (9, 5), (4, 11)])
def test_circulant_by_fft_is_its_dense_matrix(inputs: int, outputs: int) -> None:
    kernel, vectors = normal(inputs, outputs), normal(6, inputs, seed=1)
    shared = kinds.circulant(kernel)
    np.testing.assert_allclose(shared.numbers, best_numbers(kernel, shared), atol=1e-6)
    np.testing.assert_allclose(
        kinds.circulant_product(shared.numbers, vectors, outputs),
        vectors @ shared.weights,
        atol=1e-5,
    )
    signs = kinds.circulant_signs(inputs)
    unsigned = shared.weights * signs[:, None]
    size = max(inputs, outputs)
    for i in range(inputs):
        for j in range(outputs):
            assert unsigned[i, j] == shared.numbers[(j - i) % size]


def test_product_quantization_finds_pieces_that_repeat() -> None:
    rng = np.random.default_rng(0)
    books = rng.normal(size=(3, 4, 2)).astype(np.float32)
    places = rng.integers(0, 4, (3, 40))
    kernel = np.concatenate([books[piece][places[piece]].T for piece in range(3)])
    shared = kinds.product(kernel, 2, 2)
    np.testing.assert_allclose(shared.weights, kernel, atol=1e-6)
    assert shared.bytes == 3 * 40 * 2 // 8 + books.nbytes


@pytest.mark.parametrize(
    "call",
    [
        lambda: kinds.product(normal(6, 40), 2, 4),
        lambda: kinds.product(normal(6, 40), 2, 1),
        lambda: kinds.product(normal(6, 3), 2, 2),
        lambda: kinds.product(normal(6, 40), 1, 2),
        lambda: kinds.hashed(normal(6, 4), 25),
        lambda: kinds.hashed(normal(6, 4), 0),
    ],
)
def test_nonsense_is_refused(call: Any) -> None:
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize(
    "share",
    [
        lambda kernel: kinds.clusters(kernel, 2),
        lambda kernel: kinds.product(kernel, 2, 3),
        lambda kernel: kinds.hashed(kernel, 9),
        kinds.circulant,
    ],
)
def test_the_gradient_of_a_number_is_the_sum_over_its_weights(share: Any) -> None:
    kernel, x, upstream = normal(6, 5), normal(4, 6, seed=1), normal(4, 5, seed=2)
    kernel[0, :2] = 0
    shared = share(kernel)
    quantizer = SharedWeights(share, len(shared.numbers) + 1)
    layer = lq.layers.QuantDense(5, kernel_quantizer=quantizer, use_bias=False)
    layer(x)
    layer.kernel.assign(kernel)
    quantizer.fit(layer.kernel)
    with tf.GradientTape() as tape:
        output = layer(x)
        loss = tf.reduce_sum(output * upstream)
    np.testing.assert_allclose(output, x @ shared.weights, atol=1e-5)
    of_numbers, of_kernel = tape.gradient(loss, [quantizer.numbers, layer.kernel])
    of_weights = (x.T @ upstream) * shared.signs
    expected = np.zeros(len(shared.numbers) + 1)
    np.add.at(expected, shared.index, of_weights)
    expected[:-1] *= shared.trained
    np.testing.assert_allclose(of_numbers, expected, atol=1e-4)
    assert not np.any(of_kernel)
