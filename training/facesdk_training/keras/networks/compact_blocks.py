"""Residual units of compact filters, in place of two or three 3x3 convolutions of C channels.

=========  =========================================================================================
fire       1x1 to C / 4, then 1x1 and 3x3 to C / 2 each, side by side. F. Iandola et al.,
           "SqueezeNet", 2016, with the simple bypass. Weights 1.5 C^2 in place of 9 C^2 per
           convolution.
separable  depthwise 3x3 and 1x1, as often as the unit has convolutions. A. Howard et al.,
           "MobileNets", 2017. Weights C^2 + 9 C per convolution.
inverted   1x1 to 2 C, depthwise 3x3, 1x1 to C without activation. M. Sandler et al.,
           "MobileNetV2", CVPR 2018, with a factor of 2 in place of 6. Weights 4 C^2 + 18 C.
shuffle    1x1 in 4 groups to C / 4, the channels shuffled, depthwise 3x3 without activation, 1x1 in
           4 groups to C. X. Zhang et al., "ShuffleNet", CVPR 2018, figure 2 (b). Weights
           C^2 / 8 + 9 C / 4.
=========  =========================================================================================

Batch normalisation follows each convolution, PReLU where the sources have ReLU; what comes last
before the addition is as in the plain unit. Depthwise convolutions are float in all variants: they
have 9 products per number, and no operator multiplies them in bits. A group is a convolution of its
own on a slice of the channels, so every converter and runtime takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from facesdk_training.architectures.face_res_net import (
    EXPANSION,
    GROUPS,
    FaceResNetConfig,
    squeezed_channels,
)
from facesdk_training.keras.networks.layers import (
    ChannelGroup,
    ChannelShuffle,
    batch_normalisation,
    prelu,
)

keras = tf.keras


@dataclass(frozen=True, slots=True)
class Parts:
    """What a network makes its units of.

    Attributes:
        config: Its configuration.
        convolution: Quantized as the network is: (x, filters, name, kernel=, same=) to x.
        shifted: (x, name) to what binary activations read.
    """

    config: FaceResNetConfig
    convolution: Callable[..., tf.Tensor]
    shifted: Callable[[tf.Tensor, str], tf.Tensor]

    def inner(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """What follows a convolution whose output a convolution reads."""
        x = batch_normalisation(x, name)
        return x if self.config.binary_activations else prelu(x, name)

    def last(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """What follows a convolution whose output is added."""
        if self.config.binary_activations:
            return batch_normalisation(keras.layers.ReLU(name=f"{name}_relu")(x), name)
        return prelu(batch_normalisation(x, name), name)


def fire(x: tf.Tensor, name: str, parts: Parts) -> tf.Tensor:
    """The branch of a Fire module."""
    channels = x.shape[-1]
    squeezed = squeezed_channels(channels, binary=parts.config.binary_activations)
    half = channels // 2
    x = parts.convolution(parts.shifted(x, name), squeezed, f"{name}_squeeze", kernel=1)
    x = parts.inner(x, f"{name}_squeeze")
    sides = [
        parts.last(
            parts.convolution(x, filters, f"{name}_expand{size}", kernel=size, same=True),
            f"{name}_expand{size}",
        )
        for size, filters in ((1, half), (3, channels - half))
    ]
    return keras.layers.Concatenate(name=f"{name}_concatenated")(sides)


def separable(x: tf.Tensor, name: str, parts: Parts) -> tf.Tensor:
    """The branch of depthwise separable convolutions."""
    channels = x.shape[-1]
    for number in range(1, parts.config.unit_convolutions + 1):
        layer = f"{name}_{number}"
        x = parts.inner(_depthwise(x, f"{layer}_depthwise"), f"{layer}_depthwise")
        x = parts.last(parts.convolution(x, channels, layer, kernel=1), layer)
    return x


def inverted(x: tf.Tensor, name: str, parts: Parts) -> tf.Tensor:
    """The branch of an inverted residual with a linear bottleneck."""
    channels = x.shape[-1]
    x = parts.convolution(x, EXPANSION * channels, f"{name}_expand", kernel=1)
    x = parts.inner(x, f"{name}_expand")
    x = parts.inner(_depthwise(x, f"{name}_depthwise"), f"{name}_depthwise")
    x = parts.convolution(x, channels, f"{name}_project", kernel=1)
    return batch_normalisation(x, f"{name}_project")


def shuffle(x: tf.Tensor, name: str, parts: Parts) -> tf.Tensor:
    """The branch of a ShuffleNet unit."""
    channels = x.shape[-1]
    x = _grouped(x, channels // GROUPS, f"{name}_squeeze", parts)
    x = parts.inner(x, f"{name}_squeeze")
    x = ChannelShuffle(GROUPS, name=f"{name}_shuffle")(x)
    x = batch_normalisation(_depthwise(x, f"{name}_depthwise"), f"{name}_depthwise")
    return parts.last(_grouped(x, channels, f"{name}_expand", parts), f"{name}_expand")


BLOCKS: Mapping[str, Callable[[tf.Tensor, str, Parts], tf.Tensor]] = {
    "fire": fire,
    "separable": separable,
    "inverted": inverted,
    "shuffle": shuffle,
}
"""The branches by the name that a configuration gives them."""


def _depthwise(x: tf.Tensor, name: str) -> tf.Tensor:
    options: dict[str, Any] = {"padding": "same", "use_bias": False, "name": name}
    return keras.layers.DepthwiseConv2D(3, depthwise_initializer="he_normal", **options)(x)


def _grouped(x: tf.Tensor, filters: int, name: str, parts: Parts) -> tf.Tensor:
    groups = [
        parts.convolution(
            ChannelGroup(number, GROUPS, name=f"{name}_slice{number + 1}")(x),
            filters // GROUPS,
            f"{name}_group{number + 1}",
            kernel=1,
        )
        for number in range(GROUPS)
    ]
    return keras.layers.Concatenate(name=f"{name}_groups")(groups)
