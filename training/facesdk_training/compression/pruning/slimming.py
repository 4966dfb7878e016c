"""Network slimming: channels with a small factor in batch normalisation leave.

Z. Liu, J. Li, Z. Shen, G. Huang, S. Yan and C. Zhang, "Learning Efficient Convolutional Networks
through Network Slimming", ICCV 2017: batch normalisation after a convolution multiplies channel c
by gamma_c, and the channels with the least

    s_c = |gamma_c|

leave. Before, the network is trained with a term in the loss that drives factors to 0 (equation 1):

    lambda sum |gamma|

Where additions join the outputs of several layers, s_c is the sum over these. Liu et al. compare
the factors of all layers; here each group loses the same share.

Only groups all of whose layers have batch normalisation after them can be chosen from.

Cost: two trainings, one for sparsity and one to recover.
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
from facesdk_training.compression.pruning.selection import (
    Sparsified,
    chosen_groups,
    remove,
    sparsify,
)
from facesdk_training.compression.pruning.surgery import Group
from facesdk_training.config.run import LossConfig

keras = tf.keras


def factors(model: keras.Model) -> dict[str, NDArray[np.float64]]:
    """The gamma [channels] of the batch normalisation after each layer that has one with gamma."""
    return {
        layer.inbound_nodes[0].keras_inputs[0].node.layer.name: np.asarray(layer.gamma, np.float64)
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.scale
    }


def apply(subject: Subject, settings: Sparsified, progress: Progress) -> keras.Model:
    """Trains towards small factors, removes the channels of the least and retrains what is left.

    Raises:
        InputError: A layer that was named, or every layer, is without batch normalisation.
    """
    gammas = factors(subject.model)
    chosen = chosen_groups(subject.model, settings.layers)
    missing = [name for group in chosen for name in group.makers if name not in gammas]
    fit = [group for group in chosen if not set(group.makers) & set(missing)]
    if missing and (settings.layers or not fit):
        raise InputError(f"no batch normalisation with factors follows {', '.join(missing)}")

    subject = sparsify(subject, settings, LossConfig(factor_weight=settings.strength), progress)
    gammas = factors(subject.model)

    def scores(asked: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        return {
            group.name: np.sum([np.abs(gammas[name]) for name in group.makers], axis=0)
            for group in asked
        }

    named = replace(settings, layers=tuple(group.name for group in fit))
    return remove(subject, named, scores, progress)


METHOD = Method(
    "slimming",
    "Liu et al. (ICCV 2017): lambda sum |gamma| in training, channels with the least |gamma| leave",
    "channels of small factor in batch normalisation leave the network",
    Sparsified,
    apply,
)
