"""Which layer of a Keras model an operator of its file comes from.

Converters fold, fuse and rename, so names tell little: weights tell. An operator with weights
belongs to the layer whose filters point in the same directions, filter by filter; folding a batch
normalisation scales filters, quantizing turns them a little, and neither turns one into another.
Other operators belong to the layer whose name is part of the name of what they write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.tflite import weights
from facesdk.tflite.graph import Graph, Operator, Tensor

if TYPE_CHECKING:  # sources load TensorFlow, which a model file alone does not need
    from facesdk_converters.sources.network import Network

_SAME_DIRECTION = 0.3
"""Least mean cosine of filters of one layer; random filters of 100 taps have one of 0.08."""


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
    found = {}
    for operator in graph.working:
        layer = _by_weights(operator, matrices)
        if layer is None and operator.outputs:
            layer = _by_name(operator.outputs[0], graph, names, network.output_layer)
        if layer is not None:
            found[operator.index] = layer
    return found


def _by_weights(operator: Operator, matrices: list[tuple[Any, NDArray[np.float32]]]) -> Any | None:
    if operator.weights is None or not operator.weights.constant:
        return None
    filters = weights.filters(operator)
    candidates = [(layer, matrix) for layer, matrix in matrices if matrix.shape == filters.shape]
    scored = [(_likeness(filters, matrix), layer) for layer, matrix in candidates]
    score, layer = max(scored, key=lambda row: row[0], default=(0.0, None))
    return layer if score >= _SAME_DIRECTION or len(candidates) == 1 else None


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


def _by_name(output: Tensor, graph: Graph, names: Mapping[str, Any], last: str) -> Any | None:
    if any(output.index == final.index for final in graph.outputs):
        return names.get(last)
    parts = output.name.partition(";")[0].split("/")
    return next((names[part] for part in reversed(parts) if part in names), None)
