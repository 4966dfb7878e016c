"""What a run minimises: a model to train around the embedder, and the loss of its output.

Losses are shares: the sum over the replicas of a distribution strategy is the loss of the whole
batch, so the same numbers come out however a batch is split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import tensorflow as tf

from facesdk_training.config.run import LossConfig, RunConfig
from facesdk_training.keras.losses import (
    arcface_logits,
    cosface_logits,
    cosine_loss,
    similarity_matrix_loss,
)
from facesdk_training.keras.networks.build import add_classifier


class Objective(Protocol):
    """See the module."""

    def model(self, embedder: tf.keras.Model) -> tf.keras.Model:
        """The model to train; it contains ``embedder`` and shares its weights."""

    def loss(self, outputs: tf.Tensor, targets: tf.Tensor, replicas: int) -> tf.Tensor:
        """A replica's share of the loss, float32 scalar.

        Args:
            outputs: Of the model, for the replica's crops.
            targets: Of the same crops.
            replicas: How many replicas share the batch equally.
        """


@dataclass(frozen=True, slots=True)
class Distillation:
    """A teacher's embeddings.

    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, with
    embeddings in place of class probabilities.

    1 - cosine places each face where the teacher places it; the relational loss asks that the
    distances within the batch are the teacher's. Targets are the teacher's unit vectors.

    Attributes:
        config: The weight of the relational loss.
    """

    config: LossConfig

    def model(self, embedder: tf.keras.Model) -> tf.keras.Model:
        """The embedder itself."""
        return embedder

    def loss(self, outputs: tf.Tensor, targets: tf.Tensor, replicas: int) -> tf.Tensor:
        """See :class:`Objective`; targets float32 [N, D]."""
        student = tf.math.l2_normalize(tf.cast(outputs, tf.float32), axis=-1)
        relation = similarity_matrix_loss(
            student, targets, _gathered(student, replicas), _gathered(targets, replicas)
        )
        total = cosine_loss(student, targets) + self.config.similarity_weight * relation
        return total / replicas


@dataclass(frozen=True, slots=True)
class Classification:
    """The identity of each crop, by the paper's softmax or with a margin. Targets are labels.

    Attributes:
        config: Dropout, margin and scale.
        classes: Number of identities.
        margin: None for the softmax of a dense layer, else how cosines become logits.
    """

    config: LossConfig
    classes: int
    margin: Callable[..., tf.Tensor] | None

    def model(self, embedder: tf.keras.Model) -> tf.keras.Model:
        """The embedder with a classifier on top of it."""
        if self.margin is None:
            return add_classifier(embedder, self.classes, dropout=self.config.dropout)
        cosines = CosineClassifier(self.classes, dtype="float32", name="classes")(embedder.output)
        return tf.keras.Model(embedder.input, cosines, name=f"{embedder.name}_classifier")

    def loss(self, outputs: tf.Tensor, targets: tf.Tensor, replicas: int) -> tf.Tensor:
        """See :class:`Objective`; targets int64 [N]."""
        logits = tf.cast(outputs, tf.float32)
        if self.margin is not None:
            logits = self.margin(
                logits, targets, margin=self.config.margin, scale=self.config.scale
            )
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(losses) / replicas


class CosineClassifier(tf.keras.layers.Layer):
    """Cosines of an embedding and one learned direction per class, [N, D] -> [N, classes]."""

    def __init__(self, classes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the directions, [D, classes]."""
        self.directions = self.add_weight(
            "directions", (input_shape[-1], self.classes), initializer="glorot_normal"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The cosines, -1 to 1."""
        return tf.matmul(
            tf.math.l2_normalize(inputs, axis=-1), tf.math.l2_normalize(self.directions, axis=0)
        )


def objective_of(config: RunConfig, classes: int) -> Objective:
    """The objective that a configuration names, for so many identities."""
    if config.objective == "distillation":
        return Distillation(config.loss)
    margins = {"softmax": None, "cosface": cosface_logits, "arcface": arcface_logits}
    return Classification(config.loss, classes, margins[config.objective])


def _gathered(rows: tf.Tensor, replicas: int) -> tf.Tensor:
    """The rows of all replicas, in order; gradients flow back to each.

    A sum of rows padded with zeros, because ``all_gather`` fails for several workers with a replica
    each (TensorFlow 2.19).
    """
    if replicas == 1:
        return rows
    context = tf.distribute.get_replica_context()
    number, count = context.replica_id_in_sync_group, tf.shape(rows)[0]
    padded = tf.pad(rows, [[number * count, (replicas - 1 - number) * count], [0, 0]])
    return context.all_reduce(tf.distribute.ReduceOp.SUM, padded)
