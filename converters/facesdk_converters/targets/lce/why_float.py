"""Why Larq Compute Engine's converter left a layer's weights in float, in words.

Of a network that was translated only the file is known, and what it reads is told by the operators
before it; of a Keras network also the quantizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.tflite.graph import WORD, Operator
from facesdk.tflite.operators import DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED, TRANSPOSE_CONV
from facesdk.tflite.weights import filters
from facesdk_converters.inspection.explanation import Subject

_SIGN = "a sign ('ste_sign', 'approx_sign', 'swish_sign')"
_PROBE = np.array([-2.0, -0.3, 0.3, 2.0], np.float32).reshape(1, 1, 1, 4)
_ZERO = np.zeros((1, 1, 1, 1), np.float32)
_WRITE = {False: "tf.where(x >= 0, 1.0, -1.0)", True: "torch.where(x >= 0, 1.0, -1.0)"}
"""A sign, in a Keras network and in one that was translated."""
_BETWEEN = ("ADD", "MAX_POOL_2D", "MUL", "NEG", "PAD", "PADV2", "RESHAPE", "STRIDED_SLICE", "SUB")
_PADS = ("PAD", "PADV2")
_ROUNDING = 1e-5
"""Relative difference of weights of one magnitude."""
_UNKNOWN = "its pattern is not one that Larq Compute Engine knows: please report it"


def why_float(subject: Subject, layer: Any) -> str:
    """The reason why a convolution or dense operator has float weights, and what to change.

    Args:
        subject: The operator.
        layer: What computes there, without the wrappers around it.
    """
    weights = subject.operator.weights
    if weights is not None and not weights.constant:
        return "it multiplies two tensors that are computed, and only constants become weights"
    return _of_translated(subject, layer) if subject.translated else _of_keras(subject, layer)


def _of_keras(subject: Subject, layer: Any) -> str:
    operator = subject.operator
    kernel = _weight_quantizer(operator, layer)
    entry = getattr(layer, "input_quantizer", None)
    kind = type(layer).__name__
    if kernel is None and entry is None:
        return _without_quantizers(subject, kind)
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
    return _UNKNOWN


def _without_quantizers(subject: Subject, kind: str) -> str:
    operator = subject.operator
    if subject.producer is None:
        return f"{kind} without quantizers on the network's input: best left so, it is small"
    if operator.name == DEPTHWISE_CONV_2D:
        return f"{kind} without quantizers: there is no binary depthwise convolution, leave it so"
    if reason := _third_value(subject):
        return f"{kind} reads {reason}"
    if _reads_signs(subject):
        return f"{kind} reads signs, but {_why_not_with_signs(subject)}"
    binary = "QuantDense" if operator.name == FULLY_CONNECTED else "QuantConv2D"
    return (
        f"{kind} without quantizers: use {binary} with input_quantizer and kernel_quantizer to "
        "make it 1-bit"
    )


def _of_translated(subject: Subject, layer: Any) -> str:
    operator = subject.operator
    if subject.producer is None:
        return "it reads the network's input, no signs: best left so, it is small"
    if operator.name == DEPTHWISE_CONV_2D:
        return "there is no binary depthwise convolution: leave it so"
    if operator.name == TRANSPOSE_CONV:
        return "there is no binary transposed convolution: resize the picture before a convolution"
    if reason := _third_value(subject):
        return f"it reads {reason}"
    if getattr(layer, "input_quantizer", None) is not None:
        return _structure(operator, layer) or _UNKNOWN
    if _reads_signs(subject):
        same = getattr(layer, "padding", "") == "same"
        reason = _too_small(layer) or _why_not_with_signs(subject, padded=same)
        return f"it reads signs, but {reason}"
    also = "" if _why_no_bits(operator) else ", or use `facesdk convert binary-weights`"
    return f"it reads no signs: write {_WRITE[True]} before it to make it 1-bit{also}"


def _between(subject: Subject) -> Sequence[Operator] | None:
    """The operators between signs and what reads them; None if it reads none."""
    found: list[Operator] = []
    for row in subject.before():
        if row.name == DEQUANTIZE:
            return found
        if row.name not in _BETWEEN:
            return None
        found.append(row)
    return None


def _reads_signs(subject: Subject) -> bool:
    return _between(subject) is not None


def _third_value(subject: Subject) -> str:
    """What an operator reads that is nearly a sign; empty for anything else."""
    write = f"write {_WRITE[subject.translated]}"
    for row in subject.before():
        makers = [subject.maker(tensor) for tensor in row.inputs]
        if row.name == "SIGN":
            return f"a sign that is 0 for 0, a third value that no bit holds: {write}"
        if row.name == "DIV" and any(one is not None and one.name == "ABS" for one in makers):
            return f"x / abs(x), which is NaN where x is 0, so no sign: {write}"
        if row.name not in _BETWEEN:
            break
    return ""


def _why_not_with_signs(subject: Subject, *, padded: bool = False) -> str:
    """Why weights are float although they meet signs."""
    operator = subject.operator
    if reason := _why_no_bits(operator):
        return reason
    names = [row.name for row in _between(subject) or ()]
    if padded or any(name in _PADS for name in names):
        return (
            "with zeros around them that are not half its kernel on each side, and no bit is 0: "
            "pad by half the kernel, or by 1 or -1"
        )
    if "MAX_POOL_2D" in names:
        return "the largest of windows is taken of them: take the signs of the largest numbers"
    if others := sorted({name for name in names if name != "RESHAPE"}):
        return f"{' and '.join(others)} stands between them and it"
    if operator.name == FULLY_CONNECTED:
        return "Larq Compute Engine has no dense operator: use QuantDense, which facesdk converts"
    return _UNKNOWN


def _too_small(layer: Any) -> str:
    """That the weights of a translated layer may be rounding alone; empty if they are not."""
    from facesdk_converters.sources.onnx.translations.binary import SMALLEST

    rows = np.abs(layer.kernel.numpy()).reshape(-1, layer.kernel.shape[-1]).max(axis=0)
    small = (rows > 0) & (rows <= SMALLEST)
    if not small.any():
        return ""
    return (
        f"{int(small.sum())} of {len(rows)} filters have no weight above {SMALLEST:g}, which may "
        "be rounding alone: scale them up"
    )


def _why_no_bits(operator: Operator) -> str:
    """Why weights are not a magnitude and its opposite in each filter; empty if they are."""
    rows = np.abs(filters(operator))
    zeros = (rows == 0).any(axis=1) & rows.any(axis=1)
    if zeros.any():
        return (
            f"{int(zeros.sum())} of {len(rows)} filters have weights that are 0 beside others, and "
            "no bit is 0"
        )
    several = np.ptp(rows, axis=1) > _ROUNDING * rows.max(axis=1)
    if several.any():
        first = int(np.flatnonzero(several)[0])
        return (
            f"{int(several.sum())} of {len(rows)} filters have weights of several magnitudes "
            f"(filter {first} from {rows[first].min():.3g} to {rows[first].max():.3g})"
        )
    return ""


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
