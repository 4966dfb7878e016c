"""LCE models without a converter: quantize, pool, convolve, add, dequantize, written directly.

A sweep over thousands of shapes cannot convert a Keras network for each. The files have what LCE
0.16's converter writes: the operators' names, their FlexBuffer options, and int32 tensors of packed
bits; filters are ``[out, height, width, words of a group]``, inputs that an operator does not use
have index -1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from facesdk_converters.tflite.tree import pack
from native.support.operator_models import noise, uniform

FLOAT32, INT8, BITS = "float32", "int8", "bits"
SAME, VALID = range(2)
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
ADD = "ADD"

_TYPES = {
    FLOAT32: schema.TensorType.FLOAT32,
    INT8: schema.TensorType.INT8,
    BITS: schema.TensorType.INT32,
}


@dataclass(frozen=True)
class Pool:
    """A max-pool of packed bits before the convolution."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: int


@dataclass(frozen=True)
class Model:
    """One convolution with what it needs around it.

    ``bits`` are dequantized to ``leaves_as``. A ``residual`` model adds the image to the result,
    and to that a second convolution of it with the same options; it ``can_add``.
    """

    batch: int
    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    pad_value: int = 1
    groups: int = 1
    activation: int = NONE
    output: str = FLOAT32
    enters_as: str = FLOAT32
    leaves_as: str = FLOAT32
    scale: float = 0.25
    zero_point: int = 3
    pool: Pool | None = None
    residual: bool = False
    seed: int = 0

    @property
    def can_add(self) -> bool:
        """Whether the convolution's result is a float image like the one that enters."""
        image = (self.height, self.width, self.channels)
        return (
            self.enters_as == self.output == FLOAT32
            and self.pool is None
            and image == (*self.output_size, self.filters)
        )

    @property
    def pooled(self) -> tuple[int, int]:
        """Size of the image that is convolved."""
        if self.pool is None:
            return self.height, self.width
        return (
            out_size(self.height, self.pool.size[0], self.pool.stride[0], 1, self.pool.padding),
            out_size(self.width, self.pool.size[1], self.pool.stride[1], 1, self.pool.padding),
        )

    @property
    def output_size(self) -> tuple[int, int]:
        """Size of the result; a part below 1 means that there is none."""
        rows, columns = (
            out_size(size, taps, stride, dilation, self.padding)
            for size, taps, stride, dilation in zip(
                self.pooled, self.kernel, self.stride, self.dilation, strict=True
            )
        )
        return rows, columns

    @property
    def lce_kernels(self) -> tuple[str, ...]:
        """The kernels of LCE that compute this model, and compute it right.

        Its reference kernel refuses zero padding of an odd number of channels, its optimised ones
        refuse it unless a float leaves without activation, and leave it out at some windows if the
        filter is as large as the image; with zero padding and bit output it crashes.
        """
        zero_padded = self.padding == SAME and self.pad_value == 0
        kernels = []
        plain = self.output == FLOAT32 and self.activation == NONE
        if not zero_padded or (plain and self._corrected_by_lce()):
            kernels.append("optimized")
        if not zero_padded or (self.channels % 2 == 0 and self.output != BITS):
            kernels.append("reference")
        return tuple(kernels)

    def _corrected_by_lce(self) -> bool:
        """Whether nothing is padded, or the dilated filter is smaller than the image."""
        axes = list(zip(self.pooled, self.kernel, self.stride, self.dilation, strict=True))
        spans = [(taps - 1) * dilation + 1 for _, taps, _, dilation in axes]
        padded = any(
            (out_size(size, taps, stride, dilation, SAME) - 1) * stride + span > size
            for (size, taps, stride, dilation), span in zip(axes, spans, strict=True)
        )
        return not padded or all(span < size for (size, *_), span in zip(axes, spans, strict=True))

    def to_bytes(self) -> bytes:
        """The ``.tflite`` file."""
        return _Writer(self).to_bytes()

    def image(self) -> np.ndarray:
        """An input: floats of both signs and both zeros, or all of int8."""
        bits = noise((self.batch, self.height, self.width, self.channels), self.seed)
        if self.enters_as == INT8:
            return bits.astype(np.uint8).view(np.int8)
        values = ((bits % 65).astype(np.float32) - 32.0) / 16.0
        values[bits % 64 == 7] = -0.0
        return values

    def resized(self, batch: int, height: int, width: int) -> Model:
        """The same network for other images."""
        return replace(self, batch=batch, height=height, width=width)


def out_size(size: int, taps: int, stride: int, dilation: int, padding: int) -> int:
    """Positions of a window along an axis, as TensorFlow defines SAME and VALID."""
    span = (taps - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - span) // stride + 1


def _operator_code(name: str) -> schema.OperatorCodeT:
    builtin = schema.BuiltinOperator
    if name == ADD:
        return schema.OperatorCodeT(builtin.ADD, version=1, builtinCode=builtin.ADD)
    return schema.OperatorCodeT(builtin.CUSTOM, name, 1, builtin.CUSTOM)


