"""Layers that several architectures are made of."""

from __future__ import annotations

from typing import Any

import larq as lq
import tensorflow as tf

keras = tf.keras

PRELU_INITIAL_SLOPE = 0.25
"""Initial slope of PReLU; at Keras' default of 0 a sign after it would see only +1."""

_REGISTERED = keras.utils.register_keras_serializable(package="facesdk")


@_REGISTERED
class ReducedPrecisionQuantConv2D(lq.layers.QuantConv2D):
    """A QuantConv2D that convolves, forward and backward, in a narrower type than its variables.

    +-1 is exact in bfloat16; the sums are rounded to its 8 significant bits.
    """

    def __init__(self, *args: object, convolution_dtype: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.convolution_dtype = convolution_dtype

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The convolution after the quantizers; result in the dtype of the inputs."""
        narrow = [tf.cast(tensor, self.convolution_dtype) for tensor in (inputs, kernel)]
        return tf.cast(super().convolution_op(*narrow), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "convolution_dtype": self.convolution_dtype}


@_REGISTERED
class ChannelShift(keras.layers.Layer):
    """Adds one learned value per channel, (..., C) -> (..., C): the movable threshold of RSign.

    Args:
        begin: What the values are before training.
    """

    def __init__(self, begin: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.begin = begin

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the C values."""
        constant = keras.initializers.Constant(self.begin)
        self.shift = self.add_weight("shift", shape=(input_shape[-1],), initializer=constant)
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "begin": self.begin}

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The shifted input, of the same shape."""
        return inputs + self.shift


@_REGISTERED
class ChannelGroup(keras.layers.Layer):
    """One of ``groups`` equal runs of channels, (..., C) -> (..., C / groups).

    Args:
        number: Which, from 0.
        groups: How many; a divisor of the channels.
    """

    def __init__(self, number: int, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.groups = groups

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The channels of the group."""
        size = inputs.shape[-1] // self.groups
        return inputs[..., self.number * size : (self.number + 1) * size]

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "number": self.number, "groups": self.groups}


@_REGISTERED
class ChannelShuffle(keras.layers.Layer):
    """The first channels of all groups, then their second ones, and so on, in the same shape.

    Afterwards each run of C / groups channels holds some of every group: ShuffleNet's channel
    shuffle (X. Zhang et al., CVPR 2018, section 3.1).

    Args:
        groups: A divisor of the channels.
    """

    def __init__(self, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The shuffled channels."""
        height, width, channels = inputs.shape[1:]
        split = tf.reshape(inputs, (-1, height * width, self.groups, channels // self.groups))
        return tf.reshape(tf.transpose(split, (0, 1, 3, 2)), (-1, height, width, channels))

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "groups": self.groups}


def batch_normalisation(x: tf.Tensor, name: str) -> tf.Tensor:
    """Batch normalisation whose running statistics settle in about 200 steps."""
    return keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-5, name=f"{name}_bn")(x)


def prelu(x: tf.Tensor, name: str) -> tf.Tensor:
    """PReLU with a slope per channel (K. He et al., "Delving Deep into Rectifiers", ICCV 2015)."""
    return keras.layers.PReLU(
        alpha_initializer=keras.initializers.Constant(PRELU_INITIAL_SLOPE),
        shared_axes=[1, 2],
        name=f"{name}_prelu",
    )(x)


def embedding_head(x: tf.Tensor, embedding_length: int, hidden_units: int = 0) -> tf.Tensor:
    """MobileFaceNet's head: a depthwise convolution over the whole map, then a linear layer.

    With hidden units, what they add to the embedding is 0 at first.
    """
    x = keras.layers.DepthwiseConv2D(x.shape[1:3], use_bias=False, name="head_depthwise")(x)
    x = keras.layers.Flatten(name="head_flatten")(batch_normalisation(x, "head"))
    embedding = keras.layers.Dense(embedding_length, name="embedding")(x)
    if not hidden_units:
        return embedding
    hidden = keras.layers.Dense(hidden_units, name="head_hidden")(x)
    correction = keras.layers.Dense(
        embedding_length, use_bias=False, kernel_initializer="zeros", name="head_correction"
    )(keras.layers.ReLU(name="head_relu")(hidden))
    return keras.layers.Add(name="head_add")([embedding, correction])


@_REGISTERED
class ResumableDropout(keras.layers.Layer):
    """Dropout whose masks depend on a seed and on the number of training calls before.

    That number is a weight, so it is in checkpoints, and a resumed run drops what an uninterrupted
    one would have dropped. (N. Srivastava et al., "Dropout", JMLR 2014.)

    Args:
        rate: Share of the values that are set to 0 in training, 0 to below 1; the others are scaled
            by 1 / (1 - rate).
        seed: Seed of the masks.
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the counter of training calls."""
        self.calls = self.add_weight(
            "calls",
            shape=(),
            dtype=tf.int64,
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The inputs with some set to 0 in training, else as they are."""
        if not training or not self.rate:
            return inputs
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64) if context else 0
        seed = tf.stack([tf.constant(self.seed, tf.int64) + replica * 2**32, self.calls])
        outputs = tf.nn.experimental.stateless_dropout(inputs, self.rate, seed=seed)
        self.calls.assign_add(1)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
