"""Pruning of channels whose removal changes the loss least, to first order.

P. Molchanov, S. Tyree, T. Karras, T. Aila and J. Kautz, "Pruning Convolutional Neural Networks for
Resource Efficient Inference", ICLR 2017, equation 8: with z(m) the response of a channel at place m
of M and C the loss, the channel's score for a face is

    Theta_c = | 1/M sum_m  dC/dz(m) z(m) |

averaged over faces. Scores of a layer are divided by their Euclidean norm (equation 9), which
makes no difference within a group, since each loses the same share. Where several kernels read a
group, the sum is over what each of them reads, and the slope is that by way of this kernel alone:
so M Theta is the slope of the loss along a factor from 1 to 0 before all of them.

C is the loss of retraining: cosines and similarities with the original's embeddings. It has no
slope where a network places faces where the original does, so the crops are distorted as training
distorts them; statistics of normalisation stay as they were.

Cost: one pass over the crops, forward and back, then one retraining.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import Progress
from facesdk.results import FloatArray
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.replacement import NewLayer, replaced
from facesdk_training.compression.pruning.responses import BATCH
from facesdk_training.compression.pruning.selection import Channels, remove
from facesdk_training.compression.pruning.surgery import Group, readings
from facesdk_training.config.run import LossConfig
from facesdk_training.data.batches import BatchSampler, CropBatches
from facesdk_training.keras.objectives import Distillation

keras = tf.keras

_STEPS = 16
_NO_LOSS = 1e-6

Loss = Callable[[tf.Tensor, Any], tf.Tensor]
"""The loss of embeddings [N, D] and targets [N, D], a scalar that is a mean over the faces."""


def expected_changes(
    model: keras.Model,
    chosen: Sequence[Group],
    batches: Iterable[tuple[FloatArray, NDArray[Any]]],
    loss: Loss,
) -> dict[str, NDArray[np.float64]]:
    """The mean of Theta over faces, 0 or more, of each channel of some groups.

    Args:
        model: A functional network.
        chosen: Some of its groups.
        batches: Faces float32 [N, height, width, 3] and their targets [N, D].
        loss: What is approximated; gradients are times N, so that each face has its own.

    Raises:
        InputError: The loss is 0, so it has no slope.
    """
    names = {group.name: group for group in chosen}
    read = [reading for reading in readings(model) if reading.group in names]
    tapped = _tapped(model, [reading.reader for reading in read])
    sums = {name: np.zeros(group.channels) for name, group in names.items()}
    faces, total = 0, 0.0
    for images, targets in batches:
        with tf.GradientTape() as tape:
            image = tf.convert_to_tensor(images)
            tape.watch(image)
            embeddings, *inputs = tapped(image, training=False)
            value = loss(embeddings, targets)
        slopes = tape.gradient(value, inputs)
        changes = {
            name: np.zeros((len(images), 0, group.channels)) for name, group in names.items()
        }
        for reading, given, slope in zip(read, inputs, slopes, strict=True):
            product = np.asarray(given * slope, np.float64) * len(images)
            before = changes[reading.group]
            shape = len(images), -1, before.shape[-1]
            changes[reading.group] = np.concatenate([before, product.reshape(shape)], axis=1)
        for name, change in changes.items():
            sums[name] += np.abs(change.mean(axis=1)).sum(axis=0)
        faces, total = faces + len(images), total + float(value) * len(images)
    if total <= _NO_LOSS * faces:
        raise InputError(
            "the network places the crops where the original does, so the loss has no slope: let "
            "the run's augmentation or distortions change them"
        )
    return {name: values / faces for name, values in sums.items()}


def _tapped(model: keras.Model, readers: Sequence[str]) -> keras.Model:
    """A copy of a network that gives its output, then what each of some layers reads.

    Each layer gets a tensor of its own to read, so that slopes by way of the others stay apart.
    """
    chains = {
        name: [
            NewLayer(keras.layers.Lambda(tf.identity, name=f"{name}_read"), ()),
            NewLayer(type(layer).from_config(layer.get_config()), layer.get_weights()),
        ]
        for name, layer in ((name, model.get_layer(name)) for name in readers)
    }
    copy = replaced(model, chains)
    taps = [copy.get_layer(f"{name}_read").output for name in readers]
    return keras.Model(copy.input, [copy.output, *taps])


def apply(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes the channels that the loss needs least and retrains what is left.

    Raises:
        InputError: As :func:`expected_changes` and ``remove`` do.
    """

    def scores(chosen: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
        objective = Distillation(LossConfig())
        return expected_changes(
            subject.model,
            chosen,
            ((images, targets) for _, images, targets in _batches(subject, progress)),
            lambda embeddings, targets: objective.loss(embeddings, targets, 1),
        )

    return remove(subject, settings, scores, progress)


def _batches(subject: Subject, progress: Progress) -> Iterable[tuple[int, FloatArray, Any]]:
    """Distorted training crops and the original's embeddings."""
    config, material = subject.config, subject.material
    size = min(BATCH, len(material.split.train))
    height, width = subject.model.input_shape[1:3]
    batches = CropBatches(
        material.crops,
        material.targets,
        BatchSampler(material.split.train, size, config.seed),
        config.augmentation,
        height,
        width,
        config.data.workers,
        config.distortions,
        _STEPS,
    )
    for number, images, targets in batches.batches(0, _STEPS, slice(None)):
        yield number, images, targets
        progress(number + 1, _STEPS, "slopes of the loss")


METHOD = Method(
    "taylor",
    "Molchanov et al. (ICLR 2017): |mean of response times slope of the loss|",
    "channels that the loss needs least, to first order, leave the network",
    Channels,
    apply,
)
