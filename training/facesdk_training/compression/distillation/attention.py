"""Attention transfer: where the layers of the teacher look.

S. Zagoruyko and N. Komodakis, "Paying More Attention to Attention", ICLR 2017: the squared distance
of the unit vectors of sum_c F_c^2, at each height and width. Cost: one retraining with the forward
pass of the teacher; no regressor.
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
    loss = LossConfig(similarity_weight=0.0, attention_weight=settings.weight, layers=pairs)
    return imitate(subject, settings, loss, progress)


METHOD = Method(
    "distil-attention",
    "Attention transfer (ICLR 2017), equation 2: |Q_s - Q_t|^2, Q of sum_c F_c^2",
    "learns where the layers of the teacher look",
    Imitation,
    apply,
)
