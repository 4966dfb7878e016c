from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.compression.frame.replacement import replaced
from facesdk_training.compression.low_rank import factors, layers

keras = tf.keras


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def product(parts: Any) -> np.ndarray:
    """The kernel that a chain of convolutions of stride 1 computes, by the definition."""
    names = "hwio"
    if len(parts) == 2 and parts[0].shape[1] == 1 and parts[1].shape[0] == 1 != parts[1].shape[1]:
        return np.einsum("hxir,ywro->hwio", *parts)
    if len(parts) == 2:
        return np.einsum("hwir,xyro->hwio", *parts)
    if len(parts) == 3:
        return np.einsum("abir,hwrs,xyso->hwio", *parts)
    return np.einsum(f"abir,hxry,zwru,vtro->{names}", *parts)


KERNEL = normal(3, 3, 6, 8)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_svd_is_the_best_of_its_rank(rank: int) -> None:
    values = np.linalg.svd(KERNEL.reshape(54, 8), compute_uv=False)
    error = np.linalg.norm(product(factors.svd(KERNEL, rank)) - KERNEL)
    assert error == pytest.approx(np.sqrt((values[rank:] ** 2).sum()), abs=1e-5)


@pytest.mark.parametrize("rank", [1, 5, 18])
def test_spatial_is_the_best_of_its_rank(rank: int) -> None:
    matrix = np.block([[KERNEL[h, w] for w in range(3)] for h in range(3)])
    values = np.linalg.svd(matrix, compute_uv=False)
    error = np.linalg.norm(product(factors.spatial(KERNEL, rank)) - KERNEL)
    assert error == pytest.approx(np.sqrt((values[rank:] ** 2).sum()), abs=1e-5)


def test_tucker_finds_a_kernel_of_its_ranks() -> None:
    parts = normal(1, 1, 6, 2), normal(3, 3, 2, 3, seed=2), normal(1, 1, 3, 8, seed=3)
    kernel = product(parts).astype(np.float32)
    found = factors.tucker(kernel, (2, 3))
    assert [part.shape for part in found] == [part.shape for part in parts]
    np.testing.assert_allclose(product(found), kernel, atol=1e-4)


def test_cp_finds_a_kernel_of_its_rank() -> None:
    parts = normal(1, 1, 6, 2), normal(3, 1, 2, 1), normal(1, 3, 2, 1, seed=2), normal(1, 1, 2, 8)
    kernel = product(parts).astype(np.float32)
    found = factors.cp(kernel, 2)
    assert [part.shape for part in found] == [part.shape for part in parts]
    np.testing.assert_allclose(product(found), kernel, atol=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: factors.svd(KERNEL, 9),
        lambda: factors.svd(KERNEL, 0),
        lambda: factors.spatial(KERNEL, 19),
        lambda: factors.tucker(KERNEL, (7, 8)),
        lambda: factors.tucker(KERNEL, (6, 9)),
        lambda: factors.cp(KERNEL, 55),
    ],
)
def test_a_rank_that_the_matrix_cannot_have_is_refused(call: Any) -> None:
    with pytest.raises(InputError, match="has ranks 1 to"):
        call()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A float network with what a chain has to keep: strides, padding, bias, addition, dense."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((10, 9, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="first")(inputs)
    branch = keras.layers.Conv2D(
        4, 3, padding="same", activation="relu", bias_initializer="normal", name="second"
    )(x)
    x = keras.layers.Flatten()(keras.layers.Add()([x, branch]))
    return keras.Model(inputs, keras.layers.Dense(7, bias_initializer="normal", name="last")(x))


@pytest.mark.parametrize(
    "chains",
    [
        {"second": lambda layer: layers.svd(layer, 4), "last": lambda layer: layers.svd(layer, 7)},
        {
            "first": lambda layer: layers.spatial(layer, 9),
            "second": lambda layer: layers.spatial(layer, 12),
        },
        {
            "first": lambda layer: layers.tucker(layer, (3, 4)),
            "second": lambda layer: layers.tucker(layer, (4, 4)),
        },
    ],
)
def test_at_full_rank_the_network_computes_the_same(network: keras.Model, chains: Any) -> None:
    made = {name: make(network.get_layer(name)) for name, make in chains.items()}
    found = replaced(network, made)
    images = normal(2, 10, 9, 3)
    np.testing.assert_allclose(found(images), network(images), atol=2e-5)


@pytest.mark.parametrize("name", ["first", "second"])
def test_cp_as_layers_is_its_kernel_as_a_layer(network: keras.Model, name: str) -> None:
    layer = network.get_layer(name)
    chain = layers.cp(layer, 2)
    found = replaced(network, {name: chain})
    expected = keras.models.clone_model(network)
    expected.set_weights(network.get_weights())
    whole = product(factors.cp(layers.kernel_of(layer), 2))
    expected.get_layer(name).set_weights([whole, layer.get_weights()[1]])
    images = normal(2, 10, 9, 3)
    np.testing.assert_allclose(found(images), expected(images), atol=2e-5)


def test_layers_that_cannot_be_factored_are_no_candidates(network: keras.Model) -> None:
    assert layers.candidates(network) == ["first", "second", "last"]
    with pytest.raises(InputError, match="no layer 'add'"):
        layers.refuse_name(network, "add")
