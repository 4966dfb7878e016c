"""Why Larq Compute Engine's converter left a layer in float, or did not fold it, in words.

The rules are LCE's pattern matches (``compute_engine/mlir/transforms``, version 0.16), checked on
real models in ``tests/converters/targets/lce/test_lce_traps.py``. In short: a sign becomes
``LceQuantize``, a two-valued filter after a sign becomes ``LceBconv2d``, and ReLU and then a scale
and an offset per channel are folded into the latter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.tflite.graph import WORD, Operator
from facesdk.tflite.operators import BCONV2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from facesdk_training.keras import loading

_SIGN = "a sign ('ste_sign', 'approx_sign', 'swish_sign')"
_SLOPES = (
    "slopes that differ between places (shared_axes={axes}) take several operators, one slope for "
    "each channel takes one: shared_axes=[1, 2]"
)
_PROBE = np.array([-2.0, -0.3, 0.3, 2.0], np.float32).reshape(1, 1, 1, 4)
_ZERO = np.zeros((1, 1, 1, 1), np.float32)


def remark(operator: Operator, producer: Operator | None, layer: Any) -> str:
    """What to say of an operator, see :data:`facesdk_converters.inspection.explanation.Remark`."""
    if operator.name == BCONV2D:
        return _hint(operator)
    layer = _applied(operator, layer)
    if operator.weights is not None:
        return _why_float(operator, producer, layer)
    return "" if producer is None else _why_not_folded(operator, producer, layer)


def _applied(operator: Operator, layer: Any) -> Any:
    """What a wrapper (``TimeDistributed``) applies; in a model the layer that writes there."""
    while (inner := getattr(layer, "layer", None)) is not None:
        scopes = operator.outputs[0].name.partition(";")[0].split("/")
        rows = loading.layers_of(inner) if getattr(inner, "layers", None) else ()
        layer = next((row for row in rows if row.name in scopes), inner)
    return layer


def _why_float(operator: Operator, producer: Operator | None, layer: Any) -> str:
    """The reason why a convolution or dense operator has float weights, and what to change."""
    kernel = _weight_quantizer(operator, layer)
    entry = getattr(layer, "input_quantizer", None)
    kind = type(layer).__name__
    if kernel is None and entry is None:
        return _without_quantizers(operator, producer, kind)
    structure = _structure(operator, layer)
    if structure:
        return structure
    if entry is None:
        return (
            "no input_quantizer, so its input is float and its weights are stored in 32 bits: add "
            "input_quantizer='ste_sign', or use `facesdk convert binary-weights`"
        )
    if kernel is None:
        return "no kernel_quantizer, so its weights are float: add kernel_quantizer='ste_sign'"
    if not _is_sign(entry):
        return (
            f"input_quantizer {_name(entry)} is not {_SIGN}: its values are not -1 and 1, and only "
            "these become bits"
        )
    if not np.any(entry(tf.constant(_ZERO))):
        return (
            f"input_quantizer {_name(entry)} gives 0 for 0, a third value that no bit holds: use "
            f"{_SIGN}"
        )
    if not _is_two_valued(kernel, layer):
        return (
            f"kernel_quantizer {_name(kernel)} does not give -a and a in every filter: use {_SIGN} "
            "or 'magnitude_aware_sign'"
        )
    return "its pattern is not one that Larq Compute Engine knows: please report it"


def _without_quantizers(operator: Operator, producer: Operator | None, kind: str) -> str:
    if producer is None:
        return f"{kind} without quantizers on the network's input: best left so, it is small"
    if operator.name == DEPTHWISE_CONV_2D:
        return f"{kind} without quantizers: there is no binary depthwise convolution, leave it so"
    binary = "QuantDense" if operator.name == FULLY_CONNECTED else "QuantConv2D"
    return (
        f"{kind} without quantizers: use {binary} with input_quantizer and kernel_quantizer to "
        "make it 1-bit"
    )


def _structure(operator: Operator, layer: Any) -> str:
    """The reason that lies in the kind of layer, its padding or groups; empty for none."""
    kind = type(layer).__name__
    if operator.name == DEPTHWISE_CONV_2D:
        return (
            "Larq Compute Engine has no binary depthwise convolution: drop the quantizers, which "
            "cost accuracy and gain nothing here, or use QuantConv2D"
        )
    if "Separable" in kind:
        return (
            "the pointwise half of a separable convolution reads sums, not signs: use a depthwise "
            "convolution and a QuantConv2D of size 1 with an input_quantizer"
        )
    if "Transpose" in kind:
        return (
            "Larq Compute Engine has no binary transposed convolution: use UpSampling2D and "
            "QuantConv2D"
        )
    if "Conv1D" in kind:
        return (
            "Larq Compute Engine has no one-dimensional convolution: use QuantConv2D with "
            "kernel_size=(k, 1) on an input of shape (length, 1, channels)"
        )
    padding = getattr(layer, "pad_values", 0.0)
    if getattr(layer, "padding", "") == "same" and padding not in (0, 1):
        return f"pad_values={padding:g}: only 1 (fastest) and 0 can be bits"
    groups = getattr(layer, "groups", 1)
    if groups > 1 and (size := int(layer.kernel.shape[-2])) % WORD:
        return f"groups of {size} input channels: they must be a multiple of {WORD}"
    return ""


def _hint(operator: Operator) -> str:
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
            hints.append("zero padding needs a correction at the borders: pad_values=1 does not")
    return "; ".join(hints)


def _why_not_folded(operator: Operator, producer: Operator, layer: Any) -> str:
    """Why an activation or a batch normalisation became an operator; empty if it must."""
    kind = type(layer).__name__
    if kind == "PReLU":
        several = operator.name == "MUL"  # of the operators that it takes then
        return _SLOPES.format(axes=list(layer.shared_axes or [])) if several else ""
    if operator.name in ("RELU", "RELU6") and producer.name == BCONV2D:
        before = type(_layer_before(layer)).__name__
        order = (
            "it follows batch normalisation: use the order QuantConv2D, ReLU, BatchNormalization"
        )
        if producer.options.get("pad_values") == 0 and producer.options.get("padding") == 0:
            also = f", and {order}" if before == "BatchNormalization" else ""
            return f"not folded into a convolution with zero padding: use pad_values=1{also}"
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


def _weight_quantizer(operator: Operator, layer: Any) -> Any:
    if operator.name == DEPTHWISE_CONV_2D:
        return getattr(layer, "depthwise_quantizer", None)
    return getattr(layer, "kernel_quantizer", None) or getattr(layer, "pointwise_quantizer", None)


def _is_sign(quantizer: Any) -> bool:
    values = np.asarray(quantizer(tf.constant(_PROBE))).reshape(-1)
    return bool(np.array_equal(values, np.sign(_PROBE).reshape(-1)))


def _is_two_valued(quantizer: Any, layer: Any) -> bool:
    """Whether each filter of a layer's quantized kernel has the values -a and a."""
    kernel = np.abs(np.asarray(quantizer(tf.constant(layer.kernel.numpy()))))
    filters = kernel.reshape(-1, kernel.shape[-1])
    return bool(np.allclose(filters, filters[:1], rtol=1e-5, atol=0) and (filters > 0).all())


def _name(quantizer: Any) -> str:
    name = getattr(quantizer, "name", None) or getattr(quantizer, "__name__", None)
    return str(name or type(quantizer).__name__)
