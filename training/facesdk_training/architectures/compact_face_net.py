"""CompactFaceNet: a small residual face network whose 3x3 convolutions are binary.

Every residual unit computes, for an activation x of C channels,

    x  ->  PReLU(x + BN(conv3x3(sign(x + b), sign(W))))

with b a learned threshold a channel (RSign) and PReLU after the addition, as in Z. Liu et al.,
"ReActNet: Towards Precise Binary Neural Network with Generalized Activation Functions", ECCV 2020.
The shifts inside ReActNet's RPReLU are no parameters of their own here: the one before it is the
offset of the batch normalisation, the one after it is absorbed by the next b and the next offset.
The gradient of the activation's sign is the piecewise polynomial of Z. Liu et al., "Bi-Real Net",
ECCV 2018; the weight's is the clipped straight-through estimator.

What stays float is small: a two-convolution stem, a 1x1 convolution after each 2x2 average pool,
the additions, and the head of MobileFaceNet (S. Chen et al., CCBR 2018): a global depthwise
convolution, batch normalisation, and a linear layer.

The network obeys Larq Compute Engine's rules for fast inference: channels a multiple of 32,
``pad_values=1``, and BN directly behind the binary convolution, so that the converter folds it in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import larq as lq
import tensorflow as tf

from facesdk.errors import InputError

keras = tf.keras

Variant = Literal["QB", "float"]
PRELU_INITIAL_SLOPE = 0.25  # at Keras' default of 0 every later sign would see only +1


@dataclass(frozen=True, slots=True)
class CompactFaceNetConfig:
    """Shape of a CompactFaceNet.

    Attributes:
        variant: "QB" has 1-bit weights and 1-bit activations, "float" is its full-precision twin.
        input_height: Height of the aligned crop, in pixels.
        input_width: Width of the aligned crop, in pixels.
        stem_channels: Output channels of the two stride-2 stem convolutions; the second must equal
            the channels of the first stage.
        stages: (channels, residual units) of each stage; height and width halve between stages.
        embedding_length: Length of the embedding.
    """

    variant: Variant = "QB"
    input_height: int = 112
    input_width: int = 96
    stem_channels: tuple[int, int] = (32, 64)
    stages: tuple[tuple[int, int], ...] = ((64, 3), (128, 6), (256, 6))
    embedding_length: int = 192

    def __post_init__(self) -> None:
        if self.variant not in ("QB", "float"):
            raise InputError(f'variant must be "QB" or "float", but got {self.variant!r}')
        if self.stem_channels[1] != self.stages[0][0]:
            raise InputError(
                "the second stem convolution must have as many channels as the first stage, "
                f"but got {self.stem_channels[1]} and {self.stages[0][0]}"
            )
        if any(channels % 32 for channels, _ in self.stages):
            raise InputError(f"stage channels must be multiples of 32, but got {self.stages}")

    @staticmethod
    def from_dict(record: dict[str, Any]) -> CompactFaceNetConfig:
        """The inverse of ``dataclasses.asdict``, also after a trip through JSON."""
        return CompactFaceNetConfig(
            **{
                **record,
                "stem_channels": tuple(record["stem_channels"]),
                "stages": tuple(tuple(stage) for stage in record["stages"]),
            }
        )


class PolynomialSign(lq.quantizers.Quantizer):
    """sign(x) with Bi-Real Net's gradient 2 - 2|x| for |x| < 1 and 0 elsewhere.

    The same function as `larq.quantizers.ApproxSign` in half the passes over memory.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """-1 where the input is negative, else +1; same shape and dtype."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                return upstream * tf.nn.relu(2.0 - 2.0 * tf.abs(x))

            return lq.math.sign(x), gradient

        return super().call(quantize(inputs))


class ReducedPrecisionQuantConv2D(lq.layers.QuantConv2D):
    """A QuantConv2D that convolves, forward and backward, in a narrower type than its variables.

    +-1 is exact in bfloat16; the sums are rounded to its 8 significant bits.
    """

    def __init__(self, *args: object, convolution_dtype: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.convolution_dtype = convolution_dtype

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The convolution behind the quantizers; result in the dtype of the inputs."""
        narrow = [tf.cast(tensor, self.convolution_dtype) for tensor in (inputs, kernel)]
        return tf.cast(super().convolution_op(*narrow), inputs.dtype)


class ChannelShift(keras.layers.Layer):
    """Adds one learned value a channel, (..., C) -> (..., C): the movable threshold of RSign."""

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the C values, all 0."""
        self.shift = self.add_weight("shift", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The shifted input, of the same shape."""
        return inputs + self.shift


def build_compact_face_net(
    config: CompactFaceNetConfig, convolution_dtype: str = "float32"
) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        config: Shape of the network.
        convolution_dtype: "float32", or "bfloat16" for faster training on a CPU that has it: see
            :class:`ReducedPrecisionQuantConv2D`. Convert a model built with "float32".

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
                x, config.variant, convolution_dtype, name=f"stage{index + 1}_unit{unit + 1}"
            )
    return keras.Model(
        inputs, _head(x, config.embedding_length), name=f"compact_face_net_{config.variant.lower()}"
    )


def _batch_normalisation(x: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-5, name=f"{name}_bn")(x)


def _prelu(x: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.PReLU(
        alpha_initializer=keras.initializers.Constant(PRELU_INITIAL_SLOPE),
        shared_axes=[1, 2],
        name=f"{name}_prelu",
    )(x)


def _stem(x: tf.Tensor, channels: tuple[int, int]) -> tf.Tensor:
    for index, filters in enumerate(channels):
        name = f"stem{index + 1}"
        x = keras.layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        x = _batch_normalisation(x, name)
        if index == 0:
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x


def _transition(x: tf.Tensor, channels: int, name: str) -> tf.Tensor:
    x = keras.layers.AveragePooling2D(2, name=f"{name}_pool")(x)
    x = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
    return _batch_normalisation(x, name)


def _residual_unit(x: tf.Tensor, variant: Variant, convolution_dtype: str, name: str) -> tf.Tensor:
    channels = x.shape[-1]
    shifted = ChannelShift(name=f"{name}_shift")(x)
    if variant == "QB":
        branch = ReducedPrecisionQuantConv2D(
            channels,
            3,
            padding="same",
            pad_values=1.0,
            input_quantizer=PolynomialSign(),
            kernel_quantizer=lq.quantizers.SteSign(clip_value=1.0),
            kernel_constraint=lq.constraints.WeightClip(clip_value=1.0),
            kernel_initializer="glorot_normal",
            use_bias=False,
            convolution_dtype=convolution_dtype,
            name=f"{name}_conv",
        )(shifted)
    else:
        branch = keras.layers.Conv2D(
            channels, 3, padding="same", use_bias=False, name=f"{name}_conv"
        )(shifted)
    branch = _batch_normalisation(branch, name)
    return _prelu(keras.layers.Add(name=f"{name}_add")([x, branch]), name)


def _head(x: tf.Tensor, embedding_length: int) -> tf.Tensor:
    x = keras.layers.DepthwiseConv2D(x.shape[1:3], use_bias=False, name="head_depthwise")(x)
    x = keras.layers.Flatten(name="head_flatten")(_batch_normalisation(x, "head"))
    return keras.layers.Dense(embedding_length, name="embedding")(x)
