"""Training crops that a method looks at before it changes a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.recognition.alignment import central
from facesdk.results import FloatArray
from facesdk_training.compression.frame.method import Subject
from facesdk_training.data.crops import INPUT


def training_rows(subject: Subject, count: int) -> NDArray[np.int64]:
    """Evenly spaced crops that are trained on, or all if there are fewer than ``count``."""
    rows = subject.material.split.train
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return np.asarray(np.unique(rows[chosen]))


def training_crops(subject: Subject, rows: NDArray[np.int64]) -> FloatArray:
    """Crops as the network takes them, float32 [N, height, width, 3]."""
    height, width = subject.model.input_shape[1:3]
    images = [central(subject.material.crops.image(row), height, width) for row in rows]
    return INPUT.normalise(np.stack(images))
