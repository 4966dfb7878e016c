"""Which layer of a Keras model an operator of its file comes from.

Converters fold, fuse and rename, so names tell little: weights tell. An operator with weights
belongs to the layer whose filters point in the same directions, filter by filter; folding a batch
normalisation scales filters, quantizing turns them a little, and neither turns one into another.
Filters of one tap all point the same way, and copied layers are alike: among layers that the
weights leave open the names decide, and the order where a converter has cut the names. Operators
without weights belong to the layer in whose scope they write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.tflite import weights
from facesdk.tflite.graph import Graph, Operator
from facesdk.tflite.operators import BMAXPOOL2D

if TYPE_CHECKING:  # sources load TensorFlow, which a model file alone does not need
    from facesdk_converters.sources.network import Network

_SAME_DIRECTION = 0.3
"""Least mean cosine of filters of one layer; random filters of 100 taps have one of 0.08."""

_FOLDED = ("Activation", "BatchNormalization", "ReLU")
"""Layers that have no weights to multiply by; an operator with weights comes from one before."""

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
    matrices = [
        (layer, filters)
        for layer in network.layers
        for applied in _applied(layer)
        for filters in _filters_of(applied)
    ]
    found: dict[int, Any] = {}
    for operator in graph.working:
        named = layers_of_name(operator, graph, network)
        alike = _by_weights(operator, matrices)
        layer = _chosen(alike, named, found.values()) if alike else next(iter(named), None)
        if operator.weights is not None and not alike:
            layer = _unfolded(layer)
        if operator.name == BMAXPOOL2D:
            layer = _pool_before(layer) or layer
        if layer is not None:
            found[operator.index] = layer
    return found


def _applied(layer: Any) -> Iterator[Any]:
    """A layer, or what a wrapper (``TimeDistributed``) applies, with the layers in it."""
    inner = getattr(layer, "layer", None)
    for one in getattr(inner, "layers", None) or [inner]:
        if one is None:
            yield layer
        else:
            yield from _applied(one)


def _unfolded(layer: Any) -> Any:
    """What gives a layer its input, if a converter folds the layer into that.

    An operator is named after what was folded into it, and a layer of one's own has no kernel that
    would tell.
    """
    while type(layer).__name__ in _FOLDED and len(layer.inbound_nodes) == 1:
        before = layer.inbound_nodes[0].inbound_layers
        if isinstance(before, list):
            break
        layer = before
    return layer


def _pool_before(layer: Any) -> Any:
    """The pool that a layer reads: of bits it is named after the signs that are taken first."""
    while layer is not None and len(layer.inbound_nodes) == 1:
        layer = layer.inbound_nodes[0].inbound_layers
        if not isinstance(layer, list) and hasattr(layer, "pool_size"):
            return layer
        if isinstance(layer, list) or hasattr(layer, "kernel"):
            return None
    return None


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


def name_of(layer: Any, network: Network) -> str:
    """A layer's name; behind those of the models around it where several layers have that name."""
    alike = {id(row): path for path, row in network.paths.items() if row.name == layer.name}
    return str(layer.name) if len(alike) < 2 else alike.get(id(layer), layer.name)


def layers_of_name(operator: Operator, graph: Graph, network: Network) -> list[Any]:
    """The layers in whose scopes an operator writes; the first is that of the operator itself.

    Converters name a tensor after what they fused into it, for example
    ``model/relu/Relu;model/conv/BiasAdd``: paths of scopes, outermost first, with the layer's path
    between the name of the model and that of the operation. The latter often is a layer's name too
    (``model/relu_1/add``), and a layer's name may have slashes.
    """
    if not operator.outputs:
        return []
    output = operator.outputs[0]
    for final, path in zip(graph.outputs, network.output_layers, strict=False):
        if output.index == final.index and path in network.paths:
            return [network.paths[path]]
    names = {layer.name: layer for layer in network.layers}
    found = (_layer_at(path, network.paths, names) for path in output.name.split(";"))
    return [layer for layer in found if layer is not None]


def _layer_at(path: str, paths: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The layer in whose scope a path ends: by its own path, the longest, else by its name."""
    scopes = path.split("/")
    for start in (1, *range(len(scopes))):
        for end in range(len(scopes), start, -1):
            layer = paths.get("/".join(scopes[start:end]))
            if layer is not None:
                return layer
    return next((names[part] for part in scopes[1:-1] if part in names), None)
