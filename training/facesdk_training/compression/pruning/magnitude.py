"""Pruning by magnitude: the smallest weights of each layer become 0, step by step.

S. Han, J. Pool, J. Tran and W. Dally, "Learning both Weights and Connections for Efficient Neural
Networks", NIPS 2015: train, prune, retrain. The share of zeros rises with the schedule of M. Zhu
and S. Gupta, "To Prune, or Not to Prune", 2017, equation 1,

    s_t = s (1 - (1 - t / n)^3),    t = 1 ... n

so that most goes early, when it is easy, and the network recovers after each round. Pruned weights
stay 0 while the others are trained.

Cost: n retrainings. A stock runtime multiplies zeros as it does other numbers, so the network is no
faster; ``.tflite.pack`` stores it in fewer bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

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

keras = tf.keras


@dataclass(frozen=True, slots=True)
class Magnitude:
    """Settings.

    Attributes:
        share: Zeros per weight of each layer at the end, above 0 and below 1.
        rounds: How often weights are pruned and the network is retrained.
        keep_first: Whether the first layer keeps all its weights.
        retraining: How the network recovers after each round.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    share: float = 0.5
    rounds: int = 2
    keep_first: bool = True
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(
                f"share must be above 0 and below 1, but got {self.share:g}: a layer without "
                "weights gives the same for every face"
            )
        if self.rounds < 1:
            raise InputError(f"rounds must be 1 or more, but got {self.rounds}")


def shares(share: float, rounds: int) -> list[float]:
    """The share of zeros after each round."""
    return [share * (1 - (1 - (t + 1) / rounds) ** 3) for t in range(rounds)]


def kept(kernel: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Which weights stay: all but the ``share`` of smallest magnitude, rounded down."""
    zeros = int(share * kernel.size)
    order = np.argsort(np.abs(kernel), axis=None, kind="stable")
    mask = np.ones(kernel.size, bool)
    mask[order[:zeros]] = False
    return mask.reshape(kernel.shape)


@keras.utils.register_keras_serializable(package="facesdk")
class Masked(lq.quantizers.Quantizer):
    """The kernel times a mask of 0 and 1, which is the gradient too.

    Args:
        share: Zeros that :meth:`fit` makes; a copy gets the mask with its weights.
    """

    precision = 32

    def __init__(self, share: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._share = share

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the mask, all ones."""
        self.mask = self.add_weight(
            "mask", shape=tuple(input_shape), initializer="ones", trainable=False
        )
        super().build(input_shape)

    def fit(self, kernel: tf.Variable) -> None:
        """Chooses the weights that stay."""
        self.mask.assign(kept(np.asarray(kernel, np.float32), self._share).astype(np.float32))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The kernel with zeros."""
        return super().call(inputs * tf.cast(self.mask, inputs.dtype))

    def form(self) -> Scaled:
        """What it makes of a kernel."""
        mask = self.mask.numpy()
        return Scaled(mask, np.zeros_like(mask))

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "share": self._share}


def apply(subject: Subject, settings: Magnitude, progress: Progress) -> keras.Model:
    """Prunes and retrains a network, in place."""
    chosen = set(inner_layers(subject.model, keep_first=settings.keep_first, keep_last=False))
    for number, share in enumerate(shares(settings.share, settings.rounds)):

        def quantizer(layer: keras.layers.Layer, share: float = share) -> Masked | None:
            return Masked(share) if layer.name in chosen else None

        copy = with_quantizers(subject.model, quantizer)
        retrain(subject, copy, settings.retraining, progress, part=f"round{number}")
        settle(subject.model, copy)
    return subject.model


METHOD = Method(
    "magnitude",
    "article 3; Han et al. (NIPS 2015), schedule of Zhu and Gupta (2017)",
    "the smallest weights become 0, in rounds of pruning and retraining",
    Magnitude,
    apply,
)
