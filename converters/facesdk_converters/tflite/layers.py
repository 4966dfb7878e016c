"""Writing a small network straight into a TFLite flatbuffer, layer by layer.

For networks whose weights are at hand and whose layers are few, this needs no TensorFlow and gives
the same bytes with every version of it. A layer is a method that takes the numbers of its inputs
and returns that of its output. Operators and their options are those of TensorFlow Lite's
``schema.fbs``; all but DEQUANTIZE are in version 1, so that every runtime runs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import ArrayLike

from facesdk.tflite.graph import WORD
from facesdk.tflite.operators import BCONV2D, QUANTIZE
from facesdk.tflite.weights import pack_signs
from facesdk_converters.tflite.float16 import add_widened
from facesdk_converters.tflite.tree import Tree

PADDING = {"valid": schema.Padding.VALID, "same": schema.Padding.SAME}
"""How windows meet the border, by name."""


class Layers:
    """A network under construction.

    Args:
        dynamic: The axes of activations that a user may resize.
        description: What the file says it is.
        float16: Whether constants are stored in float16. Runtimes widen them once, when they load.
    """

    def __init__(
        self, dynamic: tuple[int, ...], *, description: str, float16: bool = False
    ) -> None:
        self._tree = Tree.empty(description)
        self._dynamic, self._float16 = dynamic, float16

    def input(self, name: str, shape: Sequence[int]) -> int:
        """The input tensor; ``shape`` as allocated by default."""
        number = self._activation(name, shape)
        self._tree.inputs = [number]
        return number

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor as allocated by default."""
        return self._tree.shape(tensor)

    def conv2d(
        self,
        x: int,
        kernel: ArrayLike,
        bias: ArrayLike,
        *,
        stride: int = 1,
        padding: str = "valid",
        relu: bool = False,
    ) -> int:
        """A convolution.

        Args:
            x: Its input.
            kernel: ``(height, width, channels_in, channels_out)``.
            bias: ``(channels_out,)``.
            stride: Distance of windows.
            padding: ``"valid"``, or ``"same"``: windows may reach over the border.
            relu: Whether negative results become 0.
        """
        weights = np.transpose(np.asarray(kernel), (3, 0, 1, 2))
        options = schema.Conv2DOptionsT()
        options.padding = PADDING[padding]
        options.strideH = options.strideW = stride
        options.fusedActivationFunction = _activation_of(relu)
        return self.append(
            "CONV_2D",
            [x, self.constant("kernel", weights), self.constant("bias", bias)],
            self._moved(x, weights.shape[1:3], stride, padding, len(weights)),
            schema.BuiltinOptions.Conv2DOptions,
            options,
        )

    def depthwise_conv2d(
        self, x: int, kernel: ArrayLike, bias: ArrayLike, *, stride: int = 1, relu: bool = False
    ) -> int:
        """A convolution of each channel by itself; windows may reach over the border.

        Args:
            x: Its input.
            kernel: ``(height, width, channels)``.
            bias: ``(channels,)``.
            stride: Distance of windows.
            relu: Whether negative results become 0.
        """
        weights = np.asarray(kernel)[None]
        options = schema.DepthwiseConv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideH = options.strideW = stride
        options.depthMultiplier = 1
        options.fusedActivationFunction = _activation_of(relu)
        return self.append(
            "DEPTHWISE_CONV_2D",
            [x, self.constant("kernel", weights), self.constant("bias", bias)],
            self._moved(x, weights.shape[1:3], stride, "same", weights.shape[3]),
            schema.BuiltinOptions.DepthwiseConv2DOptions,
            options,
        )

    def signs(self, x: int) -> int:
        """The signs of a tensor's values, 32 channels per word; one of facesdk's operators."""
        batch, height, width, channels = self.shape(x)
        return self.append(QUANTIZE, [x], (batch, height, width, -(-channels // WORD)), custom={})

    def binary_conv2d(
        self, signs: int, channels: int, kernel: ArrayLike, gain: ArrayLike, bias: ArrayLike
    ) -> int:
        """A convolution of signs with signs, then a gain and a bias; one of facesdk's operators.

        Gain and bias stay float32: the operator reads no other numbers.

        Args:
            signs: Its input, see :meth:`signs`.
            channels: Channels of what the signs are of.
            kernel: ``(height, width, channels_in, channels_out)``; its signs are taken. Windows
                do not reach over the border.
            gain: ``(channels_out,)``.
            bias: ``(channels_out,)``.
        """
        filters = pack_signs(np.transpose(np.asarray(kernel), (3, 0, 1, 2)))
        name = f"layer_{len(self._tree.operators)}"
        constants = [
            self._tree.add_constant(f"{name}/signs", filters.view(np.int32)),
            self._tree.add_constant(f"{name}/gain", np.asarray(gain, "<f4")),
            self._tree.add_constant(f"{name}/bias", np.asarray(bias, "<f4")),
        ]
        options = {
            "channels_in": channels,
            "dilation_height_factor": 1,
            "dilation_width_factor": 1,
            "fused_activation_function": _activation_of(False),
            "pad_values": 0,
            "padding": PADDING["valid"],
            "stride_height": 1,
            "stride_width": 1,
        }
        shape = self._moved(signs, filters.shape[1:3], 1, "valid", len(filters))
        return self.append(BCONV2D, [signs, *constants, -1], shape, custom=options)

    def max_pool(self, x: int, size: int, stride: int, padding: str) -> int:
        """The maximum of square windows.

        Args:
            x: Its input.
            size: Side of the window.
            stride: Distance of windows.
            padding: ``"valid"``, or ``"same"``: windows may reach over the border.
        """
        options = schema.Pool2DOptionsT()
        options.padding = PADDING[padding]
        options.strideH = options.strideW = stride
        options.filterHeight = options.filterWidth = size
        return self.append(
            "MAX_POOL_2D",
            [x],
            self._moved(x, (size, size), stride, padding, self.shape(x)[3]),
            schema.BuiltinOptions.Pool2DOptions,
            options,
        )

    def pad_before(self, x: int) -> int:
        """With a row of 0 above and a column of 0 on the left."""
        batch, height, width, channels = self.shape(x)
        widths = np.array([[0, 0], [1, 0], [1, 0], [0, 0]], "<i4")
        name = f"layer_{len(self._tree.operators)}/widths"
        return self.append(
            "PAD",
            [x, self._tree.add_constant(name, widths)],
            (batch, height + 1, width + 1, channels),
            schema.BuiltinOptions.PadOptions,
            schema.PadOptionsT(),
        )

    def leading(self, x: int, count: int) -> int:
        """The first ``count`` channels of a tensor.

        By GATHER: of a tensor whose batch a user may resize, runtimes give what SLICE cuts no
        shape before they run it.
        """
        shape = self.shape(x)
        name = f"layer_{len(self._tree.operators)}/channels"
        indices = self._tree.add_constant(name, np.arange(count, dtype="<i4"))
        options = schema.GatherOptionsT()
        options.axis = len(shape) - 1
        return self.append(
            "GATHER",
            [x, indices],
            (*shape[:-1], count),
            schema.BuiltinOptions.GatherOptions,
            options,
        )

    def add(self, x: int, y: int, *, relu: bool = False) -> int:
        """The sum of two tensors of one shape."""
        options = schema.AddOptionsT()
        options.fusedActivationFunction = _activation_of(relu)
        return self.append("ADD", [x, y], self.shape(x), schema.BuiltinOptions.AddOptions, options)

    def doubled(self, x: int) -> int:
        """Twice as many rows and columns, each value four times.

        Four copies beside each other and DEPTH_TO_SPACE: RESIZE_NEAREST_NEIGHBOR would keep the
        size as a constant, so that the network could not be resized.
        """
        batch, height, width, channels = self.shape(x)
        copies = schema.ConcatenationOptionsT()
        copies.axis = 3
        wide = self.append(
            "CONCATENATION",
            [x] * 4,
            (batch, height, width, 4 * channels),
            schema.BuiltinOptions.ConcatenationOptions,
            copies,
        )
        options = schema.DepthToSpaceOptionsT()
        options.blockSize = 2
        return self.append(
            "DEPTH_TO_SPACE",
            [wide],
            (batch, 2 * height, 2 * width, channels),
            schema.BuiltinOptions.DepthToSpaceOptions,
            options,
        )

    def append(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        options_type: int = schema.BuiltinOptions.NONE,
        options: object = None,
        version: int = 1,
        custom: Mapping[str, int] | None = None,
    ) -> int:
        """Adds an operator; returns the number of its output, which has the given shape.

        ``custom`` are the options of a custom operator.
        """
        operators = self._tree.operators
        type_name = "int32" if kind == QUANTIZE else "float32"
        output = self._activation(f"layer_{len(operators)}", shape, type_name)
        operators.append(
            schema.OperatorT(
                opcodeIndex=self._tree.code(kind, version),
                inputs=list(inputs),
                outputs=[output],
                builtinOptionsType=options_type,
                builtinOptions=options,
                customOptions=(
                    None if custom is None else np.frombuffer(flexbuffers.Dumps(custom), np.uint8)
                ),
            )
        )
        return output

    def constant(self, kind: str, values: ArrayLike) -> int:
        """Adds numbers of the next layer, ``kind`` says which; returns the tensor to use."""
        name = f"layer_{len(self._tree.operators)}/{kind}"
        numbers = np.ascontiguousarray(values, dtype="<f4")
        if not self._float16:
            return self._tree.add_constant(name, numbers)
        wide, widening = add_widened(self._tree, name, numbers)
        self._tree.operators.append(widening)
        return wide

    def to_bytes(self, outputs: Sequence[int]) -> bytes:
        """The finished ``.tflite`` file."""
        self._tree.outputs = list(outputs)
        return self._tree.to_bytes()

    def _moved(
        self, x: int, window: tuple[int, ...], stride: int, padding: str, channels: int
    ) -> tuple[int, ...]:
        """Shape of what a window gives that moves over a tensor."""
        batch, height, width, _ = self.shape(x)
        short = [side - 1 if padding == "valid" else 0 for side in window]
        return batch, -((short[0] - height) // stride), -((short[1] - width) // stride), channels

    def _activation(self, name: str, shape: Sequence[int], type_name: str = "float32") -> int:
        signature = [-1 if axis in self._dynamic else size for axis, size in enumerate(shape)]
        return self._tree.add_activation(name, shape, signature, type_name=type_name)


def _activation_of(relu: bool) -> int:
    kinds = schema.ActivationFunctionType
    activation: int = kinds.RELU if relu else kinds.NONE
    return activation
