"""Networks with 1-bit weights and float or 8-bit activations.

A binary kernel is a sign per weight and one magnitude per output channel (XNOR-Net's
Binary-Weight-Networks, Rastegari et al. 2016; the paper's Q). TensorFlow Lite has no type of one
bit, so the stock converter stores 32 per weight. Here its float model is taken, and every
convolution and dense layer whose filters have a single magnitude in each output channel becomes one
of facesdk's operators, with packed signs and one scale per channel. The model computes what it
computed, up to the order of float sums; batch normalisation that the converter folded into a filter
is part of its scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.tflite.operators import (
    BINARY_CONV2D,
    BINARY_DENSE,
    CONV_2D,
    DEPTHWISE_CONV_2D,
    FULLY_CONNECTED,
)
from facesdk.tflite.weights import filters as filters_of
from facesdk.tflite.weights import pack_signs
from facesdk_converters.inspection import refusals
from facesdk_converters.inspection.agreement import EXACT, Bound
from facesdk_converters.inspection.explanation import Subject
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.tflite.tree import CHANNEL_AXES, Tree

_BITS = {32: 0, 8: 8}
"""The operators' option ``activation_bits`` for bits of activations: 0 leaves them as they are."""
_QUANTIZED = Bound(min_cosine=0.98, median_cosine=0.999)
"""With 8-bit activations the file computes something slightly different."""
_VERSION = 1
_SINGLE_MAGNITUDE = 1e-6
"""Relative difference of the weights of a channel that still counts as rounding."""
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
        activations: Bits of the activations before packed weights: 32 (float32), or 8
            (quantized when the network runs).

    Raises:
        InputError: ``activations`` is neither.
    """
    if activations not in _BITS:
        raise InputError(f"--activations must be 32 or 8, but got {activations}")
    return Target(
        "binary-weights",
        at_once(partial(convert, activation_bits=_BITS[activations])),
        bound=EXACT if activations == 32 else _QUANTIZED,
        remark=remark,
        options=f"--activations {activations}",
    )


def convert(source: Source, *, activation_bits: int = 0) -> ModelBundle:
    """Converts a network, see :func:`pack_weights`.

    Args:
        source: A network with binary kernels in some layers (Larq's ``kernel_quantizer``).
        activation_bits: 0 or 8.

    Returns:
        A model that needs facesdk's operators.

    Raises:
        ModelError: No layer has binary kernels.
    """
    packed = pack_weights(floating.convert(source, half=False), activation_bits)
    return refusals.verified(packed.content, source)


def remark(subject: Subject) -> str:
    """Why an operator's weights are float, see
    :data:`facesdk_converters.inspection.explanation.Remark`.
    """
    operator = subject.operator
    if operator.weights is None or operator.is_packed or not operator.weights.constant:
        return ""
    if operator.name == DEPTHWISE_CONV_2D:
        return _DEPTHWISE
    return (
        _why_not_binary(filters_of(operator)) or "facesdk has no operator for a layer of this form"
    )


def pack_weights(bundle: ModelBundle, activation_bits: int = 0) -> PackedModel:
    """Packs the binary kernels of a float model.

    Args:
        bundle: A model with float32 weights.
        activation_bits: 0 keeps activations float32. With 8 each packed layer quantizes its input
            to 8 bits when it runs, with one scale and zero point per image (of a dense layer:
            per row).

    Returns:
        The file with packed weights; equal arguments give equal bytes.

    Raises:
        InputError: ``activation_bits`` is neither 0 nor 8.
        ModelError: No layer has binary kernels.
    """
    if activation_bits not in _BITS.values():
        raise InputError(f"activation_bits must be 0 or 8, but got {activation_bits}")
    tree = Tree.of(bundle)
    layers = [
        _pack_operator(tree, operator, activation_bits)
        for operator in tree.operators
        if tree.kind(operator) in CHANNEL_AXES
    ]
    if not any(layer.packed for layer in layers):
        raise ModelError(f"no layer has binary weights: {_reasons(layers)}")
    tree.compact()
    return PackedModel(tree.to_bytes(), tuple(layers))


def _reasons(layers: list[PackedLayer]) -> str:
    shown = [f"{layer.name} ({layer.reason})" for layer in layers[:3]]
    more = f", and {len(layers) - 3} more" if len(layers) > 3 else ""
    return (", ".join(shown) or "the model has no convolution and no dense layer") + more


def _pack_operator(tree: Tree, operator: schema.OperatorT, activation_bits: int) -> PackedLayer:
    kind, weights = tree.kind(operator), int(operator.inputs[1])
    reason = _why_not(tree, operator)
    if not reason:
        _replace(tree, operator, activation_bits)
    return PackedLayer(
        name=tree.name(int(operator.outputs[0])),
        operator=kind,
        weights=prod(tree.shape(weights)),
        reason=reason,
    )


def _why_not(tree: Tree, operator: schema.OperatorT) -> str:
    """Why a layer's weights stay as they are; empty if they can be packed."""
    kind, source, weights = tree.kind(operator), int(operator.inputs[0]), int(operator.inputs[1])
    if kind == DEPTHWISE_CONV_2D:
        return _DEPTHWISE
    if not tree.is_float_constant(weights):
        return "its weights are not float32 constants"
    options, given = operator.builtinOptions, tree.shape(source)
    channels, last = tree.shape(weights)[-1], given[-1]
    if kind == CONV_2D and channels != last:
        return f"grouped: its filters have {channels} of {last} input channels"
    if kind == FULLY_CONNECTED and tree.is_open(source, len(given) - 1):
        return (
            "it takes rows, whose length the converter leaves open with the batch: build the "
            "network for a fixed batch, keras.Input(..., batch_size=1)"
        )
    if kind == FULLY_CONNECTED and (
        channels != last or (len(given) != 2 and not options.keepNumDims)
    ):
        return f"it flattens an input of shape {list(given)}; put a Flatten layer before it"
    if options.fusedActivationFunction not in _ACTIVATIONS:
        return "its fused activation is none of none, ReLU, ReLU6 and ReLU_N1_TO_1"
    filters = tree.values(weights)
    return _why_not_binary(filters.reshape(len(filters), -1))


def _why_not_binary(filters: FloatArray) -> str:
    """Why filters, a row each, are not signs with one scale per filter; empty if they are."""
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


def _replace(tree: Tree, operator: schema.OperatorT, activation_bits: int) -> None:
    """Makes an operator one of facesdk's, with packed filters and their scales."""
    source, weights, *bias = (int(tensor) for tensor in operator.inputs)
    filters, options = tree.values(weights), operator.builtinOptions
    is_convolution = tree.kind(operator) == CONV_2D
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
    name = tree.name(weights)
    scales = np.abs(filters.reshape(len(filters), -1)).mean(axis=1, dtype=np.float64)
    operator.inputs = [
        source,
        tree.add_constant(f"{name}/signs", pack_signs(filters).view(np.int32)),
        tree.add_constant(f"{name}/scale", scales.astype(np.float32)),
        bias[0] if bias else -1,
    ]
    operator.opcodeIndex = tree.code(BINARY_CONV2D if is_convolution else BINARY_DENSE)
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.NONE, None
    operator.customOptions = np.frombuffer(flexbuffers.Dumps(values), np.uint8)
