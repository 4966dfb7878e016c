"""INQ: weights become powers of two in turns, those that are left make up for it.

A. Zhou et al., "Incremental Network Quantization", ICLR 2017: a share of each layer's weights, the
largest first, is fixed at 0 or powers of two (:mod:`~facesdk_training.compression.quantization.
powers`), the others are retrained, and so on with 50, 75, 87.5 and 100 %. Cost: a retraining per
share but the last, which has nothing left to train but biases and normalisation.

``facesdk convert fixed-point`` holds such weights exactly in 8 bits: 4 powers are whole numbers
from 1 to 8. Multiplying by shifts needs hardware or kernels that no TFLite runtime has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import larq as lq
import numpy as np
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.forms import Scaled
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.quantization.kernels import (
    inner_layers,
    settle,
    with_quantizers,
)
from facesdk_training.compression.quantization.powers import (
    LEAST_BITS,
    MOST_BITS,
    nearest,
    powers,
    settled_first,
)


@dataclass(frozen=True, slots=True)
class Incremental:
    """Settings.

    Attributes:
        bits: Width of a weight, 3 to 5: 2^(bits-2) powers of two, their negatives, and 0.
        shares: Shares of the weights that are settled in turns, rising to 1.
        keep_first: Whether the first layer stays in float.
        keep_last: Whether the last one does.
        retraining: How long after each share.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    bits: int = 4
    shares: tuple[float, ...] = (0.5, 0.75, 0.875, 1.0)
    keep_first: bool = True
    keep_last: bool = True
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not LEAST_BITS <= self.bits <= MOST_BITS:
            raise InputError(f"bits must be {LEAST_BITS} to {MOST_BITS}, but got {self.bits}")
        steps = (0.0, *self.shares)
        if not self.shares or list(steps) != sorted(set(steps)) or not math.isclose(steps[-1], 1):
            raise InputError(f"shares must rise from above 0 to 1, but got {self.shares}")


@tf.keras.utils.register_keras_serializable(package="facesdk")
class PartlySettled(lq.quantizers.Quantizer):
    """Some weights are fixed numbers, the others are themselves, with a gradient of 1.

    Attributes:
        settled: 1 where a weight is fixed, else 0.
        values: What it is fixed at.
    """

    precision = 32

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the two, all 0."""
        options = {"shape": input_shape, "initializer": "zeros", "trainable": False}
        self.settled = self.add_weight("settled", **options)
        self.values = self.add_weight("values", **options)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The weights, those that are fixed replaced."""
        return super().call((1.0 - self.settled) * inputs + self.settled * self.values)

    def form(self) -> Scaled:
        """What it makes of a kernel."""
        settled = self.settled.numpy()
        return Scaled(1.0 - settled, settled * self.values.numpy())


def settle_share(layer: tf.keras.layers.Layer, share: float, bits: int) -> None:
    """Fixes more weights of a layer with :class:`PartlySettled`, up to a share of them all.

    Weights that are fixed stay; the levels are those of the weights as they were when the first
    were fixed, whose largest is then one of them.
    """
    quantizer, kernel = layer.kernel_quantizer, layer.kernel.numpy()
    settled, values = quantizer.settled.numpy().astype(bool), quantizer.values.numpy()
    current = np.where(settled, values, kernel)
    fixed = np.abs(values[settled])
    largest = float(fixed.max()) if fixed.any() else float(np.abs(current).max())
    if largest == 0:
        return
    order = np.where(settled, np.inf, np.abs(current))
    chosen = settled_first(order, share)
    fresh = chosen & ~settled
    values = np.where(fresh, nearest(current, powers(largest, bits)), values)
    quantizer.settled.assign(chosen.astype(np.float32))
    quantizer.values.assign(np.where(chosen, values, 0).astype(np.float32))


def apply(subject: Subject, settings: Incremental, progress: Progress) -> tf.keras.Model:
    """Settles and retrains a network in turns, in place."""
    chosen = inner_layers(
        subject.model, keep_first=settings.keep_first, keep_last=settings.keep_last
    )
    copy = with_quantizers(
        subject.model, lambda layer: PartlySettled() if layer.name in chosen else None
    )
    for number, share in enumerate(settings.shares):
        for name in chosen:
            settle_share(copy.get_layer(name), share, settings.bits)
        retrain(subject, copy, settings.retraining, progress, part=f"retraining-{number}")
    settle(subject.model, copy)
    return subject.model


INQ = Method(
    "inq",
    "Incremental Network Quantization (ICLR 2017): 0 or powers of two, settled in turns",
    "weights that are 0 or powers of two, the largest settled first",
    Incremental,
    apply,
)
