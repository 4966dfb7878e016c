"""Networks of mixed precision are rebuilt in float32, with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.keras.loading import load

layers = tf.keras.layers


def network() -> Any:
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3)(image))
    x = lq.layers.QuantConv2D(8, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    inner = tf.keras.Sequential([layers.Dense(8, input_shape=(8,)), layers.Dense(8)])
    return tf.keras.Model(image, layers.Dense(4, dtype="float32")(inner(x)))


@pytest.mark.parametrize("suffix", [".h5", ".keras", ""])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_computes_what_the_float32_network_computes(
    tmp_path: Path, policy: str, suffix: str
) -> None:
    tf.keras.utils.set_random_seed(1)
    plain = network()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        mixed = network()
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    mixed.set_weights(plain.get_weights())
    path = tmp_path / f"mixed{suffix}"
    mixed.save(path)
    loaded = load(path).model
    images = np.random.default_rng(1).normal(0, 1, (4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(images), plain(images))
    assert {layer.dtype_policy.name for layer in loaded.layers} == {"float32"}


def test_a_float32_network_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "plain.h5"
    network().save(path)
    assert all(weight.dtype == np.float32 for weight in load(path).model.get_weights())
