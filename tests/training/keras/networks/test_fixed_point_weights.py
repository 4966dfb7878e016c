"""The quantizer fixed-K against the levels and scales of the converter, which are NumPy's."""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_converters.targets.fixed_point.levels import fit
from facesdk_training.keras.networks.build import build
from facesdk_training.keras.networks.quantizers import weight_quantizer


def outcome(bits: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kernel = tf.constant(weights, tf.float32)
    upstream = tf.constant(np.arange(weights.size).reshape(weights.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        value = weight_quantizer(f"fixed-{bits}")(kernel)
    np.testing.assert_array_equal(tape.gradient(value, kernel, upstream), upstream)
    return value.numpy(), upstream.numpy()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shape", [(3, 3, 16, 5), (200, 7)])
def test_it_is_as_near_to_the_weights_as_the_converter_comes(bits, shape):
    weights = np.random.default_rng(bits).normal(0, 0.3, shape).astype(np.float32)
    value, _ = outcome(bits, weights)
    expected = fit(weights, bits, axis=len(shape) - 1)
    errors = [
        np.square(weights - got).reshape(-1, shape[-1]).sum(axis=0)
        for got in (value, expected.values)
    ]
    assert (errors[0] <= errors[1] * 1.3).all()
    assert errors[0].mean() <= errors[1].mean() * 1.1


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_converter_finds_its_levels_again(bits):
    weights = np.random.default_rng(bits).normal(0, 0.3, (3, 3, 16, 12)).astype(np.float32)
    value, _ = outcome(bits, weights)
    found = fit(value * 1.7, bits, axis=3).values / 1.7
    exact = np.isclose(found, value, rtol=1e-4, atol=1e-6).all(axis=(0, 1, 2))
    assert exact.mean() >= (1 if bits <= 4 else 0.5)
    np.testing.assert_allclose(found, value, atol=2.0 ** (1 - bits))


def test_a_filter_of_zeros_stays_zero():
    value, _ = outcome(2, np.zeros((3, 3, 2, 4)))
    assert not value.any()


def test_it_survives_serialisation():
    quantizer = weight_quantizer("fixed-3")
    again = lq.quantizers.deserialize(lq.quantizers.serialize(quantizer))
    assert type(again) is type(quantizer) and again.precision == 3


def test_a_face_res_net_takes_it():
    model = build("A", width=0.25, units=(1, 1, 1, 1), embedding_length=24, weights="fixed-3")
    layers = [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    precisions = {layer.kernel_quantizer.precision for layer in layers if layer.kernel_quantizer}
    assert precisions == {3}


@pytest.mark.parametrize("name", ["fixed", "fixed-0", "fixed-9"])
def test_impossible_widths(name):
    with pytest.raises(InputError, match="fixed-1 to fixed-8"):
        weight_quantizer(name)
