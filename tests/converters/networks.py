"""Keras and Larq networks that tests of the converters share."""

from __future__ import annotations

from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf

layers = tf.keras.layers

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}


@tf.keras.utils.register_keras_serializable(package="facesdk tests")
class Registered(layers.Layer):
    """A layer of the user's that needs no --custom, because importing its module registers it."""

    def call(self, inputs: Any) -> Any:
        return inputs * 0.5


class Scale(layers.Layer):
    """A layer of the user's."""

    def __init__(self, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def half_relu(inputs: Any) -> Any:
    """An activation function of the user's; signs of what it gives vary with the picture."""
    return tf.nn.relu(inputs) * 0.5 - 16.0


def look_trained(model: Any) -> Any:
    """Gives batch statistics and offsets values that matter; returns the model."""
    rng = np.random.default_rng(7)
    for variable in model.weights:
        if any(part in variable.name for part in ("gamma", "variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif any(part in variable.name for part in ("beta", "mean", "alpha", "bias")):
            variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def nested() -> Any:
    """A network with a network in it, a layer and an activation of the user's, and a dense end."""
    inputs = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(32, 3, padding="same", name="stem")(inputs)
    inner = tf.keras.Sequential(
        [
            layers.Input((16, 16, 32)),
            lq.layers.QuantConv2D(
                32, 3, padding="same", pad_values=1.0, name="inner_first", **BINARY
            ),
            layers.BatchNormalization(name="inner_first_bn"),
            lq.layers.QuantConv2D(64, 1, name="inner_second", **BINARY),
            layers.BatchNormalization(name="inner_second_bn"),
        ],
        name="inner",
    )
    x = Scale(name="scale")(inner(x))
    x = layers.Activation(half_relu, name="half")(x)
    x = layers.MaxPool2D(4, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = lq.layers.QuantDense(16, name="fc", **BINARY)(x)
    x = layers.BatchNormalization(name="fc_bn")(x)
    return look_trained(tf.keras.Model(inputs, x, name="nested"))


def all_binary() -> Any:
    """Forms of binary layers of which every one must become 1-bit, and nothing else."""

    def conv(name: str, filters: int = 32, size: int = 3, **changes: Any) -> Any:
        options = {**BINARY, "padding": "same", "pad_values": 1.0, **changes}
        return lq.layers.QuantConv2D(filters, size, name=name, **options)

    return look_trained(
        tf.keras.Sequential(
            [
                layers.Input((32, 32, 3), name="image"),
                layers.Conv2D(16, 3, padding="same", name="stem"),
                layers.BatchNormalization(),
                conv("sixteen_channels", 40),
                layers.ReLU(),
                layers.BatchNormalization(),
                conv("forty_channels", 64, pad_values=0.0),
                layers.BatchNormalization(),
                conv("grouped", 64, groups=2, input_quantizer="approx_sign"),
                layers.BatchNormalization(),
                conv("stride_3", 64, strides=3, kernel_quantizer="magnitude_aware_sign"),
                layers.BatchNormalization(),
                conv("stride_2_1", 64, strides=(2, 1), kernel_quantizer="swish_sign"),
                layers.BatchNormalization(),
                conv("dilated", 64, dilation_rate=2, use_bias=True),
                conv("five", 64, 5, padding="valid", pad_values=0.0),
                layers.BatchNormalization(),
                layers.Reshape((-1, 64)),
                lq.layers.QuantDense(64, name="dense_of_rows", **BINARY),
                layers.BatchNormalization(),
                layers.Flatten(),
                lq.layers.QuantDense(48, name="dense", **BINARY),
                layers.BatchNormalization(),
                lq.layers.QuantDense(24, name="last_dense", **{**BINARY, "use_bias": True}),
            ],
            name="all_binary",
        )
    )


def all_float() -> Any:
    """Layers with quantizers, none of which becomes 1-bit."""

    def conv(name: str, **changes: Any) -> Any:
        return lq.layers.QuantConv2D(32, 3, name=name, **{**BINARY, "padding": "same", **changes})

    return look_trained(
        tf.keras.Sequential(
            [
                layers.Input((16, 16, 3), name="image"),
                layers.Conv2D(32, 3, padding="same", name="plain"),
                conv("kernel_only", input_quantizer=None),
                conv("input_only", kernel_quantizer=None),
                conv("dorefa", input_quantizer=lq.quantizers.DoReFa(2)),
                conv("heaviside", input_quantizer="ste_heaviside"),
                conv("ternary", kernel_quantizer="ste_tern"),
                conv("padded", pad_values=-1.0),
                conv("small_groups", groups=2),
                lq.layers.QuantDepthwiseConv2D(
                    3,
                    padding="same",
                    name="depthwise",
                    input_quantizer="ste_sign",
                    depthwise_quantizer="ste_sign",
                ),
                lq.layers.QuantSeparableConv2D(
                    32,
                    3,
                    padding="same",
                    name="separable",
                    input_quantizer="ste_sign",
                    depthwise_quantizer="ste_sign",
                    pointwise_quantizer="ste_sign",
                ),
                lq.layers.QuantConv2DTranspose(16, 3, padding="same", name="transposed", **BINARY),
                layers.Reshape((16, 256)),
                lq.layers.QuantConv1D(32, 3, name="one_dimensional", **BINARY),
            ],
            name="all_float",
        )
    )


def not_folded() -> Any:
    """Orders of layers that leave activations and batch normalisations unfolded."""

    def conv(name: str, pad: float = 1.0) -> Any:
        return lq.layers.QuantConv2D(32, 3, padding="same", pad_values=pad, name=name, **BINARY)

    return look_trained(
        tf.keras.Sequential(
            [
                layers.Input((16, 16, 32), name="image"),
                conv("first"),
                layers.BatchNormalization(name="early_bn"),
                layers.ReLU(name="late_relu"),
                conv("second", pad=0.0),
                layers.ReLU(name="padded_relu"),
                layers.BatchNormalization(name="behind_relu"),
                conv("third"),
                layers.MaxPool2D(2, name="pool"),
                layers.BatchNormalization(name="behind_pool"),
                conv("fourth"),
                layers.ReLU(name="good_relu"),
                layers.BatchNormalization(name="good_bn"),
                conv("fifth", pad=0.0),
                layers.BatchNormalization(name="padded_bn"),
                layers.ReLU(name="late_padded_relu"),
            ],
            name="not_folded",
        )
    )
