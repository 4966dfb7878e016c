"""A network learns from a teacher: what the methods of distillation share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.frame.retraining import (
    Retraining,
    retrain,
    retraining_config,
)
from facesdk_training.config.run import LossConfig
from facesdk_training.data.material import gather
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.loading import load


@dataclass(frozen=True, slots=True)
class Imitation:
    """Settings.

    Attributes:
        teacher: A finished run or a Keras file; by default the run that the chain began with, from
            which a network learns that earlier steps have changed.
        weight: Weight of the loss beside 1 - cosine of the embeddings.
        temperature: Hinton's T, for soft targets.
        layers: For hints and attention: pairs of a layer of the student and one of the teacher; by
            default the last ones of each height and width that both have.
        retraining: How long.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    teacher: str = ""
    weight: float = 1.0
    temperature: float = 4.0
    layers: tuple[tuple[str, str], ...] = ()
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not self.weight > 0 or not self.temperature > 0:
            raise InputError(
                f"weight and temperature must be above 0, but got {self.weight:g} and "
                f"{self.temperature:g}"
            )


def imitate(
    subject: Subject, settings: Imitation, loss: LossConfig, progress: Progress
) -> tf.keras.Model:
    """Trains a network, in place, to imitate the teacher of the settings."""
    teacher = Path(settings.teacher) if settings.teacher else subject.original
    material = subject.material
    if teacher != subject.original or loss.needs_labels:
        config = retraining_config(subject.config, settings.retraining, loss, teacher)
        embedder = load_keras(teacher, None, None)
        material = gather(config, subject.cache, progress, teacher=embedder, lookalikes=False)
    retrain(
        subject,
        subject.model,
        settings.retraining,
        progress,
        loss=loss,
        teacher=teacher,
        material=material,
    )
    return subject.model


def layers_to_imitate(subject: Subject, settings: Imitation) -> tuple[tuple[str, str], ...]:
    """Pairs of layers, see :class:`Imitation`.

    Raises:
        InputError: The two networks have no height and width in common.
    """
    if settings.layers:
        return settings.layers
    teacher = load(Path(settings.teacher) if settings.teacher else subject.original).model
    own, theirs = _last_of_each_size(subject.model), _last_of_each_size(teacher)
    pairs = tuple((own[size], theirs[size]) for size in own if size in theirs)
    if not pairs:
        raise InputError(
            "student and teacher have no layers of one height and width to compare: name some by "
            '--set \'layers=[["student", "teacher"]]\''
        )
    return pairs


def _last_of_each_size(model: tf.keras.Model) -> dict[tuple[int, int], str]:
    """The last layer of each height and width above 1, by these."""
    found = {}
    for layer in model.layers[1:]:
        shape = layer.output.shape
        if shape.rank == 4 and min(shape[1], shape[2]) > 1:
            found[(shape[1], shape[2])] = layer.name
    return found
