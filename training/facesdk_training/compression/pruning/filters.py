"""Pruning of filters by L1 norm: channels leave the network, so any runtime is faster.

H. Li, A. Kadav, I. Durdanovic, H. Samet and H. Graf, "Pruning Filters for Efficient ConvNets", ICLR
2017: filter j of a layer matters as much as

    s_j = sum |W[..., j]|

and the filters with the least s_j are removed, with the feature maps that they make and the parts
of the next kernels that read these. Where additions join the outputs of several layers, channel j
leaves all of them together, and s_j is the sum over these layers (Li et al. follow the shortcut's
projection instead, which our residual units do not have).

Cost: one pass over the weights, then one retraining; no faces are needed to choose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.pruning.selection import Channels, remove
from facesdk_training.compression.pruning.surgery import Group

keras = tf.keras


def norms(kernels: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The L1 norm of each output channel, over all kernels together.

    Args:
        kernels: Arrays [..., channels].
    """
    summed = [
        np.abs(kernel.astype(np.float64)).sum(axis=tuple(range(kernel.ndim - 1)))
        for kernel in kernels
    ]
    return np.sum(summed, axis=0)


def scores_of(model: keras.Model, group: Group) -> NDArray[np.float64]:
    """The L1 norms of a group's channels, over all layers that make them."""
    return norms([model.get_layer(maker).get_weights()[0] for maker in group.makers])


def apply(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes channels and retrains what is left; see :func:`remove`."""

    def scores(chosen: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        return {group.name: scores_of(subject.model, group) for group in chosen}

    return remove(subject, settings, scores, progress)


METHOD = Method(
    "filters",
    "article 3; Li et al. (ICLR 2017): filters with the least sum of |W|",
    "filters of small norm leave the network, with the channels that they make",
    Channels,
    apply,
)
