"""The patent's fixed-point weights: one width, or a width for each layer within a budget.

Patent application CN107480770A (J. Cheng, X. He, Q. Hu, 2017): W becomes alpha Q with 2^k levels Q
and a scale alpha per filter, found by Q = quantize(W / alpha) and alpha = (W . Q) / (Q . Q) in
turns (paragraph 69); below 8 bits the network is retrained (paragraph 55). Which layer gets which
width is left to the user there; here it is found from what rounding each layer alone does
(:mod:`~facesdk_training.compression.quantization.widths`).

Cost: one retraining, and for widths per layer a pass over a few crops per layer and width. The
widths are in the report; ``facesdk convert fixed-point --bits-of LAYER=BITS`` stores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.crops import training_crops, training_rows
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.quantization.kernels import (
    inner_layers,
    settle,
    with_quantizers,
)
from facesdk_training.compression.quantization.sensitivity import damage_by_layer
from facesdk_training.compression.quantization.widths import allocate, bytes_of
from facesdk_training.keras.networks.quantizers import FixedPointWeights

_SCANNED_CROPS = 32
_MOST_BITS = 8


@dataclass(frozen=True, slots=True)
class FixedWidth:
    """Settings of one width.

    Attributes:
        bits: Width of a weight, 1 to 8.
        keep_first: Whether the first layer stays in float; the patent keeps its input only.
        retraining: How long; the patent retrains below 8 bits.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    bits: int = 3
    keep_first: bool = True
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= _MOST_BITS:
            raise InputError(f"bits must be 1 to {_MOST_BITS}, but got {self.bits}")


@dataclass(frozen=True, slots=True)
class MixedWidths:
    """Settings of a width per layer.

    Attributes:
        share: Bytes of the weights that are quantized, as a share of those in float32: 0.125 is 4
            bits in the mean.
        widths: Widths to choose from, rising, 1 to 8.
        keep_first: Whether the first layer stays in float.
        retraining: How long.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    share: float = 0.1
    widths: tuple[int, ...] = (2, 3, 4, 6, 8)
    keep_first: bool = True
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 0.25:
            raise InputError(f"share must be above 0 and at most 0.25, but got {self.share:g}")
        rising = list(self.widths) == sorted(set(self.widths))
        if not self.widths or not rising or not 1 <= self.widths[0] <= self.widths[-1] <= 8:
            raise InputError(f"widths must rise within 1 to 8, but got {self.widths}")


def widths_of(subject: Subject, settings: MixedWidths, progress: Progress) -> dict[str, int]:
    """The width of each layer that does least harm within the budget, by the layer's name."""
    names = inner_layers(subject.model, keep_first=settings.keep_first, keep_last=False)
    crops = training_crops(subject, training_rows(subject, _SCANNED_CROPS))
    layers = damage_by_layer(subject.model, crops, names, settings.widths, progress)
    weights = sum(layer.weights for layer in layers)
    return allocate(layers, settings.widths, int(settings.share * bytes_of(weights, 32)))


def apply_mixed(subject: Subject, settings: MixedWidths, progress: Progress) -> tf.keras.Model:
    """Finds the widths, quantizes and retrains, in place."""
    return _quantized(
        subject, widths_of(subject, settings, progress), settings.retraining, progress
    )


def apply_fixed(subject: Subject, settings: FixedWidth, progress: Progress) -> tf.keras.Model:
    """Quantizes and retrains, in place."""
    names = inner_layers(subject.model, keep_first=settings.keep_first, keep_last=False)
    widths = dict.fromkeys(names, settings.bits)
    return _quantized(subject, widths, settings.retraining, progress)


def _quantized(
    subject: Subject, widths: Mapping[str, int], retraining: Retraining, progress: Progress
) -> tf.keras.Model:
    copy = with_quantizers(
        subject.model,
        lambda layer: FixedPointWeights(widths[layer.name]) if layer.name in widths else None,
    )
    retrain(subject, copy, retraining, progress)
    settle(subject.model, copy)
    return subject.model


FIXED = Method(
    "fixed-point",
    "patent application CN107480770A (2017), paragraphs 52 to 69: alpha Q, 2^k levels",
    "fixed-point weights of one width, retrained",
    FixedWidth,
    apply_fixed,
)
MIXED = Method(
    "mixed-widths",
    "patent application CN107480770A (2017), paragraph 55, with the widths found by sensitivity",
    "fixed-point weights, a width per layer within a budget of bytes, retrained",
    MixedWidths,
    apply_mixed,
)
