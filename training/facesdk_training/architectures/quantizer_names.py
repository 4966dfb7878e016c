"""The quantizers by name: how many bits each has, and which names there are.

What a name computes is in the ``networks/quantizers`` module of each training engine; its table
begins at :mod:`facesdk_training.keras.networks.quantizers`. Configurations are checked here, so
that no engine is loaded to say that a name is misspelt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from facesdk.errors import InputError

FLOAT = "float"
"""Name of the absence of a quantizer."""

FLOAT_BITS = 32

MAX_DOREFA_BITS = 8
"""Most bits of a DoReFa quantizer."""

MAX_FIXED_BITS = 8
"""Most bits of a fixed-point quantizer."""

HWGQ_BITS = (2, 3, 4)
"""Bits of a half-wave Gaussian quantizer."""

TERNARY_WEIGHTS = ("twn", "ttq")
"""Names of weight quantizers with three values in a layer, which take 2 bits."""

BOUNDINGS = ("clip", "tanh", "abs")
"""The functions h of DoReFa-Net that bring an activation into [0, 1], by name."""

BINARY_WEIGHTS = ("bnn", "bi-real", "xnor-layer", "xnor-filter", "dorefa-1")
"""Names of weight quantizers with two values."""

BINARY_ACTIVATIONS = ("bnn", "bi-real", "xnor", "dorefa-1")
"""Names of activation quantizers with two values."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """What the name of a quantizer says.

    Attributes:
        family: The name without its numbers: ``"float"``, ``"bnn"``, ..., ``"dorefa"``,
            ``"fixed"``, ``"twn"``, ``"ttq"``, ``"hwgq"``.
        bits: Bits of each value, 1 to 8; 32 for ``"float"``.
        bounding: One of :data:`BOUNDINGS` for ``dorefa-K-H``; empty for all others.
    """

    family: str
    bits: int
    bounding: str = ""


def check_weights(name: str) -> Quantization:
    """What the name of a weight quantizer says.

    Args:
        name: ``float``, one of :data:`BINARY_WEIGHTS` or :data:`TERNARY_WEIGHTS`, ``dorefa-2`` to
            ``dorefa-8``, or ``fixed-1`` to ``fixed-8``.

    Raises:
        InputError: There is no such quantizer; the message lists those there are.
    """
    if name == FLOAT:
        return Quantization(FLOAT, FLOAT_BITS)
    if name in BINARY_WEIGHTS:
        return Quantization(name.removesuffix("-1"), 1)
    if name in TERNARY_WEIGHTS:
        return Quantization(name, 2)
    if match := re.fullmatch(rf"dorefa-([2-{MAX_DOREFA_BITS}])", name):
        return Quantization("dorefa", int(match[1]))
    if match := re.fullmatch(rf"fixed-([1-{MAX_FIXED_BITS}])", name):
        return Quantization("fixed", int(match[1]))
    raise InputError(
        f"weights must be quantized by one of {FLOAT}, {', '.join(BINARY_WEIGHTS)} to "
        f"dorefa-{MAX_DOREFA_BITS}, {', '.join(TERNARY_WEIGHTS)}, fixed-1 to "
        f"fixed-{MAX_FIXED_BITS}, but got {name!r}"
    )


def check_activations(name: str) -> Quantization:
    """What the name of an activation quantizer says.

    Args:
        name: ``float``, one of :data:`BINARY_ACTIVATIONS`, ``dorefa-K-H`` with K from 2 to 8 and H
            one of :data:`BOUNDINGS`, or ``hwgq-K`` with K one of :data:`HWGQ_BITS`.

    Raises:
        InputError: There is no such quantizer; the message lists those there are.
    """
    if name == FLOAT:
        return Quantization(FLOAT, FLOAT_BITS)
    if name in BINARY_ACTIVATIONS:
        return Quantization(name.removesuffix("-1"), 1)
    if match := re.fullmatch(rf"dorefa-([2-{MAX_DOREFA_BITS}])-({'|'.join(BOUNDINGS)})", name):
        return Quantization("dorefa", int(match[1]), match[2])
    if name in {f"hwgq-{bits}" for bits in HWGQ_BITS}:
        return Quantization("hwgq", int(name.removeprefix("hwgq-")))
    raise InputError(
        f"activations must be quantized by one of {FLOAT}, {', '.join(BINARY_ACTIVATIONS)}, "
        f"hwgq-{HWGQ_BITS[0]} to hwgq-{HWGQ_BITS[-1]}, or dorefa-K-H with K from 2 to "
        f"{MAX_DOREFA_BITS} and H one of {', '.join(BOUNDINGS)}, but got {name!r}"
    )
