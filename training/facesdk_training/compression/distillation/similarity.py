"""Similarity-preserving distillation: how far apart the teacher places faces.

F. Tung and G. Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019: the mean squared
difference of the matrices of cosines in a batch. Cost: one retraining.
"""

from __future__ import annotations

import tensorflow as tf

from facesdk.progress import Progress
from facesdk_training.compression.distillation.imitation import Imitation, imitate
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.config.run import LossConfig


def apply(subject: Subject, settings: Imitation, progress: Progress) -> tf.keras.Model:
    """Trains a network, in place."""
    loss = LossConfig(similarity_weight=settings.weight)
    return imitate(subject, settings, loss, progress)


METHOD = Method(
    "distil-similarity",
    "Similarity-preserving distillation (ICCV 2019): |S S^T - T T^T|^2",
    "learns how far apart the teacher places faces",
    Imitation,
    apply,
)
