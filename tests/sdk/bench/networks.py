"""Networks of stock operators whose shares of the time are known, because their parts are alike."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle

_OP, _TYPE, _OPTIONS = schema.BuiltinOperator, schema.TensorType, schema.BuiltinOptions
SIDE, CHANNELS = 64, 4
"""So few channels that copying them for a PAD takes nearly as long as a convolution."""


def network(parts: list[str], *, quantized: bool = False) -> ModelBundle:
    """A chain of operators on ``(1, SIDE, SIDE, CHANNELS)``; none changes that shape.

    Args:
        parts: ``"conv"``, 3x3 with padding of its own; ``"pad conv"``, the same by a PAD;
            ``"relu"``; ``"active"``, a convolution with ReLU among its options; ``"point"``, one
            of one tap.
        quantized: Whether numbers are int8.
    """
    return ModelBundle.from_bytes(_Writer(quantized).to_bytes(parts), "built")


class _Writer:
    def __init__(self, quantized: bool) -> None:
        self._quantized = quantized
        self._tensors: list[schema.TensorT] = []
        self._buffers = [schema.BufferT()]
        self._operators: list[schema.OperatorT] = []
        self._codes: list[int] = []
        self._rng = np.random.default_rng(0)

    def to_bytes(self, parts: list[str]) -> bytes:
        first = last = self._activation(SIDE)
        for part in parts:
            for word in part.split():
                last = getattr(self, f"_{word}")(last, part)
        codes = [schema.OperatorCodeT(code, None, 3, code) for code in self._codes]
        graph = schema.SubGraphT(self._tensors, [first], [last], self._operators, "main")
        tree = schema.ModelT(3, codes, [graph], "built", self._buffers)
        builder = flatbuffers.Builder(1024)
        builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _conv(self, given: int, part: str) -> int:
        padding = schema.Padding.VALID if part.startswith("pad") else schema.Padding.SAME
        return self._convolve(given, 3, padding)

    def _point(self, given: int, part: str) -> int:
        return self._convolve(given, 1, schema.Padding.SAME)

    def _active(self, given: int, part: str) -> int:
        kinds = schema.ActivationFunctionType
        return self._convolve(given, 3, schema.Padding.SAME, kinds.RELU)

    def _convolve(self, given: int, size: int, padding: int, activation: int = 0) -> int:
        shape = (CHANNELS, size, size, CHANNELS)
        if self._quantized:
            kernel = self._rng.integers(-127, 128, shape).astype(np.int8)
            bias = np.zeros(CHANNELS, "<i4")
        else:
            kernel = (self._rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype("<f4")
            bias = np.zeros(CHANNELS, "<f4")
        constants = [self._constant(kernel, 0.01), self._constant(bias, 0.001)]
        options = schema.Conv2DOptionsT(
            padding=padding, strideW=1, strideH=1, fusedActivationFunction=activation
        )
        output = self._activation(SIDE)
        return self._append("CONV_2D", [given, *constants], output, "Conv2DOptions", options)

    def _pad(self, given: int, part: str) -> int:
        widths = self._constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], "<i4"), None)
        output = self._activation(SIDE + 2)
        return self._append("PAD", [given, widths], output, "PadOptions", schema.PadOptionsT())

    def _relu(self, given: int, part: str) -> int:
        return self._append("RELU", [given], self._activation(SIDE), "NONE", None)

    def _append(
        self, kind: str, inputs: list[int], output: int, options_type: str, options: object
    ) -> int:
        code = getattr(_OP, kind)
        if code not in self._codes:
            self._codes.append(code)
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=inputs,
                outputs=[output],
                builtinOptionsType=getattr(_OPTIONS, options_type),
                builtinOptions=options,
            )
        )
        return output

    def _activation(self, side: int) -> int:
        kind = _TYPE.INT8 if self._quantized else _TYPE.FLOAT32
        return self._tensor((1, side, side, CHANNELS), kind, 0, 0.1)

    def _constant(self, values: np.ndarray, scale: float | None) -> int:
        kinds = {"int8": _TYPE.INT8, "int32": _TYPE.INT32, "float32": _TYPE.FLOAT32}
        self._buffers.append(schema.BufferT(np.frombuffer(values.tobytes(), np.uint8)))
        kind = kinds[values.dtype.name]
        return self._tensor(values.shape, kind, len(self._buffers) - 1, scale)

    def _tensor(self, shape: tuple[int, ...], kind: int, buffer: int, scale: float | None) -> int:
        said = None
        if self._quantized and scale is not None:
            count = CHANNELS if buffer else 1  # weights and biases: a scale per filter
            said = schema.QuantizationParametersT(
                scale=np.full(count, scale, np.float32),
                zeroPoint=np.zeros(count, np.int64),
            )
        number = len(self._tensors)
        self._tensors.append(schema.TensorT(list(shape), kind, buffer, f"t{number}", said))
        return number
