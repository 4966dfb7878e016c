"""Pruning of channels that are silent for most faces: the average percentage of zeros.

H. Hu, R. Peng, Y.-W. Tai and C.-K. Tang, "Network Trimming: A Data-Driven Neuron Pruning Approach
towards Efficient Deep Architectures", 2016, equation 1: over N faces and M places of a map,

    APoZ_c = sum_n sum_m [O_c(n, m) = 0] / (N M)

and the channels with the largest APoZ leave. ReLU makes zeros of what is not above 0; PReLU, which
our networks have, makes small numbers of it. So here a response counts as silent where it is not
above 0, which is the same count after ReLU; after PReLU it says how often a channel is on its
flatter side, and where no activation follows, merely how often it is not positive. Where a group is
read at several places, all responses count alike.

Cost: one pass over the faces, then one retraining.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.progress import Progress
from facesdk.results import FloatArray
from facesdk_training.compression.frame.crops import training_crops, training_rows
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.pruning.responses import FACES, responses
from facesdk_training.compression.pruning.selection import Channels, remove
from facesdk_training.compression.pruning.surgery import Group

keras = tf.keras


def silence(
    model: keras.Model, chosen: Sequence[Group], faces: FloatArray
) -> dict[str, NDArray[np.float64]]:
    """The share of responses that are not above 0, 0 to 1, of each channel of some groups.

    Args:
        model: A functional network.
        chosen: Some of its groups.
        faces: float32 [N, height, width, 3].
    """
    silent = {group.name: np.zeros(group.channels) for group in chosen}
    counts = dict.fromkeys(silent, 0)
    for found in responses(model, chosen, faces):
        for name, arrays in found.items():
            for array in arrays:
                silent[name] += (array <= 0).sum(axis=(0, 1))
                counts[name] += array.shape[0] * array.shape[1]
    return {name: count / counts[name] for name, count in silent.items()}


def apply(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes the most silent channels and retrains what is left."""

    def scores(chosen: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        faces = training_crops(subject, training_rows(subject, FACES))
        return {name: -share for name, share in silence(subject.model, chosen, faces).items()}

    return remove(subject, settings, scores, progress)


METHOD = Method(
    "apoz",
    "Hu et al. (2016): the average percentage of zeros, for PReLU of responses not above 0",
    "channels that are silent for most faces leave the network",
    Channels,
    apply,
)
