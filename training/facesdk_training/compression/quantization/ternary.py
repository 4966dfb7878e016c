"""Ternary weights: TWN and TTQ.

TWN (F. Li, B. Zhang and B. Liu, "Ternary Weight Networks", 2016): W becomes a T with T = 0 where
|W| <= 0.7 mean|W|, else sign(W), and a = mean of the |W| that are left, per filter. TTQ (C. Zhu et
al., "Trained Ternary Quantization", ICLR 2017): Wp, 0 or -Wn with two scales per layer that are
trained, 0 where |W| <= 0.05 max|W|. Both train with a straight-through gradient.

Cost: one retraining. ``facesdk convert fixed-point --bits 2`` holds TWN's weights exactly, in 2
bits with ``--storage smallest``; TTQ's two scales have no type in TensorFlow Lite, so a file rounds
them or keeps them in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import tensorflow as tf

from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.quantization.kernels import (
    inner_layers,
    settle,
    with_quantizers,
)
from facesdk_training.keras.networks.quantizers import weight_quantizer


@dataclass(frozen=True, slots=True)
class Ternary:
    """Settings.

    Attributes:
        keep_first: Whether the first layer stays in float, as in both papers.
        keep_last: Whether the last one does, as in TTQ.
        retraining: How long.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    keep_first: bool = True
    keep_last: bool = True
    retraining: Retraining = field(default_factory=Retraining)


def _apply(
    subject: Subject, settings: Ternary, progress: Progress, *, quantizer: str
) -> tf.keras.Model:
    chosen = set(
        inner_layers(subject.model, keep_first=settings.keep_first, keep_last=settings.keep_last)
    )
    copy = with_quantizers(
        subject.model,
        lambda layer: weight_quantizer(quantizer) if layer.name in chosen else None,
    )
    retrain(subject, copy, settings.retraining, progress)
    settle(subject.model, copy)
    return subject.model


def apply_twn(subject: Subject, settings: Ternary, progress: Progress) -> tf.keras.Model:
    """Gives a network TWN's weights and retrains it, in place."""
    return _apply(subject, settings, progress, quantizer="twn")


def apply_ttq(subject: Subject, settings: Ternary, progress: Progress) -> tf.keras.Model:
    """Gives a network TTQ's weights and retrains it with their scales, in place."""
    return _apply(subject, settings, progress, quantizer="ttq")


TWN = Method(
    "twn",
    "Ternary Weight Networks (2016): a T, T = 0 where |W| <= 0.7 mean|W|",
    "weights of -a, 0 or a, one scale per filter, 2 bits",
    Ternary,
    apply_twn,
)
TTQ = Method(
    "ttq",
    "Trained Ternary Quantization (ICLR 2017): Wp, 0 or -Wn, both trained",
    "weights of three values with two trained scales per layer",
    Ternary,
    apply_ttq,
)
