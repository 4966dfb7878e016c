"""MobileFaceNet: a small float face network of depthwise-separable residual units.

After S. Chen, Y. Liu, X. Gao and Z. Han, "MobileFaceNets: Efficient CNNs for Accurate Real-Time
Face Verification on Mobile Devices", CCBR 2018. A residual unit computes

    x  ->  x + BN(project(PReLU(BN(depthwise3x3(PReLU(BN(expand(x))))))))

with 1x1 convolutions to ``expansion`` times the channels and back, the inverted residual of M.
Sandler et al., "MobileNetV2", CVPR 2018. The first unit of a stage halves height and width by the
stride of its depthwise convolution and has no addition. Before them are a 3x3 convolution of stride
2 and a depthwise one; after them a 1x1 convolution, a global depthwise convolution, batch
normalisation and a linear layer, with ``head_units`` a hidden layer beside it.

Two differences from the paper's table 1: all units expand by one factor, relative to the channels
that leave them, and the last stage is wider, which costs little where the map is 7x6. With
``first_units`` of 128, 256 and 512, and 5, 7 and 3 units of 64, 128 and 128 channels, it is the
paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.keras.networks.layers import (
    ReducedPrecisionQuantConv2D,
    batch_normalisation,
    embedding_head,
    prelu,
)

keras = tf.keras


def build_mobile_face_net(
    config: MobileFaceNetConfig, convolution_dtype: str = "float32"
) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: Shape of the network.
        convolution_dtype: "float32", or "bfloat16" for faster training on a CPU that has it: then
            the convolutions that are not depthwise round what they multiply. Convert a model built
            with "float32".

    Returns:
        A Keras model float32 [N, height, width, 3], RGB scaled to about [-1, 1], to float32
        [N, embedding_length], not normalised.
    """
    return _Builder(config, convolution_dtype).build()


@dataclass(frozen=True, slots=True)
class _Builder:
    config: MobileFaceNetConfig
    convolution_dtype: str

    def build(self) -> keras.Model:
        config = self.config
        inputs = keras.Input((config.input_height, config.input_width, 3), name="face")
        x = prelu(self._convolution(inputs, config.stem_channels, "stem1", 3, 2), "stem1")
        x = prelu(self._depthwise(x, "stem2"), "stem2")
        for stage, (channels, units) in enumerate(config.stages):
            for unit in range(units):
                name, hidden = f"stage{stage + 1}_unit{unit + 1}", config.hidden(stage, unit)
                x = self._unit(x, hidden, channels, name, 1 if unit else 2)
        x = prelu(self._convolution(x, config.head_channels, "features"), "features")
        embedding = embedding_head(x, config.embedding_length, config.head_units)
        return keras.Model(inputs, embedding, name="mobile_face_net")

    def _unit(self, x: tf.Tensor, hidden: int, channels: int, name: str, stride: int) -> tf.Tensor:
        branch = prelu(self._convolution(x, hidden, f"{name}_expand"), f"{name}_expand")
        branch = prelu(self._depthwise(branch, f"{name}_depthwise", stride), f"{name}_depthwise")
        branch = self._convolution(branch, channels, f"{name}_project")
        return branch if stride > 1 else keras.layers.Add(name=f"{name}_add")([x, branch])

    def _convolution(
        self, x: tf.Tensor, filters: int, name: str, kernel: int = 1, stride: int = 1
    ) -> tf.Tensor:
        options: dict[str, Any] = {
            "strides": stride,
            "padding": "same",
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "name": f"{name}_conv",
        }
        if self.convolution_dtype == "float32":
            x = keras.layers.Conv2D(filters, kernel, **options)(x)
        else:
            x = ReducedPrecisionQuantConv2D(
                filters, kernel, convolution_dtype=self.convolution_dtype, **options
            )(x)
        return batch_normalisation(x, name)

    def _depthwise(self, x: tf.Tensor, name: str, stride: int = 1) -> tf.Tensor:
        x = keras.layers.DepthwiseConv2D(
            3,
            strides=stride,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        return batch_normalisation(x, name)
