"""Simulated widths of activations: float32 numbers rounded by the operator FAKE_QUANT."""

from __future__ import annotations

from collections.abc import Collection

from ai_edge_litert import schema_py_generated as schema

from facesdk_converters.targets.fixed_point.equalization import Statistics
from facesdk_converters.tflite.tree import Graph


def round_activations(
    graph: Graph, statistics: Statistics, bits: int, kept: Collection[int]
) -> None:
    """Rounds what each layer with weights reads to 2^bits values over its range.

    Args:
        graph: A float32 graph; changed in place.
        statistics: Of its activations.
        bits: 2 to 16.
        kept: Outputs of the layers that read their input as it is.
    """
    rounded: dict[int, int] = {}
    operators: list[schema.OperatorT] = []
    weighted = {id(operator) for operator in graph.weighted()}
    for operator in graph.operators:
        source = int(operator.inputs[0])
        if id(operator) in weighted and int(operator.outputs[0]) not in kept:
            if source not in rounded:
                rounded[source] = _rounded_tensor(graph, source)
                operators.append(_rounding(graph, source, rounded[source], statistics, bits))
            operator.inputs = [rounded[source], *operator.inputs[1:]]
        operators.append(operator)
    graph.operators = operators


def _rounding(
    graph: Graph, source: int, output: int, statistics: Statistics, bits: int
) -> schema.OperatorT:
    seen = statistics[source]
    return schema.OperatorT(
        opcodeIndex=graph.code("FAKE_QUANT", 1),
        inputs=[source],
        outputs=[output],
        builtinOptionsType=schema.BuiltinOptions.FakeQuantOptions,
        builtinOptions=schema.FakeQuantOptionsT(
            min=min(0.0, float(seen.minimum.min())),
            max=max(0.0, float(seen.maximum.max())),
            numBits=bits,
            narrowRange=False,
        ),
    )


def _rounded_tensor(graph: Graph, source: int) -> int:
    model = graph.tensors[source]
    return graph.add_tensor(
        schema.TensorT(
            shape=model.shape,
            shapeSignature=model.shapeSignature,
            type=schema.TensorType.FLOAT32,
            buffer=0,
            name=f"{graph.name(source)}/rounded",
        )
    )
