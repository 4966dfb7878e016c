"""Retraining below 8 bits: from a float network to a file, on a scale of seconds."""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import weights
from facesdk_converters.targets.fixed_point.conversion import FixedPointOptions, calibrate, convert
from facesdk_training.keras.networks.quantizers import weight_quantizer

BITS = 2
layers = tf.keras.layers


def build(weights):
    def convolution(filters, name):
        return lq.layers.QuantConv2D(
            filters, 3, kernel_quantizer=weight_quantizer(weights), use_bias=False, name=name
        )

    inputs = layers.Input((12, 12, 3))
    x = inputs
    for number, filters in enumerate((16, 24)):
        x = layers.ReLU()(layers.BatchNormalization()(convolution(filters, f"conv{number}")(x)))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    x = lq.layers.QuantDense(16, kernel_quantizer=weight_quantizer(weights), name="embedding")(x)
    return tf.keras.Model(inputs, x)


def trained(model, images, targets, epochs, rate):
    model.compile(tf.keras.optimizers.Adam(rate), "mse")
    model.fit(images, targets, batch_size=64, epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def material():
    """Images, and what a random network of the same kind makes of them."""
    tf.keras.utils.set_random_seed(11)
    rng = np.random.default_rng(11)
    coarse = rng.normal(size=(512, 4, 4, 3)).astype(np.float32)
    images = coarse.repeat(3, axis=1).repeat(3, axis=2)
    targets = np.asarray(build("float")(images, training=True))
    targets = (targets - targets.mean(0)) / targets.std(0)
    model = trained(build("float"), images, targets, epochs=20, rate=5e-3)
    return model, images, targets


def distance(outputs, targets):
    return float(np.mean((np.asarray(outputs) - targets) ** 2))


def run(content, inputs):
    interpreter = Interpreter(bundle_of(content))
    return np.concatenate([interpreter.run(row[np.newaxis])[0] for row in inputs])


def bundle_of(content):
    return ModelBundle.from_bytes(content, "test.tflite")


def float_file(model):
    return bundle_of(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))


@pytest.mark.slow
def test_retraining_helps_and_survives_conversion(material):
    float_model, images, targets = material
    options = FixedPointOptions(BITS, 32)
    rounded = run(convert(calibrate(float_file(float_model), [images[:64]]), options), images)

    quantized = build(f"fixed-{BITS}")
    quantized.set_weights(float_model.get_weights())
    trained(quantized, images, targets, epochs=10, rate=2e-3)
    content = convert(calibrate(float_file(quantized), [images[:64]]), options)
    retrained = run(content, images)

    assert distance(retrained, targets) < 0.75 * distance(rounded, targets)
    np.testing.assert_allclose(retrained, quantized(images), atol=1e-3)
    for operator in bundle_of(content).graph.working:
        if operator.weights is not None:
            assert set(np.unique(weights.values(operator.weights))) <= {-2, -1, 0, 1}
