"""A MobileFaceNet as others build and convert it, small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.models.bundle import ModelBundle
from facesdk_training.architectures.registry import configure
from training.networks import faces

layers = tf.keras.layers
SHAPE = configure(
    "MobileFaceNet",
    input_height=48,
    input_width=48,
    stem_channels=8,
    stages=((8, 2), (16, 2)),
    first_units=(16, 24),
    head_channels=24,
    embedding_length=12,
)


def in_five(x: tf.Tensor) -> tf.Tensor:
    """A PReLU as the authors of MobileFaceNet's TensorFlow version write it."""
    slopes = tf.random.uniform((x.shape[-1],), -1.5, 1.5)
    return tf.nn.relu(x) + slopes * (x - tf.abs(x)) * 0.5


def in_one(x: tf.Tensor) -> tf.Tensor:
    return layers.PReLU("glorot_uniform", shared_axes=(1, 2))(x)


def published(
    prelu: Callable[[tf.Tensor], tf.Tensor] = in_five,
    *,
    units: int = 2,
    join: Callable[..., tf.Tensor] = tf.add,
) -> tf.keras.Model:
    """A network of SHAPE's shape as others build it, its weights drawn at random.

    Args:
        prelu: How it writes a PReLU.
        units: Of its last stage.
        join: What a residual unit does with its input and its branch.
    """

    def convolution(x: tf.Tensor, filters: int, kernel: int = 1, stride: int = 1) -> tf.Tensor:
        return layers.Conv2D(filters, kernel, stride, "same", bias_initializer="ones")(x)

    def depthwise(x: tf.Tensor, stride: int = 1) -> tf.Tensor:
        return layers.DepthwiseConv2D(3, stride, "same", bias_initializer="ones")(x)

    def unit(x: tf.Tensor, hidden: int, filters: int, stride: int) -> tf.Tensor:
        y = prelu(depthwise(prelu(convolution(x, hidden)), stride))
        y = convolution(y, filters)
        return y if stride == 2 else join(x, y)

    inputs = tf.keras.Input((48, 48, 3), 1)
    x = prelu(convolution(inputs, 8, 3, 2))
    x = convolution(prelu(depthwise(x)), 10)
    x = unit(unit(x, 16, 8, 2), 16, 8, 1)
    x = unit(x, 24, 16, 2)
    for _ in range(units - 1):
        x = unit(x, 32, 16, 1)
    x = prelu(convolution(x, 24))
    x = layers.DepthwiseConv2D(x.shape[1:3], bias_initializer="ones")(x)
    x = convolution(convolution(x, 20), 12)
    return tf.keras.Model(inputs, tf.reshape(x, (1, 12)))


def written(model: tf.keras.Model, folder: Path) -> ModelBundle:
    path = folder / "published.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return ModelBundle.load(path)


def images() -> np.ndarray:
    return faces(24)[:, :48, :48]
