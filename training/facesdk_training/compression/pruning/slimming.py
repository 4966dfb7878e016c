"""Network slimming: channels with a small factor in batch normalisation leave.

Z. Liu, J. Li, Z. Shen, G. Huang, S. Yan and C. Zhang, "Learning Efficient Convolutional Networks
through Network Slimming", ICCV 2017: batch normalisation behind a convolution multiplies channel c
by gamma_c, and the channels with the least

    s_c = |gamma_c|

leave. Where additions join the outputs of several layers, s_c is the sum over these. Liu et al.
train with lambda sum |gamma| in the loss before, which drives factors to 0, and compare the factors
of all layers. Here the factors are those that training left, because retraining takes no further
terms of the loss, and each group loses the same share; so this is the criterion of the paper
without its training.

Only groups all of whose layers have batch normalisation behind them can be chosen from.

Cost: one pass over the weights, then one retraining; no faces are needed to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.pruning.selection import Channels, chosen_groups, remove
from facesdk_training.compression.pruning.surgery import Group

keras = tf.keras


def factors(model: keras.Model) -> dict[str, NDArray[np.float64]]:
    """The gamma [channels] of the batch normalisation behind each layer that has one with gamma."""
    return {
        layer.inbound_nodes[0].keras_inputs[0].node.layer.name: np.asarray(layer.gamma, np.float64)
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.scale
    }


def apply(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes the channels of least |gamma| and retrains what is left.

    Raises:
        InputError: A layer that was named, or every layer, is without batch normalisation.
    """
    gammas = factors(subject.model)
    chosen = chosen_groups(subject.model, settings.layers)
    missing = [name for group in chosen for name in group.makers if name not in gammas]
    fit = [group for group in chosen if not set(group.makers) & set(missing)]
    if missing and (settings.layers or not fit):
        raise InputError(
            f"no batch normalisation with factors is directly behind {', '.join(missing)}"
        )

    def scores(asked: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        return {
            group.name: np.sum([np.abs(gammas[name]) for name in group.makers], axis=0)
            for group in asked
        }

    named = replace(settings, layers=tuple(group.name for group in fit))
    return remove(subject, named, scores, progress)


METHOD = Method(
    "slimming",
    "Liu et al. (ICCV 2017): channels with the least |gamma|, without the L1 term in training",
    "channels of small factor in batch normalisation leave the network",
    Channels,
    apply,
)
