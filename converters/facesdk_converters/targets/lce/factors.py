"""Factors and offsets of a place, which are kept out of LCE's fold into binary convolutions.

LCE's converter folds every constant factor and offset after a binary convolution into the operator,
which has one per channel. XNOR-Net++ scales places too, ``BatchNormalization(axis=2)`` columns: the
file is then one that no runtime loads, or the converter itself crashes. So a layer that treats
places differently reads its input through a maximum with the least float, where the fold ends; the
maximum, which changes nothing, is taken out of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk_converters.tflite.tree import Tree

LEAST = float(np.finfo(np.float32).min)
"""A maximum with it changes nothing."""


@contextmanager
def behind_barriers(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, layers that treat places differently read through a barrier.

    Args:
        layers: All Keras layers of a model; its outputs stay as they are.
    """
    with ExitStack() as stack:
        for layer in layers:
            if _treats_places_differently(layer):
                stack.enter_context(_reading_through_barrier(layer))
        yield


def without_barriers(bundle: ModelBundle) -> ModelBundle:
    """The file without the barriers."""
    tree = Tree.of(bundle)
    kept: list[Any] = []
    read_instead: dict[int, int] = {}
    for operator in tree.operators:
        operator.inputs = [read_instead.get(int(t), int(t)) for t in operator.inputs]
        if tree.kind(operator) == "MAXIMUM" and _is_barrier(tree, int(operator.inputs[1])):
            read_instead[int(operator.outputs[0])] = int(operator.inputs[0])
        else:
            kept.append(operator)
    if not read_instead:
        return bundle
    tree.operators = kept
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def _is_barrier(tree: Tree, tensor: int) -> bool:
    return tree.is_float_constant(tensor) and bool((tree.values(tensor) == LEAST).all())


@contextmanager
def _reading_through_barrier(layer: Any) -> Iterator[None]:
    """Changes the layer itself, not its class: all operations of TensorFlow are of one class."""
    before, own = vars(layer).get("call"), layer.call

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def call(*inputs: Any, **options: Any) -> tf.Tensor:
        return own(
            *(_behind_barrier(value) for value in inputs),
            **{name: _behind_barrier(value) for name, value in options.items()},
        )

    layer.call = call
    try:
        yield
    finally:
        vars(layer).pop("call")
        if before is not None:
            layer.call = before


def _behind_barrier(value: Any) -> Any:
    return tf.maximum(value, LEAST) if tf.is_symbolic_tensor(value) else value


def _treats_places_differently(layer: Any) -> bool:
    """Whether constant pictures of 0 and of 1 do not stay constant over rows and columns."""
    if not _keeps_shape(layer):
        return False
    (node,) = layer.inbound_nodes
    (entry,) = node.keras_inputs
    for level in (0.0, 1.0):
        picture = tf.fill((entry.shape[0] or 1, *entry.shape[1:]), level)
        inputs, options = node.map_arguments({str(id(entry)): [picture] * 2})
        try:
            result = np.asarray(layer(*inputs, **{**options, "training": False}))
        except TypeError:  # an operation, which knows no training
            result = np.asarray(layer(*inputs, **options))
        if not np.array_equal(result, np.broadcast_to(result[:, :1, :1], result.shape), True):
            return True
    return False


def _keeps_shape(layer: Any) -> bool:
    """Whether it makes one picture of one picture of the same, known shape, place by place."""
    if len(layer.inbound_nodes) != 1 or hasattr(layer, "kernel_size"):
        return False
    inputs = layer.inbound_nodes[0].keras_inputs
    if len(inputs) != 1 or not isinstance(layer.output_shape, tuple):
        return False
    shape = inputs[0].shape
    return len(shape) == 4 and None not in shape[1:] and tuple(shape) == layer.output_shape
