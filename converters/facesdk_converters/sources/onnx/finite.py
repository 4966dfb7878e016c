"""Whether an ONNX file's weights are numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk_converters.sources.finite import require_numbers
from facesdk_converters.sources.onnx.graph import Node, OnnxModel
from facesdk_converters.sources.onnx.reference import evaluated

_WEIGHTED = (
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "Gemm",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "MatMul",
    "PRelu",
)
"""Operators whose constants are weights."""


def require_finite(model: OnnxModel, path: Path) -> None:
    """Raises unless the weights are finite, those that are computed and what they are computed of.

    Args:
        model: The graph, before signs are recognised in it or after.
        path: Its file, for the message.

    Raises:
        ModelError: A constant that is read has NaN, or a weight is infinite.
    """
    constants = dict(model.constants)
    for node in model.nodes:
        if node.kind == "Constant":
            constants |= evaluated(node, {}, model.opsets)
    weights = set(_weights(model, constants))
    for name in dict.fromkeys(name for node in model.nodes for name in node.inputs):
        if (values := constants.get(name)) is not None:
            require_numbers(path, f"constant {name}", values, weights=name in weights)


def _weights(model: OnnxModel, constants: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    """Constants that are weights, or that these are computed of; of one number may be a bound."""
    makers: dict[str, Node] = {}
    known = set(constants)
    for node in model.nodes:
        if node.reads_only(known):
            makers |= dict.fromkeys(node.outputs, node)
            known |= set(node.outputs)
    waiting = [name for node in model.nodes if node.kind in _WEIGHTED for name in node.inputs]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in known or name in seen:
            continue
        seen.add(name)
        if name in constants and np.size(constants[name]) > 1:
            yield name
        elif name in makers:
            waiting += makers[name].inputs
