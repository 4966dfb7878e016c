"""Networks for Larq Compute Engine's operators: 1-bit weights and activations.

`larq_compute_engine` turns each pair of sign and binary convolution into ``LceQuantize`` and
``LceBconv2d`` with bit-packed weights, and folds batch normalisation into the latter. facesdk's
operator library runs both in any stock TFLite runtime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import larq_compute_engine as lce
import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk.tflite.graph import Graph
from facesdk.tflite.operators import BCONV2D
from facesdk_converters.inspection import batch, refusals
from facesdk_converters.sources.function import FunctionNetwork, frozen, of_batch, of_graph
from facesdk_converters.sources.network import KerasNetwork, Network
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.group_normalization import plain_groups
from facesdk_converters.targets.lce import graph_forms, reasons
from facesdk_converters.targets.lce.barriers import take_out_barriers
from facesdk_converters.targets.lce.dense import dense_as_convolutions
from facesdk_converters.targets.lce.names import numbered, put_names
from facesdk_converters.targets.recurrence import unrolled
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.targets.warnings_of_others import without_false_errors
from facesdk_converters.tflite.any_batch import THREE, TWO, of_any_batch
from facesdk_converters.tflite.ports import in_order
from facesdk_converters.tflite.tree import Tree

_BROKEN = (
    "Larq Compute Engine writes such a file where an int8 tensor is both an output and binarized: "
    "put an operation, a scale of 1.0001 for example, before the output"
)


def target() -> Target:
    """The target ``lce``."""
    return Target("lce", at_once(convert), remark=reasons.remark, describe=_describe)


def _describe(graph: Graph) -> str:
    """That a file has no layer of bits, which is what the target is for."""
    if any(operator.name == BCONV2D for operator in graph.operators):
        return ""
    return (
        "no layer became 1 bit, so the file is a float network; --explain says why, where the "
        "layers of the source are known"
    )


def convert(source: Source) -> ModelBundle:
    """Converts a network, see :func:`convert_keras` and :func:`convert_function`.

    Raises:
        ModelError: LCE's converter refuses it, or writes a file that no runtime can use.
    """
    network = source.network if isinstance(source.network, FunctionNetwork) else source.keras
    with refusals.translated(source):
        if isinstance(network, FunctionNetwork):
            alone = convert_function(network)
        else:
            alone = convert_keras(network)
        known = source.network.batch is not None
        if known or batch.takes_several(alone, alone, source.network):
            return alone
        return _for_any_batch(alone, network, source.network) or alone


def _for_any_batch(
    alone: ModelBundle, network: FunctionNetwork | KerasNetwork, source: Network
) -> ModelBundle | None:
    """A file that can be resized to several inputs; None where that is not to be had.

    Converted for one, a network may lose what tells its inputs apart: a product of batches of
    matrices becomes a dense layer.

    Args:
        alone: The file for one input, to compare with.
        network: What it was made of.
        source: What that is a form of.
    """
    try:
        function = network if isinstance(network, FunctionNetwork) else function_of(network)
        made = [convert_function(of_batch(function, size)) for size in (TWO, THREE)]
    except Exception:  # whatever converters raise; some networks reshape to one input themselves
        return None
    found = of_any_batch(*made)
    return found if found and batch.takes_several(alone, found, source) else None


def convert_keras(network: KerasNetwork) -> ModelBundle:
    """Converts a Larq model, see :func:`function_of` and :func:`convert_function`."""
    return convert_function(function_of(network))


def function_of(network: KerasNetwork) -> FunctionNetwork:
    """The function that a Larq model computes, in a form for Larq Compute Engine.

    Layers compute in another form while it is traced: binary dense layers as convolutions
    (:mod:`facesdk_converters.targets.lce.dense`), group normalisation in plain operators, recurrent
    layers step by step.

    Args:
        network: A Keras 2 model whose binary layers are `larq.layers.QuantConv2D` and
            `QuantDense`.

    Returns:
        A function with constants in place of the weights.
    """
    model = network.model

    def run(*inputs: Any) -> list[Any]:
        given = tf.nest.pack_sequence_as(model.input, list(inputs))
        return list(tf.nest.flatten(model(given, training=False)))

    specs = [
        tf.TensorSpec(one.shape, one.dtype, name=name)
        for name, one in zip(_names("input", model.inputs), model.inputs, strict=True)
    ]
    layers = network.computing_layers
    with dense_as_convolutions(layers), plain_groups(layers), unrolled(layers):
        traced = tf.function(run, autograph=False).get_concrete_function(*specs)
    return frozen(traced)


def convert_function(network: FunctionNetwork) -> ModelBundle:
    """Converts a TensorFlow function.

    Args:
        network: A function whose signs are those of Larq, or ``tf.sign`` of what is never 0. What
            the converter would change is given to it in another form
            (:mod:`facesdk_converters.targets.lce.graph_forms`).

    Returns:
        A file that needs LCE's operators, with inputs and outputs in the function's order.

    Raises:
        ModelError: The converter wrote a file that no runtime can use.
    """
    graph = graph_forms.changed(network)
    ports = [tensor.op.name for tensor in (*network.function.inputs, *network.function.outputs)]
    names = numbered(graph, ports)
    changed = of_graph(graph, network)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), folder, _in_order(changed), options)
        with without_false_errors():
            content = bytes(lce.convert_saved_model(folder))
    tree = Tree.of(refusals.readable(content, _BROKEN))
    take_out_barriers(tree)
    put_names(tree, names)
    inputs, outputs = network.function.inputs, network.function.outputs
    return in_order(
        refusals.readable(tree.to_bytes()), _names("input", inputs), _names("output", outputs)
    )


def _in_order(network: FunctionNetwork) -> Any:
    """The function with a name for each input and output, by which a file tells them apart."""
    inner = network.function
    if len(inner.inputs) == len(inner.outputs) == 1:
        return inner

    def run(*inputs: Any) -> Any:
        outputs = tf.nest.flatten(inner(*inputs))
        return dict(zip(_names("output", outputs), outputs, strict=True))

    specs = [
        tf.TensorSpec(one.shape, one.dtype, name=name)
        for name, one in zip(_names("input", inner.inputs), inner.inputs, strict=True)
    ]
    return tf.function(run, autograph=False).get_concrete_function(*specs)


def _names(kind: str, ports: Sequence[Any]) -> list[str]:
    return [f"{kind}_{place}" for place in range(len(ports))]
