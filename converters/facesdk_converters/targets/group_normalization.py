"""Group normalisation in operators that runtimes have.

Keras computes it by weighted moments, for a mask that convolutions never have, and TensorFlow
Lite's converter writes their division with a BROADCAST_TO to a scalar, which runtimes refuse. While
a converter looks, the layer computes the plain mean and variance of each group (Y. Wu and K. He,
"Group Normalization", 2018), which is the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import tensorflow as tf

from facesdk_converters.targets.substitution import computing_as


@contextmanager
def plain_groups(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, layers of group normalisation compute as described above.

    Args:
        layers: Layers of a network; others are left alone.
    """
    kind = tf.keras.layers.GroupNormalization
    with computing_as(_Plain, [layer for layer in layers if type(layer) is kind]):
        yield


class _Plain(tf.keras.layers.GroupNormalization):  # type: ignore[misc]
    def call(self, inputs: Any, mask: Any = None) -> Any:
        sizes = tuple(inputs.shape)
        axis = self.axis % len(sizes)
        before, channels, after = prod(sizes[1:axis]), sizes[axis], prod(sizes[axis + 1 :])
        last = (after,) if after > 1 else ()
        x = tf.reshape(inputs, (-1, before, self.groups, channels // self.groups, *last))
        axes = [number for number in range(1, len(x.shape)) if number != 2]
        mean = tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        factors = (1, 1, self.groups, channels // self.groups, *((1,) * len(last)))
        if self.scale:
            x *= tf.reshape(self.gamma, factors)
        if self.center:
            x += tf.reshape(self.beta, factors)
        return tf.reshape(x, (-1, *sizes[1:]))
