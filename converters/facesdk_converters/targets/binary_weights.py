"""Networks with 1-bit weights and float or 8-bit activations.

A binary kernel is a sign a weight and one magnitude an output channel (XNOR-Net's
Binary-Weight-Networks, Rastegari et al. 2016; the paper's Q). TensorFlow Lite has no type of one
bit, so the stock converter stores 32 a weight. Here its float model is taken, and every convolution
and dense layer whose filters have a single magnitude in each output channel becomes one of
facesdk's operators, with packed signs and one scale a channel. The model computes what it computed,
up to the order of float sums; batch normalisation that the converter folded into a filter is part
of its scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from facesdk.errors import InputError, ModelError
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.target import EXACT, Bound, Target
from facesdk_converters.tflite.chain import pack
from facesdk_converters.tflite.compaction import compact
from facesdk_converters.tflite.operators import DEPTHWISE, Operator

_BITS = {32: 0, 8: 8}
"""The operators' option ``activation_bits`` for bits of activations: 0 leaves them as they are."""
_QUANTIZED = Bound(min_cosine=0.98, median_cosine=0.999)
"""With 8-bit activations the file computes something slightly different."""
_VERSION = 1
_WORD_BITS = 32
_SINGLE_MAGNITUDE = 1e-6
"""Relative difference of the weights of a channel that still counts as rounding."""
_OP = schema.BuiltinOperator
_LAYERS = {
    _OP.CONV_2D: "CONV_2D",
    _OP.DEPTHWISE_CONV_2D: "DEPTHWISE_CONV_2D",
    _OP.FULLY_CONNECTED: "FULLY_CONNECTED",
}
_ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU_N1_TO_1,
    schema.ActivationFunctionType.RELU6,
)
_DEPTHWISE = (
    "depthwise: a filter of one channel has so few weights that packing them saves next to nothing"
)


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """What became of a layer with weights.

    Attributes:
        name: Name of its output tensor.
        operator: Its operator in the stock converter's model, for example ``"CONV_2D"``.
        weights: Number of its weights.
        reason: Why its weights stay float; empty if they are packed.
    """

    name: str
    operator: str
    weights: int
    reason: str

    @property
    def packed(self) -> bool:
        """Whether its weights have one bit."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model with packed weights.

    Attributes:
        content: The ``.tflite`` file.
        layers: Every convolution and dense layer, in the order of execution.
    """

    content: bytes
    layers: tuple[PackedLayer, ...]


def target(activations: int = 32) -> Target:
    """The target ``binary-weights``.

    Args:
        activations: Bits of the activations in front of packed weights: 32 (float32), or 8
            (quantized when the network runs).

    Raises:
        InputError: ``activations`` is neither.
    """
    if activations not in _BITS:
        raise InputError(f"--activations must be 32 or 8, but got {activations}")
    return Target(
        "binary-weights",
        partial(convert, activation_bits=_BITS[activations]),
        bound=EXACT if activations == 32 else _QUANTIZED,
        remark=remark,
        options=f"--activations {activations}",
    )


def convert(source: Source, *, activation_bits: int = 0) -> bytes:
    """Converts a network, see :func:`pack_weights`.

    Args:
        source: A network with binary kernels in some layers (Larq's ``kernel_quantizer``).
        activation_bits: 0 or 8.

    Returns:
        Content of a ``.tflite`` file that needs facesdk's operators.

    Raises:
        ModelError: No layer has binary kernels.
    """
    return pack_weights(floating.convert(source, half=False), activation_bits).content


def remark(operator: Operator, producer: Operator | None, layer: Any) -> str:
    """Why an operator's weights are float, see :data:`facesdk_converters.targets.Remark`."""
    if operator.weights is None or operator.is_packed:
        return ""
    if operator.name == DEPTHWISE:
        return _DEPTHWISE
    return _why_not_binary(operator.filters()) or "facesdk has no operator for a layer of this form"


def pack_weights(content: bytes, activation_bits: int = 0) -> PackedModel:
    """Packs the binary kernels of a float model.

    Args:
        content: A ``.tflite`` file with float32 weights.
        activation_bits: 0 keeps activations float32. With 8 each packed layer quantizes its input
            to 8 bits when it runs, with one scale and zero point an image (of a dense layer: a
            row).

    Returns:
        The file with packed weights; equal arguments give equal bytes.

    Raises:
        InputError: ``activation_bits`` is neither 0 nor 8.
        ModelError: No layer has binary kernels.
    """
    if activation_bits not in _BITS.values():
        raise InputError(f"activation_bits must be 0 or 8, but got {activation_bits}")
    tree = schema.ModelT.InitFromPackedBuf(content)
    layers = [
        layer
        for graph in tree.subgraphs
        for operator in graph.operators
        if (layer := _pack_operator(tree, graph, operator, activation_bits)) is not None
    ]
    if not any(layer.packed for layer in layers):
        raise ModelError(f"no layer has binary weights: {_reasons(layers)}")
    compact(tree)
    return PackedModel(pack(tree), tuple(layers))


def _reasons(layers: list[PackedLayer]) -> str:
    shown = [f"{layer.name} ({layer.reason})" for layer in layers[:3]]
    more = f", and {len(layers) - 3} more" if len(layers) > 3 else ""
    return (", ".join(shown) or "the model has no convolution and no dense layer") + more


