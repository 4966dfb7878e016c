"""PReLU written in five operators, as one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.results import FloatArray
from facesdk_converters.tflite.tree import Tree


def merge_prelu(tree: Tree) -> int:
    """Replaces PReLUs that were written as ``relu(x) + c (x - |x|)`` by the operator PRELU.

    So TensorFlow 1 exported them. The operator has one rounding where these five have five.

    Returns:
        How many there were.
    """
    producers = {int(operator.outputs[0]): operator for operator in tree.operators}
    readers = Counter(int(t) for operator in tree.operators for t in operator.inputs)
    readers.update(tree.outputs)
    merged: set[int] = set()
    count = 0
    for operator in tree.operators:
        found = _decomposed_prelu(tree, operator, producers)
        if found is None or any(readers[int(part.outputs[0])] > 1 for part in found[2]):
            continue
        source, slopes, parts = found
        merged.update(id(part) for part in parts)
        alpha = tree.add_constant(f"{tree.name(int(operator.outputs[0]))}/alpha", slopes)
        operator.opcodeIndex = tree.code("PRELU")
        operator.inputs = [source, alpha]
        operator.builtinOptionsType = schema.BuiltinOptions.NONE
        operator.builtinOptions = None
        count += 1
    tree.operators = [operator for operator in tree.operators if id(operator) not in merged]
    return count


def _decomposed_prelu(
    tree: Tree, operator: schema.OperatorT, producers: dict[int, schema.OperatorT]
) -> tuple[int, FloatArray, list[schema.OperatorT]] | None:
    """Input, slopes by channel and the other four operators of a PReLU that ends with an addition.

    Slopes of rows, columns or places are no PReLU of ours: they stay as they were written.
    """
    if tree.kind(operator) != "ADD":
        return None
    parts = {tree.kind(p): p for t in operator.inputs if (p := producers.get(int(t)))}
    relu, product = parts.get("RELU"), parts.get("MUL")
    if relu is None or product is None:
        return None
    factor = next((int(t) for t in product.inputs if tree.is_float_constant(int(t))), None)
    difference = next((p for t in product.inputs if (p := producers.get(int(t)))), None)
    if factor is None or difference is None or tree.kind(difference) != "SUB":
        return None
    source = int(relu.inputs[0])
    magnitude = producers.get(int(difference.inputs[1]))
    if (
        magnitude is None
        or tree.kind(magnitude) != "ABS"
        or int(difference.inputs[0]) != source
        or int(magnitude.inputs[0]) != source
    ):
        return None
    if any(getattr(p.builtinOptions, "fusedActivationFunction", 0) for p in (operator, product)):
        return None
    channels, factors = tree.shape(source)[-1], tree.values(factor)
    if factors.size != 1 and not factors.size == factors.shape[-1] == channels:
        return None
    factors = np.broadcast_to(factors.reshape(-1), (channels,))
    others = len(tree.shape(source)) - 2
    slopes = (2 * factors).astype(np.float32).reshape((1,) * others + (channels,))
    return source, slopes, [relu, product, difference, magnitude]
