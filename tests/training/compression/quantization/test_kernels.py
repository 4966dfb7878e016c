"""Quantizers in the places of kernels, and what is left of them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.compression.quantization.kernels import (
    inner_layers,
    settle,
    with_quantizers,
)
from facesdk_training.keras.networks.build import build
from facesdk_training.keras.networks.quantizers import weight_quantizer
from training.networks import randomise


def plain_network() -> tf.keras.Model:
    layers = tf.keras.layers
    inputs = tf.keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, name="first")(inputs)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Conv2D(8, 1, use_bias=False, strides=2, name="middle")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(5, name="last")(layers.Flatten()(x))
    return tf.keras.Model(inputs, x)


def networks() -> dict[str, tf.keras.Model]:
    narrow = {"width": 0.125, "units": (0, 1, 0, 0), "input_height": 48, "input_width": 48}
    return {"plain": plain_network(), "face_res_net": build("A", embedding_length=16, **narrow)}


@pytest.mark.parametrize("name", ["twn", "ttq", "fixed-3"])
@pytest.mark.parametrize("kind", ["plain", "face_res_net"])
def test_a_settled_network_computes_what_its_quantized_copy_does(name: str, kind: str) -> None:
    model = networks()[kind]
    randomise(model)
    chosen = inner_layers(model, keep_first=True, keep_last=False)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    copy = with_quantizers(
        model, lambda layer: weight_quantizer(name) if layer.name in chosen else None
    )
    for layer in copy.layers:
        own = layer.get_weights()
        for old, new in zip(before[layer.name], own, strict=False):
            np.testing.assert_array_equal(old, new)
    settle(model, copy)
    inputs = np.random.default_rng(1).uniform(-1, 1, (2, *model.input_shape[1:]))
    np.testing.assert_allclose(model(inputs), copy(inputs), rtol=1e-5, atol=1e-5)
    most = {"twn": 3, "ttq": 3, "fixed-3": 8}[name]
    for layer in model.layers:
        values = layer.get_weights()
        if layer.name in chosen:
            filters = values[0].reshape(-1, values[0].shape[-1])
            assert max(len(np.unique(column)) for column in filters.T) <= most
        else:
            for old, new in zip(before[layer.name], values, strict=True):
                np.testing.assert_array_equal(old, new)


def test_ends_and_depthwise_layers_stay() -> None:
    model = plain_network()
    assert inner_layers(model, keep_first=False, keep_last=False) == ["first", "middle", "last"]
    assert inner_layers(model, keep_first=True, keep_last=True) == ["middle"]
    inputs = tf.keras.Input((4,))
    small = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(inputs))
    with pytest.raises(InputError, match="1 convolutions and dense layers"):
        inner_layers(small, keep_first=True, keep_last=False)
