"""Kernels whose weights are taken from fewer trained numbers.

Each kind of sharing says which number a weight is, and with which sign: clusters, product
quantization, hashing, circulant matrices. One quantizer trains them all, since in all of them the
gradient of a number is the sum of the gradients of its weights, signs included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk_training.compression.frame import forms

keras = tf.keras


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The weights of a kernel as numbers that they share.

    Attributes:
        numbers: float32 (K,).
        index: int32 in the kernel's shape: which number each weight is.
        signs: int8 in the kernel's shape, 1 or -1.
        trained: float32 (K,), 1, or 0 for a number that training leaves as it is.
        bytes: What it takes to store the numbers, and the index where it is not a formula.
    """

    numbers: NDArray[np.float32]
    index: NDArray[np.int32]
    signs: NDArray[np.int8]
    trained: NDArray[np.float32]
    bytes: int

    @property
    def weights(self) -> NDArray[np.float32]:
        """The kernel."""
        return self.numbers[self.index] * self.signs


Share = Callable[[NDArray[np.float32]], Shared]
"""Gives the sharing for a kernel."""


@keras.utils.register_keras_serializable(package="facesdk")
class SharedWeights(lq.quantizers.Quantizer):
    """sign x numbers[index], whatever the kernel of the layer; the numbers are trained.

    The kernel's own gradient is 0. :meth:`fit` must come before training.

    Args:
        share: The kind of sharing; None in copies, which get it with their weights.
        count: Numbers.
    """

    precision = 32

    def __init__(self, share: Share | None = None, count: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._share = share
        self._count = count

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the numbers, and where they go."""
        shape = tuple(tf.TensorShape(input_shape))

        def constant(name: str, shape: tuple[int, ...], dtype: str) -> tf.Variable:
            return self.add_weight(
                name, shape=shape, dtype=dtype, initializer="zeros", trainable=False
            )

        self.numbers = self.add_weight("numbers", shape=(self._count,), initializer="zeros")
        self.index = constant("index", shape, "int32")
        self.signs = constant("signs", shape, "float32")
        self.trained = constant("trained", (self._count,), "float32")
        super().build(input_shape)

    def fit(self, kernel: tf.Variable) -> None:
        """Takes numbers, index and signs from a kernel."""
        assert self._share is not None
        found = self._share(np.asarray(kernel, np.float32))
        missing = self._count - len(found.numbers)
        self.numbers.assign(np.pad(found.numbers, (0, missing)))
        self.trained.assign(np.pad(found.trained, (0, missing)))
        self.index.assign(found.index)
        self.signs.assign(found.signs.astype(np.float32))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The shared weights, in the shape and dtype of the kernel."""
        fixed = tf.stop_gradient(self.numbers) * (1.0 - self.trained)
        weights = tf.gather(self.numbers * self.trained + fixed, self.index) * self.signs
        return super().call(tf.cast(weights, inputs.dtype) + 0.0 * inputs)

    def form(self) -> forms.Shared:
        """What it makes of a kernel."""
        parts = (self.numbers, self.index, self.signs, self.trained)
        return forms.Shared(*(part.numpy() for part in parts))

    def get_config(self) -> dict[str, Any]:
        """The count; a copy gets what is shared with its weights."""
        return {**super().get_config(), "count": self._count}
