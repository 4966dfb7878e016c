"""Weights to start from, rebuilt from a converted CompactFaceNet.

A converted model keeps the sign of each binary weight and folds batch normalisation into what is
before it, so a run can go on from a model file whose checkpoint is lost, and with a deeper network
than the file's: the added residual units start as identities, so the deeper network starts by
computing what the file computes (T. Chen et al., "Net2Net: Accelerating Learning via Knowledge
Transfer", ICLR 2016).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import quantization, weights
from facesdk.tflite.graph import Tensor
from facesdk.tflite.operators import BCONV2D, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras.warm_start.folded import give_statistics, set_folded_normalisation

LATENT_MAGNITUDE = 0.1
"""Latent weights start at +- this times the absolute value of a normal deviate: how near each was
to changing its sign is not in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class _Operator:
    kind: str
    constants: tuple[NDArray[Any], ...]
    reads: Tensor | None
    makes: Tensor


def restore_weights(
    model: tf.keras.Model,
    config: CompactFaceNetConfig,
    source: ModelBundle,
    images: NDArray[np.float32],
    seed: int,
) -> None:
    """Gives a network the function of a converted CompactFaceNet QB with as many or fewer units.

    Args:
        model: Freshly built.
        config: Its shape, variant QB.
        source: The converted model.
        images: float32 [N, height, width, 3], normalised training crops, by which the statistics of
            the batch normalisations are measured.
        seed: Seed of the latent weights' magnitudes.

    Raises:
        InputError: The file is no CompactFaceNet QB, or its channels differ from the config's, or
            it has more units in a stage, or other hidden units in its head than none or as many.
    """
    rng = np.random.default_rng(seed)
    try:
        operators = deque(_operators(source))
        _restore_convolution(model, "stem1", operators)
        _restore_convolution(model, "stem2", operators)
        for stage, (channels, units) in enumerate(config.stages, start=1):
            if stage > 1:
                _restore_convolution(model, f"transition{stage}", operators)
            for unit in range(1, units + 1):
                name = f"stage{stage}_unit{unit}"
                if operators and operators[0].kind == "ADD":
                    _restore_unit(model, name, channels, operators, rng)
                else:
                    _make_identity(model, name)
        _restore_head(model, config.head_units, operators)
    except (ValueError, IndexError, ModelError) as error:
        raise InputError(
            f"{source.path} is no CompactFaceNet QB that fits the configured stages "
            f"{config.stages}: {error}"
        ) from None
    give_statistics(model, images)


def _operators(source: ModelBundle) -> list[_Operator]:
    """The operators that have constants, in the order of execution."""
    found = []
    for operator in source.graph.working:
        constants = [row for row in operator.stored if row is not None and row.constant]
        if constants:
            numbers = tuple(_numbers(source, row) for row in constants)
            found.append(_Operator(operator.name, numbers, operator.data, operator.outputs[0]))
    return found


def _numbers(source: ModelBundle, constant: Tensor) -> NDArray[Any]:
    """The numbers of a constant; float16 as the float32 that it is widened to, and integers of a
    convolution in 8 bits, whose filters are in rows, as the float32 that they stand for.
    """
    numbers = weights.array(constant)
    scales = quantization.scales(source.root, constant.index)
    if scales is not None:
        return numbers * scales.reshape(-1, *[1] * (numbers.ndim - 1))
    return numbers.astype(np.float32) if numbers.dtype == np.float16 else numbers


def _take(operators: deque[_Operator], kind: str) -> tuple[NDArray[Any], ...]:
    operator = operators.popleft()
    if operator.kind != kind:
        raise ValueError(f"{operator.kind} where {kind} is expected")
    return operator.constants


def _restore_convolution(model: tf.keras.Model, name: str, operators: deque[_Operator]) -> None:
    kernel, bias = _take(operators, CONV_2D)
    model.get_layer(f"{name}_conv").set_weights([kernel.transpose(1, 2, 3, 0)])
    set_folded_normalisation(model.get_layer(f"{name}_bn"), np.ones_like(bias), bias)


def _restore_unit(
    model: tf.keras.Model,
    name: str,
    channels: int,
    operators: deque[_Operator],
    rng: np.random.Generator,
) -> None:
    (shift,) = _take(operators, "ADD")
    packed, gain, offset = _take(operators, BCONV2D)
    (slope,) = _take(operators, "PRELU")
    signs = weights.unpack_signs(packed, channels).transpose(1, 2, 3, 0)
    magnitudes = np.abs(rng.normal(scale=LATENT_MAGNITUDE, size=signs.shape)).clip(1e-4, 1.0)
    model.get_layer(f"{name}_shift").set_weights([shift])
    model.get_layer(f"{name}_conv").set_weights([signs * magnitudes])
    set_folded_normalisation(model.get_layer(f"{name}_bn"), gain, offset)
    model.get_layer(f"{name}_prelu").set_weights([slope])


def _make_identity(model: tf.keras.Model, name: str) -> None:
    normalisation, prelu = model.get_layer(f"{name}_bn"), model.get_layer(f"{name}_prelu")
    nothing = np.zeros(normalisation.gamma.shape, np.float32)
    set_folded_normalisation(normalisation, nothing, nothing)
    prelu.set_weights([np.ones(prelu.alpha.shape, np.float32)])


def _restore_head(model: tf.keras.Model, units: int, operators: deque[_Operator]) -> None:
    kernel, bias = _take(operators, DEPTHWISE_CONV_2D)
    model.get_layer("head_depthwise").set_weights([kernel.transpose(1, 2, 3, 0)])
    set_folded_normalisation(model.get_layer("head_bn"), np.ones_like(bias), bias)
    joined = [(a, b) for a in operators for b in operators if a.makes == b.reads]
    source = _restore_branch(model, units, operators, *joined[0]) if joined else operators[0].reads
    if operators[0].reads != source:
        raise ValueError("the layers of its head are joined otherwise")
    model.get_layer("embedding").set_weights(_dense(_take(operators, FULLY_CONNECTED)))
    if operators:
        raise ValueError(f"{len(operators)} operators are left over")


def _restore_branch(
    model: tf.keras.Model,
    units: int,
    operators: deque[_Operator],
    hidden: _Operator,
    correction: _Operator,
) -> Tensor | None:
    """Takes the hidden layer and the one that reads it, and returns what the hidden one reads."""
    if {hidden.kind, correction.kind} != {FULLY_CONNECTED}:
        raise ValueError(f"{hidden.kind} and {correction.kind} at its end")
    if (found := len(hidden.constants[0])) != units:
        raise ValueError(f"its head has {found} hidden units where {units} are configured")
    for operator in (hidden, correction):
        operators.remove(operator)
    model.get_layer("head_hidden").set_weights(_dense(hidden.constants))
    (matrix,) = correction.constants
    model.get_layer("head_correction").set_weights([matrix.T])
    return hidden.reads


def _dense(constants: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
    """Kernel and bias; the converter leaves out a bias of zeros."""
    matrix, *biases = constants
    return [matrix.T, biases[0] if biases else np.zeros(len(matrix), np.float32)]
