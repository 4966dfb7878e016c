"""Models of one FacesdkBinaryConv2D or FacesdkBinaryDense, and what they compute, in NumPy.

The arithmetic is written from the definition in ``facesdk_ops.h`` and shares nothing with the
library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from facesdk_converters.tflite.tree import pack as pack_file
from native.support.numpy_windows import pack, windows
from native.support.operator_models import activations, noise, uniform

SAME, VALID = range(2)
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
LIMITS = {NONE: (-np.inf, np.inf), RELU: (0, np.inf), RELU_N1_TO_1: (-1, 1), RELU6: (0, 6)}

f32 = np.float32


@dataclass(frozen=True)
class BinaryModel:
    """A convolution, or with ``dense`` a dense layer over the last axis of its input.

    ``unused_bits`` are what the filter's words have after the last channel.
    """

    batch: int = 1
    height: int = 5
    width: int = 4
    channels: int = 40
    filters: int = 9
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = NONE
    activation_bits: int = 0
    bias: bool = True
    dense: bool = False
    unused_bits: bool = False
    seed: int = 0

    @property
    def fits(self) -> bool:
        """Whether every window fits."""
        sides = zip(self.kernel, self.dilation, (self.height, self.width), strict=True)
        return self.padding == SAME or all((k - 1) * d < size for k, d, size in sides)

    @property
    def name(self) -> str:
        """Of the operator."""
        return "FacesdkBinaryDense" if self.dense else "FacesdkBinaryConv2D"

    def signs(self) -> np.ndarray:
        """+1 and -1: [filters, rows, columns, channels]."""
        taps = (1, 1) if self.dense else self.kernel
        bits = noise((self.filters, *taps, self.channels), self.seed + 1)
        return np.where(bits % 2 == 0, 1, -1)

    def scale(self) -> np.ndarray:
        """One per filter, also negative and zero ones."""
        values = uniform((self.filters,), self.seed + 2, -0.2, 1.5)
        values[self.seed % 7 :: 7] = 0.0
        return values

    def offset(self) -> np.ndarray:
        """The bias; zeros if there is none."""
        return uniform((self.filters,), self.seed + 3, -3.0, 3.0) * f32(self.bias)

    def options(self) -> dict[str, int]:
        """What the operator's FlexBuffer map says."""
        values = {
            "activation_bits": self.activation_bits,
            "channels_in": self.channels,
            "fused_activation_function": self.activation,
            "version": 1,
        }
        if not self.dense:
            values |= {
                "dilation_height_factor": self.dilation[0],
                "dilation_width_factor": self.dilation[1],
                "padding": self.padding,
                "stride_height": self.stride[0],
                "stride_width": self.stride[1],
            }
        return values

    def to_bytes(self) -> bytes:
        """The ``.tflite`` file."""
        words = pack(self.signs())
        if self.unused_bits and self.channels % 32:
            words[..., -1] |= ~np.uint32((1 << self.channels % 32) - 1)
        constants = [words.view(np.int32), self.scale()]
        if self.dense:
            constants[0] = constants[0].reshape(self.filters, -1)
        if self.bias:
            constants.append(self.offset())
        image = self.image()
        output = self.expected(image)[0].shape
        buffers = [schema.BufferT()] + [
            schema.BufferT(np.ascontiguousarray(values).reshape(-1).view(np.uint8))
            for values in constants
        ]
        kind = schema.TensorType
        tensors = [schema.TensorT(shape=list(image.shape), type=kind.FLOAT32, name="image")]
        tensors += [
            schema.TensorT(
                shape=list(values.shape),
                type=kind.INT32 if values.dtype == np.int32 else kind.FLOAT32,
                buffer=number,
                name=f"constant_{number}",
            )
            for number, values in enumerate(constants, 1)
        ]
        tensors.append(schema.TensorT(shape=list(output), type=kind.FLOAT32, name="result"))
        operator = schema.OperatorT(
            opcodeIndex=0,
            inputs=[0, 1, 2, 3 if self.bias else -1],
            outputs=[len(tensors) - 1],
            customOptions=np.frombuffer(flexbuffers.Dumps(self.options()), np.uint8),
        )
        graph = schema.SubGraphT(
            tensors=tensors, inputs=[0], outputs=[len(tensors) - 1], operators=[operator]
        )
        custom = schema.BuiltinOperator.CUSTOM
        code = schema.OperatorCodeT(custom, self.name, 1, custom)
        return pack_file(
            schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)
        )

    def image(self) -> np.ndarray:
        """Floats, as emulated computers make them of the seed too."""
        shape: tuple[int, ...] = (self.batch, self.height, self.width, self.channels)
        if self.dense:
            shape = (self.batch, self.channels)
        return activations(shape, np.float32, self.seed)

    def with_batch(self, batch: int) -> BinaryModel:
        """The same operator for another number of images."""
        return replace(self, batch=batch)

    def expected(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The result, and by how much the operator's may differ from it."""
        cells = image.reshape(len(image), 1, 1, -1) if self.dense else image
        if self.activation_bits == 8:
            result, bound = self._of_bytes(cells), np.zeros(())
        else:
            result, bound = self._of_floats(cells.astype(np.float64))
        shape = (len(image), self.filters) if self.dense else result.shape
        return result.reshape(shape), np.broadcast_to(bound, result.shape).reshape(shape)

    def _sums(self, cells: np.ndarray, signs: np.ndarray) -> np.ndarray:
        geometry = (
            ((1, 1), (1, 1), (1, 1), VALID)
            if self.dense
            else (self.kernel, self.stride, self.dilation, self.padding)
        )
        return np.einsum("bhwyxc,oyxc->bhwo", windows(cells, cells.dtype.type(0), *geometry), signs)

    def _of_floats(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        signs, scale, bias = self.signs(), self.scale().astype(float), self.offset().astype(float)
        exact = np.clip(self._sums(cells, signs) * scale + bias, *LIMITS[self.activation])
        weights = signs[0, ..., 0].size * -(-self.channels // 32) * 32
        magnitude = self._sums(np.abs(cells), np.abs(signs)) * np.abs(scale)
        bound = (weights + 3) * 2.0**-24 * magnitude + 2.0**-22 * (magnitude + np.abs(bias))
        return exact, bound

    def _of_bytes(self, cells: np.ndarray) -> np.ndarray:
        axes = tuple(range(1, cells.ndim))
        low = np.minimum(cells.min(axis=axes), f32(0))
        high = np.maximum(cells.max(axis=axes), f32(0))
        step = high / f32(255) - low / f32(255)
        inverse = np.where(step > 0, f32(1) / np.where(step > 0, step, f32(1)), f32(0))
        zero = np.clip(np.rint(-low * inverse), 0, 255).astype(np.int64)
        each = (slice(None), *[None] * (cells.ndim - 1))
        levels = np.rint(cells * inverse[each]).astype(np.int64) + zero[each]
        sums = self._sums(np.clip(levels, 0, 255) - zero[each], self.signs())
        products = sums.astype(f32) * (step[each] * self.scale())
        low_limit, high_limit = LIMITS[self.activation]
        return np.clip(products + self.offset(), f32(low_limit), f32(high_limit))