class _Writer:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.buffers = [schema.BufferT()]
        self.tensors: list[schema.TensorT] = []
        self.operators: list[schema.OperatorT] = []
        self.codes: list[str] = []

    def to_bytes(self) -> bytes:
        model = self.model
        words = -(-model.channels // 32)
        image = (model.batch, model.height, model.width)
        last = self._tensor((*image, model.channels), model.enters_as)
        last = self._append("LceQuantize", [last], self._tensor((*image, words), BITS), {})
        if model.pool is not None:
            pooled = self._tensor((model.batch, *model.pooled, words), BITS)
            last = self._append("LceBMaxPool2d", [last], pooled, self._pool_options())
        last = self._convolve(last, model.seed)
        if model.residual:
            last = self._add(last, 0)
            bits = self._append("LceQuantize", [last], self._tensor((*image, words), BITS), {})
            last = self._add(last, self._convolve(bits, model.seed + 10))
        if model.output == BITS:
            shape = (model.batch, *model.output_size, model.filters)
            last = self._append("LceDequantize", [last], self._tensor(shape, model.leaves_as), {})
        graph = schema.SubGraphT(
            tensors=self.tensors, inputs=[0], outputs=[last], operators=self.operators
        )
        codes = [_operator_code(name) for name in self.codes]
        return pack(
            schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=self.buffers)
        )

    def _convolve(self, bits: int, seed: int) -> int:
        model = self.model
        group_channels = model.channels // model.groups
        filter_shape = (model.filters, *model.kernel, -(-group_channels // 32))
        weights = noise(filter_shape, seed + 1)
        if group_channels % 32:
            weights[..., -1] &= np.uint32((1 << group_channels % 32) - 1)
        constants = [self._constant(weights.view(np.int32)), -1, -1, -1]
        count = (model.filters,)
        if model.output == BITS:
            taps = model.kernel[0] * model.kernel[1] * group_channels
            thresholds = (noise(count, seed + 2) % (taps + 3)).astype(np.int32) - 1
            extremes = np.array([np.iinfo(np.int32).min, np.iinfo(np.int32).max], np.int32)
            thresholds[::11] = extremes[noise(thresholds[::11].shape, seed + 3) % 2]
            constants[3] = self._constant(thresholds)
        else:
            constants[1] = self._constant(uniform(count, seed + 2, -1.5, 1.5))
            constants[2] = self._constant(uniform(count, seed + 3, -9.0, 9.0))
        last = -(-model.filters // 32) if model.output == BITS else model.filters
        output = self._tensor((model.batch, *model.output_size, last), model.output)
        options = {
            "channels_in": model.channels,
            "dilation_height_factor": model.dilation[0],
            "dilation_width_factor": model.dilation[1],
            "fused_activation_function": model.activation,
            "pad_values": model.pad_value,
            "padding": model.padding,
            "stride_height": model.stride[0],
            "stride_width": model.stride[1],
        }
        return self._append("LceBconv2d", [bits, *constants], output, options)

    def _add(self, a: int, b: int) -> int:
        model = self.model
        image = (model.batch, model.height, model.width, model.channels)
        output = self._append(ADD, [a, b], self._tensor(image, FLOAT32), {})
        self.operators[-1].builtinOptionsType = schema.BuiltinOptions.AddOptions
        self.operators[-1].builtinOptions = schema.AddOptionsT()
        return output

    def _pool_options(self) -> dict[str, int]:
        pool = self.model.pool
        assert pool is not None
        return {
            "filter_height": pool.size[0],
            "filter_width": pool.size[1],
            "padding": pool.padding,
            "stride_height": pool.stride[0],
            "stride_width": pool.stride[1],
        }

    def _append(self, name: str, inputs: list[int], output: int, options: dict[str, int]) -> int:
        if name not in self.codes:
            self.codes.append(name)
        custom = None if name == ADD else np.frombuffer(flexbuffers.Dumps(options), np.uint8)
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=self.codes.index(name),
                inputs=inputs,
                outputs=[output],
                customOptions=custom,
            )
        )
        return output

    def _tensor(self, shape: tuple[int, ...], kind: str, buffer: int = 0) -> int:
        quantization = None
        if kind == INT8:
            quantization = schema.QuantizationParametersT(
                scale=[self.model.scale], zeroPoint=[self.model.zero_point]
            )
        self.tensors.append(
            schema.TensorT(
                shape=list(shape), type=_TYPES[kind], buffer=buffer,
                name=f"tensor_{len(self.tensors)}", quantization=quantization,
            )
        )  # fmt: skip
        return len(self.tensors) - 1

    def _constant(self, values: np.ndarray) -> int:
        self.buffers.append(schema.BufferT(np.ascontiguousarray(values).reshape(-1).view(np.uint8)))
        kind = FLOAT32 if values.dtype == np.float32 else BITS
        return self._tensor(values.shape, kind, len(self.buffers) - 1)
