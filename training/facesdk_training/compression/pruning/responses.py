"""What a group's channels answer to faces, where kernels read it.

A channel's response is what the layers after it get: after batch normalisation, activation, pools
and depthwise convolutions. A group that is read at several places, as the sum of a residual network
is, has a response at each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from facesdk.results import FloatArray
from facesdk_training.compression.pruning.surgery import Group, readings

keras = tf.keras

FACES = 256
"""Crops that are looked at to choose channels."""
BATCH = 16
"""Faces at a time, so that all maps of a network fit in memory."""


def places(model: keras.Model, chosen: Sequence[Group]) -> dict[str, list[str]]:
    """The layers whose outputs kernels read, each once, by the name of the group."""
    found: dict[str, list[str]] = {group.name: [] for group in chosen}
    for reading in readings(model):
        if reading.source not in found.get(reading.group, [reading.source]):
            found[reading.group].append(reading.source)
    return found


def batches(faces: FloatArray) -> Iterator[FloatArray]:
    """Faces in their order, at most :data:`BATCH` at a time."""
    for start in range(0, len(faces), BATCH):
        yield faces[start : start + BATCH]


def responses(
    model: keras.Model, chosen: Sequence[Group], faces: FloatArray
) -> Iterator[Mapping[str, Sequence[FloatArray]]]:
    """The responses of groups, a batch of faces after the other.

    Args:
        model: A functional network.
        chosen: Some of its :func:`~facesdk_training.compression.pruning.surgery.groups`.
        faces: float32 [N, height, width, 3].

    Returns:
        For each batch, and each group by its name: float32 [batch, places, channels] for each layer
        whose output is read. A flattened map has its places again.
    """
    read = places(model, chosen)
    taps = {name: model.get_layer(name).output for names in read.values() for name in names}
    tapped = keras.Model(model.input, taps)
    for batch in batches(faces):
        outputs = {name: np.asarray(output) for name, output in tapped(batch).items()}
        yield {
            group.name: [
                outputs[name].reshape(len(batch), -1, group.channels) for name in read[group.name]
            ]
            for group in chosen
        }
