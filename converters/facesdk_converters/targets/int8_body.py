"""Float convolutions before signs that compute in 8 bits.

A network of signs keeps convolutions in float where it reduces the picture and where it changes the
number of channels: a fifth of the time of a small one, and a quarter of its bytes. A sign takes
their results, or what is added to them, so they need no 24 bits. Weights of 8 bits are those of
:mod:`~facesdk_converters.targets.fixed_point.levels`, one scale per filter; ranges of what a
convolution reads and writes are the extremes on calibration faces. The first layer, which reads the
picture, stays in float, as in patent application CN107480770A; so do layers that no sign follows,
since embeddings are made of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk.tflite.graph import Graph
from facesdk.tflite.operators import CONV_2D, DEPTHWISE_CONV_2D
from facesdk_converters.inspection import refusals
from facesdk_converters.inspection.half import WITH_SIGNS
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.calibration_inputs import calibration_inputs
from facesdk_converters.targets.fixed_point.calibration import observe
from facesdk_converters.targets.fixed_point.levels import FixedPoint, fit
from facesdk_converters.targets.fixed_point.ranges import extremes, wide_enough
from facesdk_converters.targets.fixed_point.rounding import rounded
from facesdk_converters.targets.fixed_point.storage import compute_in_integers
from facesdk_converters.targets.target import Target
from facesdk_converters.tflite.float16 import kept_by
from facesdk_converters.tflite.integer_ports import integers_like
from facesdk_converters.tflite.tree import Tree

OPTION = "--int8-body"
"""The option of ``facesdk convert`` that asks for it."""

_CONVOLUTIONS = {CONV_2D: 3, DEPTHWISE_CONV_2D: 3}
"""The operators that can be chosen, each with its version that reads int8."""

_QUANTIZE_VERSION, _DEQUANTIZE_VERSION = 1, 2


def with_int8_body(
    source: Source,
    bundle: ModelBundle,
    calibrate_on: Path | None,
    *,
    progress: Progress = unwatched,
) -> ModelBundle:
    """The file with 8-bit convolutions wherever one stands between the first layer and a sign.

    Args:
        source: The network.
        bundle: Its file, of float layers and operators of signs.
        calibrate_on: Photos or aligned crops to measure ranges on, besides the packaged samples.
        progress: Called after each batch that ranges were measured on.

    Raises:
        ModelError: It has no such convolution.
    """
    tree = Tree.of(bundle)
    tree.unshare_constants()
    chosen = _chosen(tree, bundle.graph)
    if not chosen:
        raise ModelError(
            f"{source.path} has no float convolution between its first layer and a sign, so "
            f"nothing was written: leave {OPTION} out"
        )
    _compute_in_int8(tree, chosen, calibration_inputs(source, calibrate_on), progress)
    tree.compact()
    return refusals.verified(tree.to_bytes(), source)


def turning_signs(target: Target) -> Target:
    """A target whose files have such convolutions: what they round turns some of the signs."""
    return replace(
        target,
        bound=WITH_SIGNS,
        options=f"{target.options} {OPTION}".strip(),
        describe=partial(_describe, target),
    )


def _describe(target: Target, graph: Graph) -> str:
    count = sum(
        row.name in _CONVOLUTIONS and row.weights is not None and row.weights.dtype == "int8"
        for row in graph.operators
    )
    words = f"{count} convolution{'s' * (count != 1)} before signs compute in 8 bits"
    return "\n".join(filter(None, [target.describe(graph), words]))


def _chosen(tree: Tree, graph: Graph) -> list[schema.OperatorT]:
    followed, first = kept_by(graph, "head"), tree.first_layers()
    weighted = {id(operator) for operator in tree.weighted()}
    return [
        operator
        for place, operator in enumerate(tree.operators)
        if id(operator) in weighted
        and tree.kind(operator) in _CONVOLUTIONS
        and place in followed
        and int(operator.outputs[0]) not in first
    ]


def _compute_in_int8(
    tree: Tree, chosen: list[schema.OperatorT], inputs: Sequence[FloatArray], progress: Progress
) -> None:
    """Puts each convolution between a QUANTIZE and a DEQUANTIZE, and rounds its weights."""
    statistics = observe(tree, inputs, progress=progress)
    ranges = wide_enough(tree, extremes(statistics))
    operators: list[schema.OperatorT] = []
    read: dict[int, int] = {}
    for operator in tree.operators:
        if not any(operator is one for one in chosen):
            operators.append(operator)
            continue
        layer = rounded(tree, operator, statistics, _fixed)
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        if source not in read:
            read[source] = integers_like(tree, source, "int8", ranges[source])
            operators.append(_between(tree, "QUANTIZE", _QUANTIZE_VERSION, source, read[source]))
        written = integers_like(tree, output, "int8", ranges[output])
        operator.inputs = [read[source], *(int(tensor) for tensor in operator.inputs[1:])]
        operator.outputs = [written]
        operator.opcodeIndex = tree.code(layer.kind, _CONVOLUTIONS[layer.kind])
        compute_in_integers(tree, operator, layer, "int8")
        widened = _between(tree, "DEQUANTIZE", _DEQUANTIZE_VERSION, written, output)
        operators += [operator, widened]
    tree.operators = operators


def _fixed(name: str, weights: FloatArray, axis: int) -> FixedPoint:
    return fit(weights, 8, axis=axis)


def _between(tree: Tree, kind: str, version: int, read: int, written: int) -> schema.OperatorT:
    return schema.OperatorT(opcodeIndex=tree.code(kind, version), inputs=[read], outputs=[written])
