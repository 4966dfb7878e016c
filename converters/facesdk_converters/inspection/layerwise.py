"""A file beside its Keras model, layer by layer, each fed with what the file computes itself.

A binarized network turns signs where a value lies within rounding of a threshold, and everything
after such a place differs, although both networks are right. So each part of the model, from
tensors that the file has to the next one, is computed by Keras from the file's own numbers: what
rounding did before cannot show, and what a wrong operator does shows where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection.layer_map import layers_by_operator, layers_of_name
from facesdk_converters.sources.network import Network
from facesdk_training.keras import loading

_USES = 8
"""How often a layer may take one tensor."""


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """Where a file computes something else than its source, from the same numbers.

    Attributes:
        layer: The Keras layer whose weights that part has, else the one that gives its output.
        place: Index of the value that differs most, without the batch.
        expected: What the source computes there.
        found: What the file has there.
    """

    layer: Any
    place: tuple[int, ...]
    expected: float
    found: float

    def __str__(self) -> str:
        return f"at {list(self.place)} {self.found:.6g} in place of {self.expected:.6g}"


@dataclass(frozen=True, slots=True)
class Layerwise:
    """How each part of a network agrees.

    Attributes:
        cosines: The least cosine of any part, for each input.
        first: The first part, in the file's order, that does not agree; None if all do.
    """

    cosines: NDArray[np.float64]
    first: LayerDifference | None


def compare_layers(
    model: Any,
    network: Network,
    bundle: ModelBundle,
    inputs: Sequence[FloatArray],
    *,
    same: float,
) -> Layerwise | None:
    """Compares a converted network with its source, part by part.

    Args:
        model: The Keras model that was converted.
        network: The same as a source's network.
        bundle: The file.
        inputs: For each input float32 ``(N, ...)``, one row per run of the file.
        same: Least cosine of two outputs of a part that agree.

    Returns:
        None where the two cannot be laid side by side: the file's tensors bear no names of layers,
        or the network takes several inputs at a time. A model among the layers is one part.
    """
    if network.batch not in (None, 1):
        return None
    values = _tensors(bundle, inputs)
    matched = _matched(model, network, bundle, inputs, values)
    if any(final.index not in matched for final in bundle.graph.outputs):
        return None
    known = {id(one): given for one, given in zip(model.inputs, inputs, strict=True)}
    known |= {id(kept): values[index] for index, (kept, _) in matched.items()}
    cosines, first = np.ones(len(inputs[0])), None
    for index, (kept, layer) in matched.items():
        expected = _computed(kept, {key: value for key, value in known.items() if key != id(kept)})
        got = values[index].reshape(expected.shape)
        here = _cosines(expected, got)
        cosines = np.minimum(cosines, here)
        if first is None and not here.min() >= same:
            number = int(np.argmin(here))
            gap = np.abs(expected[number] - got[number])
            place = tuple(map(int, np.unravel_index(int(np.argmax(gap)), gap.shape)))
            one, other = float(expected[number][place]), float(got[number][place])
            first = LayerDifference(layer, place, one, other)
    return Layerwise(cosines, first)


def _tensors(bundle: ModelBundle, inputs: Sequence[FloatArray]) -> dict[int, FloatArray]:
    """The values of the float32 tensors that the file computes from its inputs.

    Weights that a file stores in another type and decodes first are not among them.
    """
    graph = bundle.graph
    reached = {tensor.index for tensor in graph.inputs}
    computed = []
    for operator in graph.operators:
        if any(tensor is not None and tensor.index in reached for tensor in operator.inputs):
            reached |= {tensor.index for tensor in operator.outputs}
            computed += [row.index for row in operator.outputs if row.dtype == "float32"]
    every = [operator.index for operator in graph.operators]
    interpreter = Interpreter(bundle.part(every, [row.index for row in graph.inputs], computed))
    runs = [
        interpreter.run(*(given[number : number + 1] for given in inputs))
        for number in range(len(inputs[0]))
    ]
    rows = zip(*runs, strict=True)
    return {index: np.concatenate(row) for index, row in zip(computed, rows, strict=True)}


def _matched(
    model: Any,
    network: Network,
    bundle: ModelBundle,
    inputs: Sequence[FloatArray],
    values: Mapping[int, FloatArray],
) -> dict[int, tuple[Any, Any]]:
    """The output of a Keras layer that each tensor is, and the layer of the tensor's operator.

    Of several outputs it is the one that is most alike. What a layer does to its input before its
    weights meet it, such as taking signs, is no output of it.
    """
    top = [layer for layer in model.layers if len(layer.inbound_nodes) == 1]
    outputs = {id(layer): layer.get_output_at(0) for layer in top}
    outputs = {key: output for key, output in outputs.items() if _is_tensor(output)}
    if not outputs:
        return {}
    every = tf.keras.Model(model.inputs, list(outputs.values()))
    reached = dict(zip(outputs, tf.nest.flatten(every(list(inputs), training=False)), strict=True))
    by_operator = layers_by_operator(bundle.graph, network)
    weighing = {
        id(by_operator[operator.index]): operator.index
        for operator in reversed(bundle.graph.operators)
        if operator.weights is not None and operator.index in by_operator
    }
    around = _around(model)
    last = {id(around.get(id(layer))): index for index, layer in by_operator.items()}
    found: dict[int, tuple[Any, Any]] = {}
    taken: set[int] = set()
    for operator in bundle.graph.operators:
        for tensor in operator.outputs:
            if tensor.index not in values:
                continue
            layers = layers_of_name(operator, bundle.graph, network)
            if operator.index in by_operator:
                layers = [*layers, by_operator[operator.index]]
            layers = [one for one in layers if operator.index >= weighing.get(id(one), 0)]
            ends = [around[id(one)] for one in layers if id(one) in around]
            layers += [model for model in ends if last.get(id(model)) == operator.index]
            layers = [one for layer in layers for one in _chain(layer)]
            likely = [
                (float(_cosines(np.asarray(reached[id(row)]), values[tensor.index]).mean()), row)
                for row in layers
                if id(row) in reached
                and np.size(reached[id(row)]) == values[tensor.index].size
                and id(row) not in taken
            ]
            if likely:
                layer = max(likely, key=lambda pair: pair[0])[1]
                of_weights = by_operator.get(operator.index, layer)
                found[tensor.index] = outputs[id(layer)], of_weights
                taken.add(id(layer))
    return found


def _around(model: Any) -> dict[int, Any]:
    """The model in which a layer is, by the layer's id, for layers in models among the layers."""
    return {
        id(inner): layer
        for layer in model.layers
        if getattr(layer, "layers", None)
        for inner in loading.layers_of(layer)
    }


