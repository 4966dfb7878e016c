"""Fixed-point weights in a flatbuffer: the types of TensorFlow Lite that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.targets.fixed_point.levels import FixedPoint
from facesdk_converters.tflite.operators import BITS
from facesdk_converters.tflite.tree import CHANNEL_AXES, Graph

FloatArray = NDArray[np.float32]
Storage = Literal["INT8", "INT4", "INT2", "FLOAT32"]
Choice = Literal["int8", "small", "smallest"]
"""Which type is chosen: INT8, which has the fastest kernels; the smallest that LiteRT 2.3 and
tflite-runtime 2.14 run; the smallest that LiteRT 2.3 runs."""

STORED_BITS = 8
"""Most bits of a weight that a file can hold as a whole number."""

_INT4_VERSIONS = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 10}
_INT2_VERSION = 14
_DEQUANTIZE_VERSIONS: dict[Storage, int] = {"INT8": 5, "INT4": 6, "INT2": 6}
_LARGEST_BIAS = 2.0**30
"""A bias is a whole number of 32 bits, in units of the input's scale times the filter's step."""

_MATCH = 0.51


@dataclass(frozen=True, slots=True, eq=False)
class RoundedLayer:
    """A layer of a float graph and the fixed-point weights it is to have.

    Attributes:
        name: Name of its output.
        kind: Its operator.
        weights: The weights.
        bias: float32 ``(filters,)``.
    """

    name: str
    kind: str
    weights: FixedPoint
    bias: FloatArray


def store(graph: Graph, layers: list[RoundedLayer], choice: Choice) -> None:
    """Replaces the weights of every layer by fixed-point ones, if they have up to 8 bits.

    A layer that computes in int8 gets weights, scales and a bias in these terms; one that computes
    in float32 reads its weights through a DEQUANTIZE.

    Args:
        graph: Float, or quantized by TensorFlow with other weights; changed in place.
        layers: Its layers. The quantizer renames tensors and may change the order of operators, so
            kind and weights say which is which.
        choice: Which types to use.

    Raises:
        ModelError: The quantizer changed a layer so that it cannot be recognised.
    """
    remaining = list(layers)
    operators: list[schema.OperatorT] = []
    for operator in graph.operators:
        if graph.kind(operator) in CHANNEL_AXES and graph.is_constant(int(operator.inputs[1])):
            layer = _take_match(graph, operator, remaining)
            storage = _storage(graph, operator, layer.weights.bits, choice)
            if storage != "FLOAT32" and _in_float(graph, operator):
                operators.append(_widen(graph, operator, layer, storage))
            elif storage != "FLOAT32":
                _replace(graph, operator, layer, storage)
        operators.append(operator)
    if remaining:
        raise ModelError(f"layer {remaining[0].name} is not in the quantized network any more")
    graph.operators = operators


def packed(codes: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    """Whole numbers in two's complement, the first in the lowest bits of a byte.

    Args:
        codes: Any shape; the last byte is filled with 0.
        width: 8, 4 or 2 bits, as LiteRT reads tensors of type INT8, INT4 and INT2.
    """
    each = 8 // width
    low = (codes.reshape(-1) & ((1 << width) - 1)).astype(np.uint8)
    groups = np.pad(low, (0, -len(low) % each)).reshape(-1, each)
    shifts = np.arange(each, dtype=np.uint8) * width
    return np.asarray(np.bitwise_or.reduce(groups << shifts, axis=1), np.uint8)


def _take_match(
    graph: Graph, operator: schema.OperatorT, layers: list[RoundedLayer]
) -> RoundedLayer:
    weights = int(operator.inputs[1])
    kind = graph.kind(operator)
    values, tolerance = _dequantized(graph, weights, CHANNEL_AXES[kind])
    for place, layer in enumerate(layers):
        same_shape = layer.kind == kind and layer.weights.codes.shape == values.shape
        if same_shape and (np.abs(layer.weights.values - values) <= tolerance).all():
            return layers.pop(place)
    raise ModelError(f"layer {graph.name(int(operator.outputs[0]))} was changed by the quantizer")


def _dequantized(graph: Graph, tensor: int, axis: int) -> tuple[FloatArray, FloatArray]:
    """Values of int8 or float32 weights, and how far rounding may have moved them."""
    if graph.is_float_constant(tensor):
        return graph.values(tensor), np.zeros((), np.float32)
    data = graph.tree.buffers[graph.tensors[tensor].buffer].data
    codes = np.frombuffer(bytes(data), np.int8).reshape(graph.shape(tensor))
    shape = [1] * codes.ndim
    shape[axis] = -1
    scales = np.asarray(graph.tensors[tensor].quantization.scale, np.float32).reshape(shape)
    return codes * scales, _MATCH * scales


def _storage(graph: Graph, operator: schema.OperatorT, bits: int, choice: Choice) -> Storage:
    """The type for weights of an operator.

    Found by trying: convolutions in int8 run INT4 in both runtimes and INT2 in neither; dense
    layers in int8 run both in LiteRT only, where alone DEQUANTIZE widens them.
    """
    if bits > STORED_BITS:
        return "FLOAT32"
    convolves_in_int8 = not _in_float(graph, operator) and graph.kind(operator) != "FULLY_CONNECTED"
    if bits <= 2 and choice == "smallest" and not convolves_in_int8:
        return "INT2"
    if bits <= 4 and (choice == "smallest" or (choice == "small" and convolves_in_int8)):
        return "INT4"
    return "INT8"


def _in_float(graph: Graph, operator: schema.OperatorT) -> bool:
    return graph.type_name(int(operator.inputs[0])) == "FLOAT32"


def _replace(
    graph: Graph, operator: schema.OperatorT, layer: RoundedLayer, storage: Storage
) -> None:
    """Weights, scales and bias of an operator that computes in int8."""
    scale = float(graph.tensors[int(operator.inputs[0])].quantization.scale[0])
    weights = layer.weights.with_steps_of(np.abs(layer.bias) / (scale * _LARGEST_BIAS))
    operator.inputs = [
        int(operator.inputs[0]),
        _weights_tensor(graph, layer.name, weights, storage),
        _bias_tensor(graph, layer.name, layer.bias, scale * weights.steps),
    ]
    if storage == "INT4":
        operator.opcodeIndex = graph.code(layer.kind, _INT4_VERSIONS[layer.kind])
    elif storage == "INT2":
        operator.opcodeIndex = graph.code(layer.kind, _INT2_VERSION)


def _widen(
    graph: Graph, operator: schema.OperatorT, layer: RoundedLayer, storage: Storage
) -> schema.OperatorT:
    """Lets an operator that computes in float32 read stored weights."""
    stored = _weights_tensor(graph, layer.name, layer.weights, storage)
    widened = graph.add_tensor(
        schema.TensorT(
            shape=list(layer.weights.codes.shape),
            type=schema.TensorType.FLOAT32,
            buffer=0,
            name=f"{layer.name}/widened",
        )
    )
    operator.inputs = [int(operator.inputs[0]), widened, *(int(t) for t in operator.inputs[2:])]
    return schema.OperatorT(
        opcodeIndex=graph.code("DEQUANTIZE", _DEQUANTIZE_VERSIONS[storage]),
        inputs=[stored],
        outputs=[widened],
        builtinOptionsType=schema.BuiltinOptions.DequantizeOptions,
        builtinOptions=schema.DequantizeOptionsT(),
    )


def _weights_tensor(graph: Graph, name: str, fixed: FixedPoint, storage: Storage) -> int:
    return graph.add_tensor(
        schema.TensorT(
            shape=list(fixed.codes.shape),
            type=getattr(schema.TensorType, storage),
            buffer=graph.add_buffer(packed(fixed.codes, BITS[storage])),
            name=f"{name}/weights",
            quantization=_parameters(fixed.steps, fixed.axis),
        )
    )


def _bias_tensor(graph: Graph, name: str, bias: FloatArray, scales: FloatArray) -> int:
    codes = np.rint(bias / scales.astype(np.float64)).astype(np.int32)
    return graph.add_tensor(
        schema.TensorT(
            shape=[len(bias)],
            type=schema.TensorType.INT32,
            buffer=graph.add_buffer(codes),
            name=f"{name}/bias",
            quantization=_parameters(scales, 0),
        )
    )


def _parameters(scales: FloatArray, axis: int) -> schema.QuantizationParametersT:
    return schema.QuantizationParametersT(
        scale=scales.astype(np.float32),
        zeroPoint=np.zeros(len(scales), np.int64),
        quantizedDimension=axis,
    )
