"""Simulated widths of activations: float32 numbers rounded by the operator FAKE_QUANT."""

from __future__ import annotations

from collections.abc import Collection

from ai_edge_litert import schema_py_generated as schema

from facesdk_converters.targets.fixed_point.ranges import Ranges
from facesdk_converters.tflite.tree import Tree


def round_activations(tree: Tree, ranges: Ranges, bits: int, kept: Collection[int]) -> None:
    """Rounds what each layer with weights reads to 2^bits values over its range.

    Args:
        tree: A float32 graph; changed in place.
        ranges: Of its activations.
        bits: 2 to 16.
        kept: Outputs of the layers that read their input as it is.
    """
    rounded: dict[int, int] = {}
    operators: list[schema.OperatorT] = []
    weighted = {id(operator) for operator in tree.weighted()}
    for operator in tree.operators:
        source = int(operator.inputs[0])
        if id(operator) in weighted and int(operator.outputs[0]) not in kept:
            if source not in rounded:
                rounded[source] = _rounded_tensor(tree, source)
                operators.append(_rounding(tree, source, rounded[source], ranges, bits))
            operator.inputs = [rounded[source], *operator.inputs[1:]]
        operators.append(operator)
    tree.operators = operators


def _rounding(tree: Tree, source: int, output: int, ranges: Ranges, bits: int) -> schema.OperatorT:
    least, most = ranges[source]
    return schema.OperatorT(
        opcodeIndex=tree.code("FAKE_QUANT"),
        inputs=[source],
        outputs=[output],
        builtinOptionsType=schema.BuiltinOptions.FakeQuantOptions,
        builtinOptions=schema.FakeQuantOptionsT(
            min=least,
            max=most,
            numBits=bits,
            narrowRange=False,
        ),
    )


def _rounded_tensor(tree: Tree, source: int) -> int:
    row = tree.tensors[source]
    return tree.add_activation(f"{tree.name(source)}/rounded", row.shape, row.shapeSignature)
