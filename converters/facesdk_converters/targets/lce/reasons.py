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

_SIGN = "a sign ('ste_sign', 'approx_sign', 'swish_sign')"
_PROBE = np.array([-2.0, -0.3, 0.3, 2.0], np.float32).reshape(1, 1, 1, 4)


def remark(operator: Operator, producer: Operator | None, layer: Any) -> str:
    """What to say of an operator, see :data:`facesdk_converters.inspection.explanation.Remark`."""
    if operator.name == BCONV2D:
        return _hint(operator)
    if operator.weights is not None:
        return _why_float(operator, producer, layer)
    return "" if producer is None else _why_not_folded(operator, producer, layer)


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
    if "Dense" in kind and len(layer.input_shape) != 2:
        return f"a QuantDense on inputs of {len(layer.input_shape) - 1} axes: flatten them first"
    padding = getattr(layer, "pad_values", 0.0)
    if getattr(layer, "padding", "") == "same" and padding not in (0, 1):
        return f"pad_values={padding:g}: only 1 (fastest) and 0 can be bits"
    groups = getattr(layer, "groups", 1)
    if groups > 1 and (size := layer.input_shape[-1] // groups) % WORD:
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
    if operator.name in ("RELU", "RELU6") and producer.name == BCONV2D:
        order = (
            "it follows batch normalisation: use the order QuantConv2D, ReLU, BatchNormalization"
        )
        if producer.options.get("pad_values") == 0 and producer.options.get("padding") == 0:
            before = layer.inbound_nodes[0].inbound_layers
            also = f", and {order}" if type(before).__name__ == "BatchNormalization" else ""
            return f"not folded into a convolution with zero padding: use pad_values=1{also}"
        return f"not folded because {order}"
    if operator.name == "MUL" and type(layer).__name__ == "BatchNormalization":
        return _why_not_normalised(producer, layer)
    return ""


def _why_not_normalised(producer: Operator, layer: Any) -> str:
    """The reason why batch normalisation has an operator of its own."""
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
    before = layer.inbound_nodes[0].inbound_layers
    if isinstance(before, list):
        return "", []
    readers = [node.outbound_layer for node in before.outbound_nodes]
    return before.name, sorted({reader.name for reader in readers if reader is not layer})


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
    return str(getattr(quantizer, "name", None) or type(quantizer).__name__)
