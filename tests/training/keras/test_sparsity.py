"""Terms of the loss that drive whole channels towards 0."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from facesdk_training.config.run import LossConfig
from facesdk_training.keras.sparsity import asks, penalty

keras = tf.keras


def network() -> keras.Model:
    """A convolution, batch normalisation, a depthwise convolution and a dense layer."""
    image = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(3, 3, name="conv", bias_initializer="ones")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.BatchNormalization(scale=False, name="plain")(x)
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, keras.layers.Dense(4, name="dense")(x))


def test_both_terms_are_their_formulas() -> None:
    model = network()
    norm = model.get_layer("norm")
    norm.set_weights([np.array([0.5, -2.0, 0.0]), *norm.get_weights()[1:]])
    lasso = 0.0
    for name in ("conv", "dense"):
        kernel = model.get_layer(name).get_weights()[0].astype(np.float64)
        for column in kernel.reshape(-1, kernel.shape[-1]).T:
            lasso += np.sqrt(len(column)) * np.sqrt(np.sum(column**2))
    config = LossConfig(factor_weight=0.1, filter_weight=0.01)
    assert float(penalty(model, config)) == pytest.approx(0.1 * 2.5 + 0.01 * lasso, rel=1e-5)
    assert asks(config)
    assert not asks(LossConfig())


def test_a_filter_of_zeros_stays_and_the_others_are_pulled_alike() -> None:
    """The slope of the group lasso has the same length for every filter, however small."""
    model = network()
    conv = model.get_layer("conv")
    kernel, bias = conv.get_weights()
    kernel[..., 0], kernel[..., 1] = 0, 0.001 * kernel[..., 1]
    conv.set_weights([kernel, bias])
    with tf.GradientTape() as tape:
        value = penalty(model, LossConfig(filter_weight=1.0))
    slope = np.asarray(tape.gradient(value, conv.kernel))
    lengths = np.sqrt(np.square(slope).sum(axis=(0, 1, 2)))
    np.testing.assert_allclose(lengths, [0, np.sqrt(18), np.sqrt(18)], rtol=1e-3)
