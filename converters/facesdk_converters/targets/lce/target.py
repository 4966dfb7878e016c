"""Networks for Larq Compute Engine's operators: 1-bit weights and activations.

`larq_compute_engine` turns each pair of sign and binary convolution into ``LceQuantize`` and
``LceBconv2d`` with bit-packed weights, and folds batch normalisation into the latter. facesdk's
operator library runs both in any stock TFLite runtime.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import larq_compute_engine as lce
import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk_converters.inspection import refusals
from facesdk_converters.sources.function import FunctionNetwork, of_graph
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.group_normalization import plain_groups
from facesdk_converters.targets.lce import graph_forms, reasons
from facesdk_converters.targets.lce.dense import dense_as_convolutions
from facesdk_converters.targets.lce.factors import behind_barriers, without_barriers
from facesdk_converters.targets.lce.levels import check_input_levels
from facesdk_converters.targets.lce.padding import without_unread_zeros
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.tflite.ports import in_order

_BROKEN = (
    "Larq Compute Engine writes such a file where an int8 tensor is both an output and binarized: "
    "put an operation, a scale of 1.0001 for example, before the output"
)

_FORMS = (dense_as_convolutions, without_unread_zeros, behind_barriers, plain_groups)


def target() -> Target:
    """The target ``lce``."""
    return Target("lce", at_once(convert), remark=reasons.remark)


def convert(source: Source) -> ModelBundle:
    """Converts a network, see :func:`convert_keras`.

    Raises:
        ModelError: LCE's converter refuses it, would change it, or writes a file that no runtime
            can use.
    """
    check_input_levels(source)
    network = source.network if isinstance(source.network, FunctionNetwork) else source.keras
    with refusals.translated(source):
        if isinstance(network, FunctionNetwork):
            content = convert_function(network)
        else:
            content = convert_keras(network)
    bundle = without_barriers(refusals.verified(content, source, _BROKEN))
    if isinstance(network, FunctionNetwork):
        names = _names("input", network.function.inputs), _names("output", network.function.outputs)
        return in_order(bundle, *names)
    return in_order(bundle, network.input_names, network.output_names)


def convert_function(network: FunctionNetwork) -> bytes:
    """Converts a TensorFlow function, with the same forms as :func:`convert_keras`.

    Args:
        network: A function whose signs are those of Larq, or ``tf.sign`` of what is never 0.

    Returns:
        As :func:`convert_keras`.
    """
    changed = of_graph(graph_forms.changed(network), network)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), folder, _in_order(changed), options)
        return bytes(lce.convert_saved_model(folder))


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


def _names(kind: str, tensors: Sequence[Any]) -> list[str]:
    return [f"{kind}_{place}" for place in range(len(tensors))]


def convert_keras(network: KerasNetwork) -> bytes:
    """Converts a Larq model.

    Layers compute in another form while it looks: binary dense layers as convolutions
    (:mod:`facesdk_converters.targets.lce.dense`), zeros without what is not read (``padding``),
    and factors of a place behind barriers (``factors``), which are still in the result.

    Args:
        network: A Keras 2 model whose binary layers are `larq.layers.QuantConv2D` and
            `QuantDense`.

    Returns:
        Content of a ``.tflite`` file that needs LCE's operators.
    """
    with warnings.catch_warnings(), ExitStack() as forms:
        warnings.simplefilter("ignore")
        for form in _FORMS:
            forms.enter_context(form(network.layers))
        return bytes(lce.convert_keras_model(network.convertible))
