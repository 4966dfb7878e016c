"""Neuron selection: a shorter embedding of the numbers that tell people apart.

After P. Luo et al., "Face Model Compression by Distilling Knowledge from Neurons", AAAI 2016; the
energy that is minimised is in :mod:`facesdk_training.data.neurons`. The network's own embedding
loses the other numbers, and it is retrained to place faces where the kept numbers of the original
place them. Needs labelled crops. Galleries shrink with the embedding, and it is compared with no
embedding of the original. Cost: one retraining.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.data.neurons import select_neurons
from facesdk_training.keras.networks.build import build_embedder


@dataclass(frozen=True, slots=True)
class Neurons:
    """Settings.

    Attributes:
        share: Share of the embedding's numbers that are kept, above 0 and below 1.
        retraining: How long.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    share: float = 0.5
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"share must be above 0 and below 1, but got {self.share:g}")


def apply(subject: Subject, settings: Neurons, progress: Progress) -> tf.keras.Model:
    """A network with a shorter embedding, retrained."""
    material, length = subject.material, subject.model.output_shape[-1]
    labelled = np.flatnonzero(material.labels >= 0)
    rows = np.intersect1d(labelled, material.split.train)
    if not len(rows):
        raise InputError("neurons are selected by how they tell people apart: label the crops")
    _, people = np.unique(material.labels[rows], return_inverse=True)
    count = max(1, round(settings.share * length))
    kept = select_neurons(material.targets[rows], people.astype(np.int64), count)
    shorter = with_outputs(subject, kept)
    targets = material.targets[:, kept]
    targets = targets / np.maximum(np.linalg.norm(targets, axis=1, keepdims=True), 1e-12)
    cut = dataclasses.replace(material, targets=targets)
    network = dataclasses.replace(subject.config.final_network, embedding_length=count)
    config = dataclasses.replace(subject.config, network=network, stages=())
    retrain(
        dataclasses.replace(subject, config=config),
        shorter,
        settings.retraining,
        progress,
        material=cut,
    )
    return shorter


def with_outputs(subject: Subject, kept: np.ndarray) -> tf.keras.Model:
    """The network with some of the numbers of its embedding.

    Raises:
        InputError: Its layers are no longer those of its configuration.
    """
    length = subject.model.output_shape[-1]
    network = dataclasses.replace(subject.config.final_network, embedding_length=len(kept))
    shorter = build_embedder(network)
    if [layer.name for layer in shorter.layers] != [layer.name for layer in subject.model.layers]:
        raise InputError("select neurons before other steps change the layers of the network")
    for layer, source in zip(shorter.layers, subject.model.layers, strict=True):
        values = source.get_weights()
        for place, (own, given) in enumerate(zip(layer.get_weights(), values, strict=True)):
            if own.shape != given.shape and given.shape[-1] == length:
                values[place] = given[..., kept]
        layer.set_weights(values)
    return shorter


METHOD = Method(
    "distil-neurons",
    "after Luo et al. (AAAI 2016): neurons of least energy, by share between people",
    "a shorter embedding of the numbers that tell people apart",
    Neurons,
    apply,
)
