"""What distillation that asks who a crop shows is told beside the teacher's embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk_training.config.run import RunConfig
from facesdk_training.data.material import Material


def targets_of(config: RunConfig, material: Material) -> NDArray[Any]:
    """What the loss of a configuration is to get for each crop, in the order of the crops.

    Distillation that asks for people gets float32 [N, D + 1], the label after the embedding: whole
    numbers up to 2^24 are exact in float32.
    """
    if config.objective != "distillation" or not config.loss.needs_labels:
        return material.targets
    labels = material.labels[:, np.newaxis].astype(np.float32)
    return np.concatenate([material.targets, labels], axis=1)


def mean_directions(material: Material) -> NDArray[np.float32]:
    """The mean direction of each person's training crops, unit vectors float32 [classes, D]."""
    rows = material.split.train
    sums = np.zeros((material.classes, material.targets.shape[1]))
    np.add.at(sums, material.labels[rows], material.targets[rows])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
