"""Every quantizer gives Keras' values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.architectures.quantizer_names import BINARY_ACTIVATIONS, BINARY_WEIGHTS
from facesdk_training.keras.networks import quantizers as theirs

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.torch.networks import quantizers as mine

WEIGHTS = (
    *(*BINARY_WEIGHTS, "dorefa-2", "dorefa-8", "fixed-1", "fixed-2", "fixed-3", "fixed-5"),
    *("twn", "ttq"),
)
ACTIVATIONS = (
    *BINARY_ACTIVATIONS,
    *("dorefa-2-clip", "dorefa-3-tanh", "dorefa-8-abs", "hwgq-2", "hwgq-3", "hwgq-4"),
)
SPREADS = (0.2, 1.5)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name: str, spread: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, spread, (3, 3, 6, 8)).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    quantizer = theirs.weight_quantizer(name)
    with tf.GradientTape() as tape:
        kernel = tf.constant(x)
        tape.watch(kernel)
        expected = quantizer(kernel)
    scales = getattr(quantizer, "trainable_weights", [])
    slope, *slopes = tape.gradient(expected, [kernel, *scales], tf.constant(upstream))
    own = torch.from_numpy(x.transpose(3, 2, 0, 1).copy()).requires_grad_()
    twin = mine.weight_quantizer(name, 54)
    result = twin(own)
    result.backward(torch.from_numpy(upstream.transpose(3, 2, 0, 1).copy()))
    back = (2, 3, 1, 0)
    np.testing.assert_allclose(result.detach().numpy().transpose(back), expected, atol=1e-5)
    np.testing.assert_allclose(own.grad.numpy().transpose(back), slope, atol=1e-5)
    for scale, theirs_scale, expected_slope in zip(twin.parameters(), scales, slopes, strict=True):
        assert scale.item() == pytest.approx(float(theirs_scale))
        assert scale.grad.item() == pytest.approx(float(expected_slope), rel=1e-4)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, spread: float) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(0, spread, (2, 5, 4, 6)).astype(np.float32)
    x[0, 0, 0, :4] = (0.0, 1.0, -1.0, -0.0)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    quantizer = theirs.activation_quantizer(name)
    with tf.GradientTape() as tape:
        given = tf.constant(x)
        tape.watch(given)
        expected = quantizer(given)
    slope = np.asarray(tape.gradient(expected, given, tf.constant(upstream)))
    own = torch.from_numpy(x).requires_grad_()
    result = mine.activation_quantizer(name)(own)
    result.backward(torch.from_numpy(upstream))
    np.testing.assert_allclose(result.detach().numpy(), expected, atol=1e-6)
    inner = np.ones(x.shape, bool)
    inner[0, 0, 0, :4] = False  # at a corner of h either side's slope is one
    np.testing.assert_allclose(own.grad.numpy()[inner], slope[inner], atol=1e-5)
