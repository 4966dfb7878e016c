"""CompactFaceNet: a small residual face network whose 3x3 convolutions are binary.

Every residual unit computes, for an activation x of C channels,

    x  ->  PReLU(x + BN(conv3x3(sign(x + b), sign(W))))

with b a learned threshold per channel (RSign) and PReLU after the addition, as in Z. Liu et al.,
"ReActNet: Towards Precise Binary Neural Network with Generalized Activation Functions", ECCV 2020.
The shifts inside ReActNet's RPReLU are no parameters of their own here: the one before it is the
offset of the batch normalisation, the one after it is absorbed by the next b and the next offset.
The gradient of the activation's sign is the piecewise polynomial of Z. Liu et al., "Bi-Real Net",
ECCV 2018; the weight's is the clipped straight-through estimator.

With two thresholds per channel, b and c, an activation is two signs that meet the same weights,
each with a normalisation of its own,

    x  ->  PReLU(x + BN(conv3x3(sign(x + b), sign(W))) + BN'(conv3x3(sign(x + c), sign(W))))

as with the activations of X. Lin et al., "Towards Accurate Binary Convolutional Neural Network",
NIPS 2017: twice the binary work, and no more bytes than the numbers of a channel.

What stays float is small: a two-convolution stem, a 1x1 convolution after each 2x2 average pool,
the additions, and the head of MobileFaceNet (S. Chen et al., CCBR 2018): a global depthwise
convolution, batch normalisation, and a linear layer, with ``head_units`` a hidden layer beside it.

The network obeys Larq Compute Engine's rules for fast inference: channels a multiple of 32,
``pad_values=1``, and BN directly after the binary convolution, so that the converter folds it in.
"""

from __future__ import annotations

import larq as lq
import tensorflow as tf

from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig, Variant, planes_of
from facesdk_training.keras.networks.layers import (
    ChannelShift,
    ReducedPrecisionQuantConv2D,
    batch_normalisation,
    embedding_head,
    prelu,
)
from facesdk_training.keras.networks.quantizers import PolynomialSign

keras = tf.keras


def build_compact_face_net(
    config: CompactFaceNetConfig, convolution_dtype: str = "float32"
) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: Shape of the network.
        convolution_dtype: "float32", or "bfloat16" for faster training on a CPU that has it (see
            :class:`~facesdk_training.keras.networks.layers.ReducedPrecisionQuantConv2D`). Convert a
            model built with "float32".

    Returns:
        A Keras model float32 [N, height, width, 3], RGB scaled to about [-1, 1], to float32
        [N, embedding_length], not normalised.
    """
    inputs = keras.Input((config.input_height, config.input_width, 3), name="face")
    x = _stem(inputs, config.stem_channels)
    for index, (channels, units) in enumerate(config.stages):
        if index > 0:
            x = _transition(x, channels, name=f"transition{index + 1}")
        for unit in range(units):
            x = _residual_unit(
                x,
                config.variant,
                convolution_dtype,
                thresholds=config.thresholds_of(index),
                name=f"stage{index + 1}_unit{unit + 1}",
            )
    return keras.Model(
        inputs,
        embedding_head(x, config.embedding_length, config.head_units),
        name=f"compact_face_net_{config.variant.lower()}",
    )


def _stem(x: tf.Tensor, channels: tuple[int, int]) -> tf.Tensor:
    for index, filters in enumerate(channels):
        name = f"stem{index + 1}"
        x = keras.layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        x = batch_normalisation(x, name)
        if index == 0:
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x


def _transition(x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    x = keras.layers.AveragePooling2D(2, name=f"{name}_pool")(x)
    x = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
    return batch_normalisation(x, name)


def _residual_unit(
    x: tf.Tensor, variant: Variant, convolution_dtype: str, thresholds: int, name: str
) -> tf.Tensor:
    channels = x.shape[-1]
    if variant != "float":
        binary = variant == "QB"
        convolution = ReducedPrecisionQuantConv2D(
            channels,
            3,
            padding="same",
            pad_values=1.0,
            input_quantizer=PolynomialSign(),
            kernel_quantizer=lq.quantizers.SteSign(clip_value=1.0) if binary else None,
            kernel_constraint=lq.constraints.WeightClip(clip_value=1.0) if binary else None,
            kernel_initializer="glorot_normal",
            use_bias=False,
            convolution_dtype=convolution_dtype,
            name=f"{name}_conv",
        )
    else:
        convolution = keras.layers.Conv2D(
            channels, 3, padding="same", use_bias=False, name=f"{name}_conv"
        )
    branches = [
        batch_normalisation(convolution(ChannelShift(begin, name=f"{plane}_shift")(x)), plane)
        for plane, begin in planes_of(name, thresholds).items()
    ]
    return prelu(keras.layers.Add(name=f"{name}_add")([x, *branches]), name)
