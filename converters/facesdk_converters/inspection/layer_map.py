"""Which layer of a Keras model an operator of its file comes from.

Converters fold, fuse and rename, so names tell little: weights tell. An operator with weights
belongs to the layer whose filters point in the same directions, filter by filter; folding a batch
normalisation scales filters, quantizing turns them a little, and neither turns one into another.
Filters of one tap all point the same way, and copied layers are alike: among layers that the
weights leave open the names decide, and the order where a converter has cut the names. Operators
without weights belong to the layer in whose scope they write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.tflite import weights
from facesdk.tflite.graph import Graph, Operator

if TYPE_CHECKING:  # sources load TensorFlow, which a model file alone does not need
    from facesdk_converters.sources.network import Network

_SAME_DIRECTION = 0.3
"""Least mean cosine of filters of one layer; random filters of 100 taps have one of 0.08."""

_AS_LIKELY = 1e-3
"""Mean cosines that are no further apart tell no layers apart."""


def layers_by_operator(graph: Graph, network: Network) -> Mapping[int, Any]:
    """The Keras layer of each operator, by the operator's index.

    Args:
        graph: The file.
        network: What it was made from.

    Returns:
        Layers; operators without one are left out, all of them where no layers are known.
    """
    matrices = [(layer, filters) for layer in network.layers for filters in _filters_of(layer)]
    names = {layer.name: layer for layer in network.layers}
    found: dict[int, Any] = {}
    for operator in graph.working:
        named = layers_of_name(operator, graph, names, network.output_layers)
        alike = _by_weights(operator, matrices)
        layer = _chosen(alike, named, found.values()) if alike else next(iter(named), None)
        if layer is not None:
            found[operator.index] = layer
    return found


def _by_weights(operator: Operator, matrices: list[tuple[Any, NDArray[np.float32]]]) -> list[Any]:
    """The layers whose filters an operator's may be, as far as directions tell."""
    if operator.weights is None or not operator.weights.constant:
        return []
    filters = weights.filters(operator)
    candidates = [(layer, matrix) for layer, matrix in matrices if matrix.shape == filters.shape]
    scored = [(_likeness(filters, matrix), layer) for layer, matrix in candidates]
    best = max((score for score, _ in scored), default=0.0)
    if best < _SAME_DIRECTION and len(candidates) != 1:
        return []
    return [layer for score, layer in scored if score >= best - _AS_LIKELY]


def _chosen(alike: list[Any], named: list[Any], taken: Iterable[Any]) -> Any:
    """Of several layers the first in whose scope the operator writes, else the next in order."""
    before = list(taken)
    by_name = (layer for layer in named if any(layer is other for other in alike))
    in_order = (layer for layer in alike if not any(layer is other for other in before))
    return next(by_name, None) or next(in_order, None) or alike[0]


def _likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Mean over filters of |cosine|; a filter of zeros counts 0."""
    products = np.abs(np.einsum("ij,ij->i", first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(np.mean(products / np.where(lengths > 0, lengths, np.inf)))


def _filters_of(layer: Any) -> Iterator[NDArray[np.float32]]:
    """Kernels of a layer, as :func:`facesdk.tflite.weights.filters` gives them."""
    if (depthwise := getattr(layer, "depthwise_kernel", None)) is not None:
        kernel = depthwise.numpy()
        yield kernel.reshape(kernel.shape[0] * kernel.shape[1], -1).T
        if (pointwise := getattr(layer, "pointwise_kernel", None)) is not None:
            yield pointwise.numpy().reshape(-1, pointwise.shape[-1]).T
        return
    variable = getattr(layer, "kernel", None)
    if variable is None or not hasattr(variable, "numpy"):
        return
    kernel = variable.numpy()
    if "Transpose" in type(layer).__name__:
        yield np.moveaxis(kernel, -2, 0).reshape(kernel.shape[-2], -1)
    elif kernel.ndim >= 2:
        yield np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)


def layers_of_name(
    operator: Operator, graph: Graph, names: Mapping[str, Any], last: Sequence[str]
) -> list[Any]:
    """The layers in whose scopes an operator writes; the first is that of the operator itself.

    Args:
        operator: The operator.
        graph: Its file.
        names: The layers by name.
        last: Names of the layers that give the outputs; none where they are not known.

    Converters name a tensor after what they fused into it, for example
    ``model/relu/Relu;model/conv/BiasAdd``: paths of scopes, outermost first, with the layer's name
    between that of the model and that of the operation. The latter often is a layer's name too
    (``model/relu_1/add``).
    """
    if not operator.outputs:
        return []
    output = operator.outputs[0]
    for final, name in zip(graph.outputs, last, strict=False):
        if output.index == final.index and name in names:
            return [names[name]]
    found = []
    for path in output.name.split(";"):
        scopes = path.split("/")
        for part in (*scopes[1:-1], *scopes[:-1], *scopes[-1:]):
            if part in names:
                found.append(names[part])
                break
    return found
