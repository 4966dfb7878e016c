"""Writing a small float32 network straight into a TFLite flatbuffer.

For networks whose weights are at hand and whose layers are few, this needs no TensorFlow and gives
the same bytes with every version of it. Layers are chained: each takes the last tensor. Operators
and their options are those of TensorFlow Lite's ``schema.fbs``, all in version 1, so that every
runtime runs them.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike

from facesdk_converters.tflite.tree import Tree

_PADDING = {"valid": schema.Padding.VALID, "same": schema.Padding.SAME}


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
        self._tree = Tree.empty(description)
        self._dynamic = dynamic
        self._last = self._activation(name, shape)
        self._tree.inputs = [self._last]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the last tensor as allocated by default."""
        return self._tree.shape(self._last)

    def conv2d(self, kernel: ArrayLike, bias: ArrayLike) -> None:
        """A convolution with stride 1 and no padding.

        Args:
            kernel: ``(height, width, channels_in, channels_out)``.
            bias: ``(channels_out,)``.
        """
        weights = np.transpose(np.asarray(kernel), (3, 0, 1, 2))
        count, rows, columns, _ = weights.shape
        batch, height, width, _ = self.shape
        options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideH = options.strideW = 1
        self._append(
            "CONV_2D",
            (self._constant("kernel", weights), self._constant("bias", bias)),
            (batch, height - rows + 1, width - columns + 1, count),
            schema.BuiltinOptions.Conv2DOptions,
            options,
        )

    def prelu(self, alpha: ArrayLike) -> None:
        """``max(x, 0) + alpha * min(x, 0)``, with one ``alpha`` per channel."""
        slopes = np.asarray(alpha).reshape((1,) * (len(self.shape) - 2) + (-1,))
        self._append("PRELU", (self._constant("alpha", slopes),), self.shape)

    def max_pool(self, size: int, stride: int, padding: str) -> None:
        """The maximum of square windows.

        Args:
            size: Side of the window.
            stride: Distance of windows.
            padding: ``"valid"``, or ``"same"``: windows may reach over the border.
        """
        batch, height, width, channels = self.shape
        options = schema.Pool2DOptionsT()
        options.padding = _PADDING[padding]
        options.strideH = options.strideW = stride
        options.filterHeight = options.filterWidth = size
        short = size - 1 if padding == "valid" else 0
        self._append(
            "MAX_POOL_2D",
            (),
            (batch, -((short - height) // stride), -((short - width) // stride), channels),
            schema.BuiltinOptions.Pool2DOptions,
            options,
        )

    def dense(self, matrix: ArrayLike, bias: ArrayLike) -> None:
        """A product with a matrix, of all values of an example in row-major order.

        Args:
            matrix: ``(values_in, values_out)``.
            bias: ``(values_out,)``.
        """
        weights = np.transpose(np.asarray(matrix))
        self._append(
            "FULLY_CONNECTED",
            (self._constant("matrix", weights), self._constant("bias", bias)),
            (self.shape[0], len(weights)),
            schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(),
        )

    def to_bytes(self) -> bytes:
        """The finished ``.tflite`` file; the last tensor is its output."""
        self._tree.outputs = [self._last]
        return self._tree.to_bytes()

    def _append(
        self,
        kind: str,
        constants: tuple[int, ...],
        shape: tuple[int, ...],
        options_type: int = schema.BuiltinOptions.NONE,
        options: object = None,
    ) -> None:
        operators = self._tree.operators
        output = self._activation(f"layer_{len(operators)}", shape)
        operators.append(
            schema.OperatorT(
                opcodeIndex=self._tree.code(kind),
                inputs=[self._last, *constants],
                outputs=[output],
                builtinOptionsType=options_type,
                builtinOptions=options,
            )
        )
        self._last = output

    def _activation(self, name: str, shape: tuple[int, ...]) -> int:
        signature = [-1 if axis in self._dynamic else size for axis, size in enumerate(shape)]
        return self._tree.add_activation(name, shape, signature)

    def _constant(self, kind: str, values: ArrayLike) -> int:
        name = f"layer_{len(self._tree.operators)}/{kind}"
        return self._tree.add_constant(name, np.ascontiguousarray(values, dtype="<f4"))