def _chain(layer: Any) -> Iterator[Any]:
    """A layer and those that alone read what comes before them, which a converter may fold in."""
    yield layer
    while len(layer.outbound_nodes) == 1 and len(layer.inbound_nodes) == 1:
        node = layer.outbound_nodes[0]
        layer = node.layer
        if len(node.keras_inputs) != 1 or hasattr(layer, "kernel"):
            return
        yield layer


def _computed(tensor: Any, known: Mapping[int, FloatArray]) -> FloatArray:
    """A tensor of the model, from the nearest ones before it whose values are known.

    Layers are called, one by one: a model of a part would add nodes to the layers it has.
    """
    values: dict[int, Any] = {}
    waiting = [tensor]
    while waiting:
        wanted = waiting[-1]
        if id(wanted) in values:
            waiting.pop()
        elif id(wanted) in known:
            values[id(wanted)] = known[id(wanted)].reshape(-1, *wanted.shape[1:])
        else:
            history = wanted._keras_history
            node = history.layer.inbound_nodes[history.node_index]
            missing = [one for one in node.keras_inputs if id(one) not in values]
            waiting += missing
            if not missing:
                given = {str(id(one)): [values[id(one)]] * _USES for one in node.keras_inputs}
                arguments, options = node.map_arguments(given)
                outputs = tf.nest.flatten(node.layer(*arguments, **options))
                values[id(wanted)] = outputs[history.tensor_index]
    return np.asarray(values[id(tensor)], np.float32)


def _is_tensor(output: Any) -> bool:
    return hasattr(output, "_keras_history")


def _cosines(first: FloatArray, second: FloatArray) -> NDArray[np.float64]:
    """Cosine of each pair of rows; 1 where both are zero."""
    one, other = (np.asarray(x, np.float64).reshape(len(first), -1) for x in (first, second))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.sum(one * other, axis=1)
    both = (np.abs(one).max(axis=1) == 0) & (np.abs(other).max(axis=1) == 0)
    return np.where(both, 1.0, products / np.where(lengths > 0, lengths, 1.0))
