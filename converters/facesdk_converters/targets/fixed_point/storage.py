"""Fixed-point weights in a flatbuffer: the types of TensorFlow Lite that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.results import FloatArray
from facesdk.tflite.schema import BITS
from facesdk.tflite.weights import pack_integers
from facesdk_converters.targets.fixed_point.levels import FixedPoint
from facesdk_converters.tflite.tree import CHANNEL_AXES, Tree

Storage = Literal["int8", "int4", "int2", "float32"]
Choice = Literal["int8", "small", "smallest"]
"""Which type is chosen: INT8, which has the fastest kernels; the smallest that LiteRT 2.3 and
tflite-runtime 2.14 run; the smallest that LiteRT 2.3 runs."""

STORED_BITS = 8
"""Most bits of a weight that a file can hold as a whole number."""

_INT4_VERSIONS = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 10}
_INT2_VERSION = 14
_DEQUANTIZE_VERSIONS: dict[Storage, int] = {"int8": 5, "int4": 6, "int2": 6}
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


def store(tree: Tree, layers: list[RoundedLayer], choice: Choice) -> None:
    """Replaces the weights of every layer by fixed-point ones, if they have up to 8 bits.

    A layer that computes in int8 gets weights, scales and a bias in these terms; one that computes
    in float32 reads its weights through a DEQUANTIZE.

    Args:
        tree: Float, or quantized by TensorFlow with other weights; changed in place.
        layers: Its layers. The quantizer renames tensors and may change the order of operators, so
            kind and weights say which is which.
        choice: Which types to use.

    Raises:
        ModelError: The quantizer changed a layer so that it cannot be recognised.
    """
    remaining = list(layers)
    operators: list[schema.OperatorT] = []
    for operator in tree.operators:
        if tree.kind(operator) in CHANNEL_AXES and tree.is_constant(int(operator.inputs[1])):
            layer = _take_match(tree, operator, remaining)
            storage = _storage(tree, operator, layer.weights.bits, choice)
            if storage != "float32" and _in_float(tree, operator):
                operators.append(_widen(tree, operator, layer, storage))
            elif storage != "float32":
                compute_in_integers(tree, operator, layer, storage)
        operators.append(operator)
    if remaining:
        raise ModelError(f"layer {remaining[0].name} is not in the quantized network any more")
    tree.operators = operators


def _take_match(tree: Tree, operator: schema.OperatorT, layers: list[RoundedLayer]) -> RoundedLayer:
    weights = int(operator.inputs[1])
    kind = tree.kind(operator)
    values, tolerance = _dequantized(tree, weights, CHANNEL_AXES[kind])
    for place, layer in enumerate(layers):
        same_shape = layer.kind == kind and layer.weights.codes.shape == values.shape
        if same_shape and (np.abs(layer.weights.values - values) <= tolerance).all():
            return layers.pop(place)
    raise ModelError(f"layer {tree.name(int(operator.outputs[0]))} was changed by the quantizer")


def _dequantized(tree: Tree, tensor: int, axis: int) -> tuple[FloatArray, FloatArray]:
    """Values of int8 or float32 weights, and how far rounding may have moved them."""
    if tree.is_float_constant(tensor):
        return tree.values(tensor), np.zeros((), np.float32)
    codes = np.frombuffer(tree.data(tensor), np.int8).reshape(tree.shape(tensor))
    shape = [1] * codes.ndim
    shape[axis] = -1
    scales = np.asarray(tree.tensors[tensor].quantization.scale, np.float32).reshape(shape)
    return codes * scales, _MATCH * scales


def _storage(tree: Tree, operator: schema.OperatorT, bits: int, choice: Choice) -> Storage:
    """The type for weights of an operator.

    Found by trying: convolutions in int8 run INT4 in both runtimes and INT2 in neither; dense
    layers in int8 run both in LiteRT only, where alone DEQUANTIZE widens them.
    """
    if bits > STORED_BITS:
        return "float32"
    convolves_in_int8 = not _in_float(tree, operator) and tree.kind(operator) != "FULLY_CONNECTED"
    if bits <= 2 and choice == "smallest" and not convolves_in_int8:
        return "int2"
    if bits <= 4 and (choice == "smallest" or (choice == "small" and convolves_in_int8)):
        return "int4"
    return "int8"


def _in_float(tree: Tree, operator: schema.OperatorT) -> bool:
    return tree.type_name(int(operator.inputs[0])) == "float32"


def compute_in_integers(
    tree: Tree, operator: schema.OperatorT, layer: RoundedLayer, storage: Storage
) -> None:
    """Gives an operator that reads int8 activations its weights, their scales and its bias.

    Args:
        tree: Changed in place.
        operator: Reads a tensor of int8.
        layer: What it is to compute.
        storage: Type of the weights; not ``float32``.
    """
    scale = float(tree.tensors[int(operator.inputs[0])].quantization.scale[0])
    weights = layer.weights.with_steps_of(np.abs(layer.bias) / (scale * _LARGEST_BIAS))
    operator.inputs = [
        int(operator.inputs[0]),
        _weights_tensor(tree, layer.name, weights, storage),
        _bias_tensor(tree, layer.name, layer.bias, scale * weights.steps),
    ]
    if storage == "int4":
        operator.opcodeIndex = tree.code(layer.kind, _INT4_VERSIONS[layer.kind])
    elif storage == "int2":
        operator.opcodeIndex = tree.code(layer.kind, _INT2_VERSION)


def _widen(
    tree: Tree, operator: schema.OperatorT, layer: RoundedLayer, storage: Storage
) -> schema.OperatorT:
    """Lets an operator that computes in float32 read stored weights."""
    stored = _weights_tensor(tree, layer.name, layer.weights, storage)
    widened = tree.add_activation(f"{layer.name}/widened", layer.weights.codes.shape)
    operator.inputs = [int(operator.inputs[0]), widened, *(int(t) for t in operator.inputs[2:])]
    return schema.OperatorT(
        opcodeIndex=tree.code("DEQUANTIZE", _DEQUANTIZE_VERSIONS[storage]),
        inputs=[stored],
        outputs=[widened],
        builtinOptionsType=schema.BuiltinOptions.DequantizeOptions,
        builtinOptions=schema.DequantizeOptionsT(),
    )


def _weights_tensor(tree: Tree, name: str, fixed: FixedPoint, storage: Storage) -> int:
    return tree.add_constant(
        f"{name}/weights",
        pack_integers(fixed.codes, BITS[storage]),
        type_name=storage,
        shape=fixed.codes.shape,
        quantization=_parameters(fixed.steps, fixed.axis),
    )


def _bias_tensor(tree: Tree, name: str, bias: FloatArray, scales: FloatArray) -> int:
    codes = np.rint(bias / scales.astype(np.float64)).astype(np.int32)
    return tree.add_constant(f"{name}/bias", codes, quantization=_parameters(scales, 0))


def _parameters(scales: FloatArray, axis: int) -> schema.QuantizationParametersT:
    return schema.QuantizationParametersT(
        scale=scales.astype(np.float32),
        zeroPoint=np.zeros(len(scales), np.int64),
        quantizedDimension=axis,
    )
