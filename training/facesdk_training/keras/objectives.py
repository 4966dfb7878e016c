"""What a run minimises: a model to train around the embedder, and the loss of its output.

Losses are shares: the sum over the replicas of a distribution strategy is the loss of the whole
batch, so the same numbers come out however a batch is split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.run import STRANGERS_BELOW, WORST_PAIRS, LossConfig, RunConfig
from facesdk_training.data.material import Material
from facesdk_training.data.people import mean_directions
from facesdk_training.keras.losses import (
    arcface_logits,
    attention_loss,
    cosface_logits,
    cosine_loss,
    hint_loss,
    pair_loss,
    similarity_matrix_loss,
    soft_target_loss,
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


@dataclass(frozen=True, slots=True, eq=False)
class Distillation:
    """A teacher: its embeddings, its probabilities of people, its layers; see ``config``.

    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, with
    embeddings in place of class probabilities where only these are asked for.

    1 - cosine places each face where the teacher places it; the relational loss asks that the
    distances within the batch are the teacher's. Targets are the teacher's unit vectors. Soft
    targets are the teacher's cosines with the mean direction of each person; the student has a
    trained direction for each, which is left out of the embedder like FitNets' regressors.

    Attributes:
        config: The weights of the losses.
        teacher: Loads the network whose layers are imitated.
        people: float32 [classes, D], the mean direction of each person by the teacher.
        alike: What two of the last crops of a batch may have in common.
        spoilt: How many crops these are.
    """

    config: LossConfig
    teacher: Callable[[], tf.keras.Model] | None = None
    people: NDArray[np.float32] | None = None
    alike: AlikeConfig = field(default_factory=AlikeConfig)
    spoilt: int = 0

    def model(self, embedder: tf.keras.Model) -> tf.keras.Model:
        """The embedder itself, or with further outputs for what else is compared."""
        outputs = {"embedding": embedder.output}
        if self.people is not None:
            classifier = CosineClassifier(len(self.people), dtype="float32", name="classes")
            outputs["cosines"] = classifier(embedder.output)
        if self.config.imitates_layers:
            outputs.update(self._features(embedder))
        if len(outputs) == 1:
            return embedder
        return tf.keras.Model(embedder.input, outputs, name=f"{embedder.name}_student")

    def loss(self, outputs: Any, targets: tf.Tensor, replicas: int) -> tf.Tensor:
        """See :class:`Objective`; targets as of :func:`.data.people.targets_of`."""
        config = self.config
        parts = outputs if isinstance(outputs, dict) else {"embedding": outputs}
        labels = None
        if config.needs_labels:
            targets, labels = targets[:, :-1], tf.cast(targets[:, -1], tf.int64)
        student = tf.math.l2_normalize(tf.cast(parts["embedding"], tf.float32), axis=-1)
        total = tf.zeros(())
        if config.cosine_weight:
            total += config.cosine_weight * cosine_loss(student, targets)
        if config.similarity_weight or config.pair_weight or self.spoilt:
            total += self._batch_loss(
                student, targets, _gathered(student, replicas), _gathered(targets, replicas)
            )
        if config.needs_labels:
            total += self._people_loss(config.scale * parts["cosines"], targets, labels)
        for number in range(len(config.layers) if config.imitates_layers else 0):
            theirs = tf.stop_gradient(tf.cast(parts[f"teacher_{number}"], tf.float32))
            if config.attention_weight:
                own = tf.cast(parts[f"student_{number}"], tf.float32)
                total += config.attention_weight * attention_loss(own, theirs)
            if config.hint_weight:
                regressed = tf.cast(parts[f"regressed_{number}"], tf.float32)
                total += config.hint_weight * hint_loss(regressed, theirs)
        return total / replicas

    def _batch_loss(
        self, student: tf.Tensor, targets: tf.Tensor, students: tf.Tensor, taught: tf.Tensor
    ) -> tf.Tensor:
        """Of distances within the batch, of which the first two are this replica's rows."""
        config, total = self.config, tf.zeros(())
        if config.similarity_weight:
            relation = similarity_matrix_loss(student, targets, students, taught)
            total += config.similarity_weight * relation
        if config.pair_weight:
            near = pair_loss(students, taught, worst=WORST_PAIRS, least=STRANGERS_BELOW)
            total += config.pair_weight * near
        if self.spoilt:
            last = students[-self.spoilt :], taught[-self.spoilt :]
            together = pair_loss(*last, worst=WORST_PAIRS, least=self.alike.above)
            total += self.alike.weight * together
        return total

    def _people_loss(self, logits: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        config, total = self.config, tf.zeros(())
        if config.soft_target_weight:
            taught = config.scale * tf.matmul(targets, self.people, transpose_b=True)
            soft = soft_target_loss(logits, taught, config.temperature)
            total += config.soft_target_weight * soft
        if config.label_weight:
            hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            total += config.label_weight * tf.reduce_mean(hard)
        return total

    def _features(self, embedder: tf.keras.Model) -> dict[str, tf.Tensor]:
        """The outputs of the student's and of the teacher's layers, by what the loss calls them."""
        if self.teacher is None:
            raise InputError("hints and attention need a teacher with layers: teacher.network")
        teacher = self.teacher()
        if teacher.input_shape[1:] != embedder.input_shape[1:]:
            raise InputError(
                f"the teacher takes {teacher.input_shape[1:]} but the student "
                f"{embedder.input_shape[1:]}: their layers can be compared on the same crops only"
            )
        names = self.config.layers
        theirs = [_output_of(teacher, "teacher", name) for _, name in names]
        frozen = tf.keras.Model(teacher.input, theirs, name="teacher")
        frozen.trainable = False
        taught = frozen(embedder.input, training=False)
        found: dict[str, tf.Tensor] = {}
        for number, (name, features) in enumerate(
            zip((own for own, _ in names), taught if len(names) > 1 else [taught], strict=True)
        ):
            own = _output_of(embedder, "student", name)
            if own.shape.rank != 4 or own.shape[1:3] != features.shape[1:3]:
                raise InputError(
                    f"loss.layers: {names[number][0]} of the student is {tuple(own.shape[1:])} and "
                    f"{names[number][1]} of the teacher {tuple(features.shape[1:])}, but both must "
                    "be height x width x channels, of one height and width"
                )
            found[f"student_{number}"], found[f"teacher_{number}"] = own, features
            if self.config.hint_weight:
                regressor = tf.keras.layers.Conv2D(
                    features.shape[-1], 1, name=f"regressor_{number}"
                )
                found[f"regressed_{number}"] = regressor(own)
        return found


def _output_of(model: tf.keras.Model, whose: str, name: str) -> tf.Tensor:
    try:
        return model.get_layer(name).output
    except ValueError:
        known = ", ".join(layer.name for layer in model.layers if layer.output.shape.rank == 4)
        raise InputError(
            f"loss.layers: the {whose} has no layer {name!r}; it has {known}"
        ) from None


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


def objective_of(
    config: RunConfig, material: Material, teacher: Callable[[], tf.keras.Model] | None = None
) -> Objective:
    """The objective that a configuration names.

    Args:
        config: The configuration.
        material: What is learned from.
        teacher: Loads the network whose layers are imitated.
    """
    if config.objective == "distillation":
        people = mean_directions(material) if config.loss.needs_labels else None
        spoilt = config.alike.count(config.batch_size)
        return Distillation(config.loss, teacher, people, config.alike, spoilt)
    margins = {"softmax": None, "cosface": cosface_logits, "arcface": arcface_logits}
    return Classification(config.loss, material.classes, margins[config.objective])


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
