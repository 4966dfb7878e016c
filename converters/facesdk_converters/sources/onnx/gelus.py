"""GELUs, which opsets before 20 write as ``x / 2 * (1 + erf(x / sqrt(2)))``.

TensorFlow Lite has an operator for the whole, and none for ``Erf``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from facesdk_converters.sources.onnx.graph import Node, OnnxModel

_CLOSE = 1e-4
"""How exactly exporters write a half and the root of two."""


def with_gelus(model: OnnxModel) -> OnnxModel:
    """A graph with a node ``Gelu`` in place of each product that is one."""
    makers: dict[str, Node] = {}
    nodes = []
    for node in model.nodes:
        source = _source(model, node, makers)
        if source is not None:
            node = replace(node, kind="Gelu", inputs=(source,), attributes={})
        nodes.append(node)
        makers |= dict.fromkeys(node.outputs, node)
    return replace(model, nodes=tuple(nodes))


def _source(model: OnnxModel, node: Node, makers: Mapping[str, Node]) -> str | None:
    """The x of which a node gives the GELU."""
    if node.kind not in ("Mul", "Div"):
        return None
    names, factor = _factors(model, node, makers)
    if len(names) != 2 or abs(factor - 0.5) > _CLOSE:
        return None
    for x, other in (names, names[::-1]):
        sum_ = makers.get(other)
        if sum_ is None or sum_.kind != "Add" or 1.0 not in [model.number(n) for n in sum_.inputs]:
            continue
        erf = next((makers[name] for name in sum_.inputs if name in makers), None)
        if erf is None or erf.kind != "Erf" or erf.inputs[0] not in makers:
            continue
        inner, scale = _factors(model, makers[erf.inputs[0]], makers)
        if inner == [x] and abs(scale - math.sqrt(0.5)) < _CLOSE:
            return x
    return None


def _factors(
    model: OnnxModel, node: Node, makers: Mapping[str, Node], most: int = 3
) -> tuple[list[str], float]:
    """The tensors whose product a node gives, and the number that it is multiplied by.

    So many products, one of the other, are taken apart.
    """
    divisor = model.number(node.inputs[1]) if node.kind == "Div" else 1.0
    if node.kind not in ("Mul", "Div") or not divisor:
        return [node.outputs[0]], 1.0
    names, factor = [], 1 / divisor
    for name in node.inputs[: 1 if node.kind == "Div" else 2]:
        number = model.number(name)
        if number is not None:
            factor *= number
        elif name in makers and makers[name].kind == "Mul" and most > 1:
            inner, times = _factors(model, makers[name], makers, most - 1)
            names += inner
            factor *= times
        else:
            names.append(name)
    return names, factor