def _pack_operator(
    tree: schema.ModelT, graph: schema.SubGraphT, operator: schema.OperatorT, activation_bits: int
) -> PackedLayer | None:
    entry = tree.operatorCodes[operator.opcodeIndex]
    code = max(entry.builtinCode, entry.deprecatedBuiltinCode)
    if code not in _LAYERS:
        return None
    weights = graph.tensors[operator.inputs[1]]
    filters = _constant(tree, weights)
    reason = _why_not(graph, operator, code, filters)
    if filters is not None and not reason:
        _replace(tree, graph, operator, filters, activation_bits)
    return PackedLayer(
        name=graph.tensors[operator.outputs[0]].name.decode(),
        operator=_LAYERS[code],
        weights=int(np.prod(weights.shape)),
        reason=reason,
    )


def _constant(tree: schema.ModelT, tensor: schema.TensorT) -> NDArray[np.float32] | None:
    """A constant float32 tensor's values; None for other tensors."""
    data = tree.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or len(data) == 0:
        return None
    return np.asarray(data, np.uint8).view("<f4").reshape(tensor.shape)


def _why_not(
    graph: schema.SubGraphT,
    operator: schema.OperatorT,
    code: int,
    filters: NDArray[np.float32] | None,
) -> str:
    """Why a layer's weights stay as they are; empty if they can be packed."""
    if code == _OP.DEPTHWISE_CONV_2D:
        return _DEPTHWISE
    if filters is None:
        return "its weights are not float32 constants"
    options, source = operator.builtinOptions, graph.tensors[operator.inputs[0]]
    channels, last = filters.shape[-1], source.shape[-1]
    if code == _OP.CONV_2D and channels != last:
        return f"grouped: its filters have {channels} of {last} input channels"
    if code == _OP.FULLY_CONNECTED and (
        channels != last or (len(source.shape) != 2 and not options.keepNumDims)
    ):
        return f"it flattens an input of shape {list(source.shape)}; put a Flatten layer before it"
    if options.fusedActivationFunction not in _ACTIVATIONS:
        return "its fused activation is none of none, ReLU, ReLU6 and ReLU_N1_TO_1"
    return _why_not_binary(filters.reshape(len(filters), -1))


def _why_not_binary(filters: NDArray[np.float32]) -> str:
    """Why filters, a row each, are not signs with one scale a filter; empty if they are."""
    rows = np.abs(filters)
    if not np.isfinite(rows).all():
        return "it has weights that are not finite"
    if rows.shape[1] < 2:
        return "its filters have one weight each"
    spread = np.ptp(rows, axis=1) > _SINGLE_MAGNITUDE * rows.max(axis=1)
    if spread.any():
        first = int(np.flatnonzero(spread)[0])
        return (
            f"{int(spread.sum())} of {len(rows)} filters are not binary: filter {first} has "
            f"magnitudes from {rows[first].min():.3g} to {rows[first].max():.3g}; give the layer a "
            "kernel_quantizer of one bit"
        )
    return ""


def _replace(
    tree: schema.ModelT,
    graph: schema.SubGraphT,
    operator: schema.OperatorT,
    filters: NDArray[np.float32],
    activation_bits: int,
) -> None:
    """Makes an operator one of facesdk's, with packed filters and their scales."""
    is_convolution, options = filters.ndim == 4, operator.builtinOptions
    values: dict[str, int] = {
        "activation_bits": activation_bits,
        "channels_in": filters.shape[-1],
        "fused_activation_function": options.fusedActivationFunction,
        "version": _VERSION,
    }
    if is_convolution:
        values |= {
            "dilation_height_factor": options.dilationHFactor,
            "dilation_width_factor": options.dilationWFactor,
            "padding": options.padding,
            "stride_height": options.strideH,
            "stride_width": options.strideW,
        }
    name = graph.tensors[operator.inputs[1]].name
    scales = np.abs(filters.reshape(len(filters), -1)).mean(axis=1, dtype=np.float64)
    words, scale = pack_signs(filters), scales.astype(np.float32)
    bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
    operator.inputs = [
        operator.inputs[0],
        _append(tree, graph, name + b"/signs", words.view(np.int32), schema.TensorType.INT32),
        _append(tree, graph, name + b"/scale", scale, schema.TensorType.FLOAT32),
        bias,
    ]
    operator.opcodeIndex = _custom_code(
        tree, b"FacesdkBinaryConv2D" if is_convolution else b"FacesdkBinaryDense"
    )
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.NONE, None
    operator.customOptions = np.frombuffer(flexbuffers.Dumps(values), np.uint8)


def pack_signs(filters: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Signs along the last axis, 32 a word, least significant first; 1 stands for negative.

    Args:
        filters: float32 ``(..., channels)``.

    Returns:
        uint32 ``(..., ceil(channels / 32))``; unused bits are 0.
    """
    channels = filters.shape[-1]
    bits = np.zeros((*filters.shape[:-1], -(-channels // _WORD_BITS) * _WORD_BITS), bool)
    bits[..., :channels] = filters < 0
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4")


def _append(
    tree: schema.ModelT, graph: schema.SubGraphT, name: bytes, values: NDArray[Any], kind: int
) -> int:
    tree.buffers.append(schema.BufferT(np.ascontiguousarray(values).reshape(-1).view(np.uint8)))
    graph.tensors.append(
        schema.TensorT(shape=list(values.shape), type=kind, buffer=len(tree.buffers) - 1, name=name)
    )
    return len(graph.tensors) - 1


def _custom_code(tree: schema.ModelT, name: bytes) -> int:
    for index, code in enumerate(tree.operatorCodes):
        if code.customCode == name:
            return index
    tree.operatorCodes.append(schema.OperatorCodeT(_OP.CUSTOM, name, 1, _OP.CUSTOM))
    return len(tree.operatorCodes) - 1
