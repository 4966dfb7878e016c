"""Writing a small float32 network whose layers form a chain: each takes the last tensor."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike

from facesdk_converters.tflite.layers import Layers

FEWEST = 16
"""Results of a dense layer from which all versions of XNNPACK sum in one order."""


class Chain:
    """A chain of layers under construction.

    Args:
        name: Name of the input tensor.
        shape: Its shape ``(batch, height, width, channels)`` as allocated by default.
        dynamic: The axes a user may resize.
        description: What the file says it is.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int, int],
        dynamic: tuple[int, ...],
        *,
        description: str,
    ) -> None:
        self._layers = Layers(dynamic, description=description)
        self._last = self._layers.input(name, shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the last tensor as allocated by default."""
        return self._layers.shape(self._last)

    def conv2d(self, kernel: ArrayLike, bias: ArrayLike) -> None:
        """A convolution with stride 1 and no padding.

        Args:
            kernel: ``(height, width, channels_in, channels_out)``.
            bias: ``(channels_out,)``.
        """
        self._last = self._layers.conv2d(self._last, kernel, bias)

    def prelu(self, alpha: ArrayLike) -> None:
        """``max(x, 0) + alpha * min(x, 0)``, with one ``alpha`` per channel."""
        slopes = np.asarray(alpha).reshape((1,) * (len(self.shape) - 2) + (-1,))
        inputs = [self._last, self._layers.constant("alpha", slopes)]
        self._last = self._layers.append("PRELU", inputs, self.shape)

    def max_pool(self, size: int, stride: int, padding: str) -> None:
        """The maximum of square windows.

        Args:
            size: Side of the window.
            stride: Distance of windows.
            padding: ``"valid"``, or ``"same"``: windows may reach over the border.
        """
        self._last = self._layers.max_pool(self._last, size, stride, padding)

    def dense(self, matrix: ArrayLike, bias: ArrayLike) -> None:
        """A product with a matrix, of all values of an example in row-major order.

        XNNPACK of TensorFlow Lite 2.16 sums layers of less than :data:`FEWEST` results in another
        order than later versions, and than it sums larger ones. So a layer that is smaller gets
        results of 0, which are cut off again: every version then gives the same bits.

        Args:
            matrix: ``(values_in, values_out)``.
            bias: ``(values_out,)``.
        """
        results = len(np.asarray(bias))
        more = max(FEWEST - results, 0)
        weights = np.pad(np.transpose(np.asarray(matrix)), [(0, more), (0, 0)])
        constants = (
            self._layers.constant("matrix", weights),
            self._layers.constant("bias", np.pad(np.asarray(bias), (0, more))),
        )
        self._last = self._layers.append(
            "FULLY_CONNECTED",
            [self._last, *constants],
            (self.shape[0], len(weights)),
            schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(),
        )
        if more:
            self._last = self._layers.leading(self._last, results)

    def to_bytes(self) -> bytes:
        """The finished ``.tflite`` file; the last tensor is its output."""
        return self._layers.to_bytes([self._last])
