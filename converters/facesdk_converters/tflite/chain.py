"""Writing a small float32 network straight into a TFLite flatbuffer.

For networks whose weights are at hand and whose layers are few, this needs no TensorFlow and gives
the same bytes with every version of it. Layers are chained: each takes the last tensor. Operators
and their options are those of TensorFlow Lite's ``schema.fbs``, all in version 1, so that every
runtime runs them.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

_SCHEMA_VERSION = 3
_OP = schema.BuiltinOperator
_PADDING = {"valid": schema.Padding.VALID, "same": schema.Padding.SAME}


class SequentialGraph:
    """A chain of layers under construction.

    Args:
        name: Name of the input tensor.
        shape: Its shape ``(batch, height, width, channels)`` as allocated by default.
        dynamic: The axes a user may resize.
    """

    def __init__(
        self, name: str, shape: tuple[int, int, int, int], dynamic: tuple[int, ...]
    ) -> None:
        self._buffers = [schema.BufferT()]
        self._tensors: list[schema.TensorT] = []
        self._operators: list[schema.OperatorT] = []
        self._codes: list[int] = []
        self._dynamic = dynamic
        self._last = self._activation(name, shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the last tensor as allocated by default."""
        return tuple(self._tensors[self._last].shape)

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
            _OP.CONV_2D,
            (self._constant("kernel", weights), self._constant("bias", bias)),
            (batch, height - rows + 1, width - columns + 1, count),
            schema.BuiltinOptions.Conv2DOptions,
            options,
        )

    def prelu(self, alpha: ArrayLike) -> None:
        """``max(x, 0) + alpha * min(x, 0)``, with one ``alpha`` a channel."""
        slopes = np.asarray(alpha).reshape((1,) * (len(self.shape) - 2) + (-1,))
        self._append(_OP.PRELU, (self._constant("alpha", slopes),), self.shape)

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
            _OP.MAX_POOL_2D,
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
            _OP.FULLY_CONNECTED,
            (self._constant("matrix", weights), self._constant("bias", bias)),
            (self.shape[0], len(weights)),
            schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(),
        )

    def to_bytes(self, *, description: str) -> bytes:
        """The finished ``.tflite`` file; the last tensor is its output."""
        graph = schema.SubGraphT(
            tensors=self._tensors, inputs=[0], outputs=[self._last], operators=self._operators,
            name="main",
        )  # fmt: skip
        model = schema.ModelT(
            version=_SCHEMA_VERSION,
            operatorCodes=[schema.OperatorCodeT(code, None, 1, code) for code in self._codes],
            subgraphs=[graph],
            description=description,
            buffers=self._buffers,
        )
        return pack(model)

    def _append(
        self,
        code: int,
        constants: tuple[int, ...],
        shape: tuple[int, ...],
        options_type: int = schema.BuiltinOptions.NONE,
        options: object = None,
    ) -> None:
        if code not in self._codes:
            self._codes.append(code)
        output = self._activation(f"layer_{len(self._operators)}", shape)
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=[self._last, *constants],
                outputs=[output],
                builtinOptionsType=options_type,
                builtinOptions=options,
            )
        )
        self._last = output

    def _activation(self, name: str, shape: tuple[int, ...]) -> int:
        signature = [-1 if axis in self._dynamic else size for axis, size in enumerate(shape)]
        return self._tensor(name, shape, buffer=0, signature=signature)

    def _constant(self, kind: str, values: ArrayLike) -> int:
        array: NDArray[np.float32] = np.ascontiguousarray(values, dtype="<f4")
        self._buffers.append(schema.BufferT(array.reshape(-1).view(np.uint8)))
        name = f"layer_{len(self._operators)}/{kind}"
        return self._tensor(name, array.shape, buffer=len(self._buffers) - 1)

    def _tensor(
        self, name: str, shape: tuple[int, ...], buffer: int, signature: list[int] | None = None
    ) -> int:
        self._tensors.append(
            schema.TensorT(
                shape=list(shape),
                type=schema.TensorType.FLOAT32,
                buffer=buffer,
                name=name,
                shapeSignature=signature,
            )
        )
        return len(self._tensors) - 1


def pack(model: schema.ModelT) -> bytes:
    """The file of a model tree: equal trees give equal bytes."""
    builder = _AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns byte vectors to 16, as ``force_align`` of the schema demands of buffers.

    Kernels read weights in place, as float32 or wider. flatc's Python code drops ``force_align``,
    so that a packed model may crash where unaligned reads trap (armv7).
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        offset: int = super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)
        return offset
