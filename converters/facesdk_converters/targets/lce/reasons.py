"""Why Larq Compute Engine's converter left a layer in float, or did not fold it, in words.

The rules are LCE's pattern matches (``compute_engine/mlir/transforms``, version 0.16), checked on
real models in ``tests/converters/targets/lce/test_lce_traps.py``. In short: a sign becomes
``LceQuantize``, a two-valued filter after a sign becomes ``LceBconv2d``, and ReLU and then a scale
and an offset per channel are folded into the latter.
"""

from __future__ import annotations

from typing import Any

from facesdk.tflite.graph import WORD, Operator
from facesdk.tflite.operators import BCONV2D
from facesdk_converters.inspection.explanation import Subject
from facesdk_converters.targets.lce.why_float import why_float
from facesdk_training.keras import loading

_SLOPES = {
    False: "slopes that differ between places (shared_axes={axes}) take several operators, one "
    "slope for each channel takes one: shared_axes=[1, 2]",
    True: "slopes that differ between places take several operators, one slope for each channel "
    "takes one",
}
_ORDER = {
    False: "QuantConv2D, ReLU, BatchNormalization",
    True: "convolution, ReLU, batch normalisation",
}
_ONES = {False: "pad_values=1", True: "a padding of 1"}
"""Each in a Keras network, and in one that was translated."""


def remark(subject: Subject) -> str:
    """What to say of an operator, see :data:`facesdk_converters.inspection.explanation.Remark`."""
    operator = subject.operator
    if operator.name == BCONV2D:
        return _hint(operator, _ONES[subject.translated])
    layer = _applied(operator, subject.layer)
    if operator.weights is not None:
        return why_float(subject, layer)
    return "" if subject.producer is None else _why_not_folded(subject, subject.producer, layer)


def _applied(operator: Operator, layer: Any) -> Any:
    """What a wrapper (``TimeDistributed``) applies; in a model the layer that writes there."""
    while (inner := getattr(layer, "layer", None)) is not None:
        scopes = operator.outputs[0].name.partition(";")[0].split("/")
        rows = loading.layers_of(inner) if getattr(inner, "layers", None) else ()
        layer = next((row for row in rows if row.name in scopes), inner)
    return layer


def _hint(operator: Operator, ones: str) -> str:
    """What would make a binary convolution faster; empty if nothing."""
    channels = operator.group_channels
    hints = []
    if channels % WORD:
        unused = -channels % WORD
        hints.append(
            f"{unused} of {channels + unused} bits of each word row are unused: make its "
            f"{channels} input channels a multiple of {WORD}"
        )
    if operator.options.get("pad_values") == 0 and operator.options.get("padding") == 0:
        weights = operator.weights
        if weights is not None and max(weights.shape[1:3]) > 1:
            hints.append(f"zero padding needs a correction at the borders: {ones} does not")
    return "; ".join(hints)


def _why_not_folded(subject: Subject, producer: Operator, layer: Any) -> str:
    """Why an activation or a batch normalisation became an operator; empty if it must."""
    operator, kind = subject.operator, type(layer).__name__
    if kind == "PReLU":
        several = operator.name == "MUL"  # of the operators that it takes then
        slopes = _SLOPES[subject.translated]
        return slopes.format(axes=list(layer.shared_axes or [])) if several else ""
    if operator.name in ("RELU", "RELU6") and producer.name == BCONV2D:
        before = type(_layer_before(layer)).__name__
        order = f"it follows batch normalisation: use the order {_ORDER[subject.translated]}"
        if producer.options.get("pad_values") == 0 and producer.options.get("padding") == 0:
            also = f", and {order}" if before == "BatchNormalization" else ""
            ones = _ONES[subject.translated]
            return f"not folded into a convolution with zero padding: use {ones}{also}"
        if before in ("BatchNormalization", "NoneType"):
            return f"not folded because {order}"
        return "not folded because it does not follow the convolution directly"
    if operator.name == "MUL" and kind == "BatchNormalization":
        return _why_not_normalised(producer, layer)
    return ""


def _why_not_normalised(producer: Operator, layer: Any) -> str:
    """The reason why batch normalisation has an operator of its own."""
    last = layer.input_spec.ndim - 1
    if list(layer.axis) != [last]:
        axes = " and ".join(str(axis) for axis in layer.axis)
        return (
            f"not folded because it has factors along axis {axes}, and a convolution has one for "
            "each channel: it must stay"
        )
    paths = sum(1 for tensor in producer.inputs if tensor is not None and not tensor.constant)
    if paths > 1:
        return (
            f"not folded because what it normalises is no convolution's result but a "
            f"{producer.name} of {paths} paths: it must stay"
        )
    before, others = _readers_besides(layer)
    if others:
        return (
            f"not folded because {', '.join(others)} read{'s' if len(others) == 1 else ''} the "
            f"result of {before} too, before it is normalised"
        )
    if producer.weights is not None:
        return ""
    return (
        f"not folded because {producer.name} stands between it and a convolution: "
        "put it right after the convolution (or its ReLU)"
    )


def _readers_besides(layer: Any) -> tuple[str, list[str]]:
    """The layer that gives a layer its input, and what else reads that."""
    before = _layer_before(layer)
    if before is None:
        return "", []
    readers = [node.outbound_layer for node in before.outbound_nodes]
    return before.name, sorted({reader.name for reader in readers if reader is not layer})


def _layer_before(layer: Any) -> Any:
    """The layer that gives a layer its only input, where it is used once; else None."""
    nodes = layer.inbound_nodes
    before = nodes[0].inbound_layers if len(nodes) == 1 else None
    return None if isinstance(before, list) else before
