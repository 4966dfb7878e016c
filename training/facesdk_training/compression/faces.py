"""Crops to look at a network with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.recognition.alignment import central
from facesdk.results import FloatArray
from facesdk_training.data.crops import INPUT, Crops, FaceCrops, PreparedCrops
from facesdk_training.data.records import DATASET, FaceDataset


def crops_of(folder: Path, model: tf.keras.Model, count: int) -> FloatArray:
    """Evenly spaced crops of a data folder, as a network takes them.

    Args:
        folder: Prepared shards, or ``manifest.csv`` and zips.
        model: The network; its input says the size.
        count: How many, or all if there are fewer.

    Returns:
        float32 ``(N, height, width, 3)``.

    Raises:
        InputError: The folder holds no crops, or the network takes something else than pictures.
    """
    shape = tuple(model.input_shape[1:])
    if len(shape) != 3 or shape[2] != 3:
        raise InputError(f"the network takes {shape}, not pictures of three colours")
    crops: Crops
    if (folder / DATASET).exists():
        crops = PreparedCrops(FaceDataset.open(folder), labelled_only=False)
    else:
        crops = FaceCrops(folder, (), labelled_only=False)
    if not len(crops):
        raise InputError(f"{folder} holds no crops")
    rows = np.linspace(0, len(crops) - 1, min(count, len(crops))).round().astype(int)
    images = [central(crops.image(row), *shape[:2]) for row in np.unique(rows)]
    return INPUT.normalise(np.stack(images))
