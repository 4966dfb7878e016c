"""Hints: what a layer of the teacher computes.

A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015: half the mean of
(u(x) - r(v(x)))^2 with r a trained 1x1 convolution, at a layer in the middle. Cost: one retraining
with the forward pass of the teacher.
"""

from __future__ import annotations

import tensorflow as tf

from facesdk.progress import Progress
from facesdk_training.compression.distillation.imitation import (
    Imitation,
    imitate,
    layers_to_imitate,
)
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.config.run import LossConfig


def apply(subject: Subject, settings: Imitation, progress: Progress) -> tf.keras.Model:
    """Trains a network, in place."""
    pairs = layers_to_imitate(subject, settings)
    middle = pairs if settings.layers else pairs[len(pairs) // 2 :][:1]
    loss = LossConfig(similarity_weight=0.0, hint_weight=settings.weight, layers=middle)
    return imitate(subject, settings, loss, progress)


METHOD = Method(
    "distil-hints",
    "FitNets (ICLR 2015), equation 3: |u(x) - r(v(x))|^2 / 2",
    "learns what a layer of the teacher computes, through a regressor",
    Imitation,
    apply,
)
