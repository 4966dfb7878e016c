"""Soft targets: the teacher's probabilities of people.

G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015: T^2 times
the mean of KL(softmax(t / T) || softmax(s / T)); t is a scaled cosine with the mean direction of
each person. Needs labelled crops. Cost: one retraining.
"""

from __future__ import annotations

import tensorflow as tf

from facesdk.progress import Progress
from facesdk_training.compression.distillation.imitation import Imitation, imitate
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.config.run import LossConfig


def apply(subject: Subject, settings: Imitation, progress: Progress) -> tf.keras.Model:
    """Trains a network, in place."""
    loss = LossConfig(
        similarity_weight=0.0,
        soft_target_weight=settings.weight,
        temperature=settings.temperature,
    )
    return imitate(subject, settings, loss, progress)


METHOD = Method(
    "distil-soft-targets",
    "Hinton et al. (2015): T^2 KL(softmax(t / T) || softmax(s / T))",
    "learns the teacher's probabilities of people, softened by a temperature",
    Imitation,
    apply,
)
