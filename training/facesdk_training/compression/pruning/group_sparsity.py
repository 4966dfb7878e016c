"""Group sparsity in training: filters are driven to 0 together, and those that are nearest leave.

W. Wen, C. Wu, Y. Wang, Y. Chen and H. Li, "Learning Structured Sparsity in Deep Neural Networks",
NIPS 2016: training adds the group lasso of all filters

    lambda sum_j sqrt(n) ||W[..., j]||_2

to the loss (:mod:`facesdk_training.keras.sparsity`), whose slope does not vanish as a filter gets
small, so that whole filters become 0 and not single weights. The filters with the least norm leave
then, with their channels; where additions join the outputs of several layers, a channel's score is
the norm over all of them. Behind a convolution with batch normalisation a filter's length changes
nothing of what the network computes, so there the term only says which filters training misses
least; Wen et al. have the same case.

Cost: two trainings, one for sparsity and one to recover.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.pruning.selection import (
    Sparsified,
    chosen_groups,
    remove,
    require_some_leave,
    sparsify,
)
from facesdk_training.compression.pruning.surgery import Group
from facesdk_training.config.run import LossConfig

keras = tf.keras


def lengths(model: keras.Model, group: Group) -> NDArray[np.float64]:
    """The Euclidean norm of each channel's filters, over all layers that make it."""
    squares = np.zeros(group.channels)
    for maker in group.makers:
        kernel = model.get_layer(maker).get_weights()[0].astype(np.float64)
        squares += np.square(kernel).sum(axis=tuple(range(kernel.ndim - 1)))
    return np.sqrt(squares)


def apply(subject: Subject, settings: Sparsified, progress: Progress) -> keras.Model:
    """Trains towards sparse filters, removes channels and retrains what is left."""
    require_some_leave(chosen_groups(subject.model, settings.layers), settings)
    subject = sparsify(subject, settings, LossConfig(filter_weight=settings.strength), progress)

    def scores(chosen: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        return {group.name: lengths(subject.model, group) for group in chosen}

    return remove(subject, settings, scores, progress)


METHOD = Method(
    "group-sparsity",
    "Wen et al. (NIPS 2016): lambda sum sqrt(n) |W_j|_2 in training, the smallest filters leave",
    "training drives whole filters to 0, and the smallest leave with their channels",
    Sparsified,
    apply,
)
