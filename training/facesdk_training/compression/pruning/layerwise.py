"""Channels chosen by what the next layers lose: LASSO and ThiNet, group after group.

Both go from input to output, on what the network reads that earlier groups have already left; see
:mod:`facesdk_training.compression.pruning.reconstruction` for X, Z, Y, W and G.

*channels-lasso*: Y. He, X. Zhang and J. Sun, "Channel Pruning for Accelerating Very Deep Neural
Networks", ICCV 2017, equation 2: with the parts W_c of the kernels scaled to a norm of 1,

    min over beta:  1/2 || Y - sum_c beta_c Z_c ||^2 + lambda |beta|_1

where lambda rises until few enough beta are not 0; then W is fitted by least squares (equation 3)
so that the outputs of the kept channels are those of the network as it was before any left. Here
lambda is found by bisection, Y of the first step is the narrowed network's own, and where beta
of the right number is stepped over, the largest of the step before fill the places.

*thinet*: J.-H. Luo, J. Wu and W. Lin, "ThiNet: A Filter Level Pruning Method for Deep Neural
Network Compression", ICCV 2017: channels leave one after the other, each time the one that adds the
least to (equation 6)

    || sum over gone c of Z_c ||^2

and the kept parts of the kernels are multiplied by the factors w that are best in the sense of
least squares (equation 7). All outputs of a sampled place are compared; Luo et al. draw one. Where
several kernels read a group, all their outputs count, and a channel has one factor for them.

Cost: a pass over 256 faces for each group, for LASSO two more; the least squares of LASSO have as
many unknowns as a kernel has rows; then one retraining.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import require_extra
from facesdk.progress import Progress
from facesdk.results import FloatArray
from facesdk_training.compression.frame.crops import training_crops, training_rows
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import retrain
from facesdk_training.compression.pruning.reconstruction import (
    Read,
    fitted,
    kernel,
    patches,
    read,
    readers_of,
    with_kernel,
)
from facesdk_training.compression.pruning.responses import FACES
from facesdk_training.compression.pruning.selection import (
    Channels,
    best,
    chosen_groups,
    require_some_leave,
)
from facesdk_training.compression.pruning.surgery import Group, groups, without

keras = tf.keras

_BISECTIONS = 40
_LEAST = 1e-4
"""The smallest lambda, as a share of that from which on every beta is 0."""


def by_lasso(found: Read, count: int) -> list[int]:
    """The channels that stay by LASSO, in order.

    Args:
        found: What is read of the group.
        count: How many stay.
    """
    from sklearn.linear_model import Lasso

    # Any A with A^T A = G has the same squares as Z, and Y is the sum of its columns.
    values, vectors = np.linalg.eigh(found.products)
    columns = np.sqrt(np.maximum(values, 0))[:, np.newaxis] * vectors.T
    outputs = columns.sum(axis=1)
    scaled = columns / np.maximum(found.lengths, np.finfo(float).tiny ** 0.5)
    high = np.abs(scaled.T @ outputs).max() / len(outputs)
    low = high * _LEAST

    def betas(weight: float) -> NDArray[np.float64]:
        lasso = Lasso(weight, fit_intercept=False, max_iter=10_000, tol=1e-6)
        return np.asarray(np.abs(lasso.fit(scaled, outputs).coef_))

    many, few = betas(low), np.zeros(len(outputs))
    for _ in range(_BISECTIONS):
        if np.count_nonzero(few) == count:
            break
        middle = np.sqrt(low * high)
        tried = betas(middle)
        if np.count_nonzero(tried) > count:
            low, many = middle, tried
        else:
            high, few = middle, tried
    return best(many + (few > 0) * (1 + many.max()), count)


def by_greed(found: Read, count: int) -> list[int]:
    """The channels that stay by ThiNet, in order; see :func:`by_lasso`."""
    error = np.diag(found.products).copy()
    staying = list(range(len(error)))
    while len(staying) > count:
        gone = staying.pop(int(np.argmin(error[staying])))
        # The next adds G[c, c] and, with each that is gone, 2 G[c, d].
        error += 2 * found.products[:, gone]
    return staying


def factors(found: Read, kept: Sequence[int]) -> NDArray[np.float64]:
    """The factors of the kept channels by which their outputs are nearest to all channels'."""
    rows = found.products[list(kept)]
    change, *_ = np.linalg.lstsq(rows[:, list(kept)], rows.sum(axis=1), rcond=None)
    return np.asarray(change)


Mend = Callable[[keras.Model, Group, Read, dict[str, list[int]]], None]
"""Changes the kernels that read a group in a narrowed network, in place.

Takes the narrowed network, the group, what was read of it before its channels left, and the
channels that stay by the name of the group.
"""


def narrowed(
    subject: Subject,
    settings: Channels,
    choose: Callable[[Read, int], list[int]],
    mend: Mend,
    faces: FloatArray,
    progress: Progress,
) -> keras.Model:
    """A network without channels, its kernels mended group after group, not retrained."""
    chosen = chosen_groups(subject.model, settings.layers)
    require_some_leave(chosen, settings)
    network, staying = subject.model, dict[str, list[int]]()
    for number, group in enumerate(chosen):
        found = read(network, group, faces)
        staying[group.name] = choose(found, settings.count(group.channels))
        network = without(network, {group.name: staying[group.name]})
        mend(network, group, found, staying)
        progress(number + 1, len(chosen), f"channels of {group.name}")
    return network


def scale(network: keras.Model, group: Group, found: Read, staying: dict[str, list[int]]) -> None:
    """Multiplies the next kernels by :func:`factors`; see :data:`Mend`."""
    kept = staying[group.name]
    by = factors(found, kept)[np.newaxis, :, np.newaxis]
    for name in readers_of(network, group):
        layer = network.get_layer(name)
        with_kernel(layer, kernel(layer, len(kept)) * by)


def refit(
    original: keras.Model,
    network: keras.Model,
    group: Group,
    staying: dict[str, list[int]],
    faces: FloatArray,
) -> None:
    """Fits the next kernels to the outputs that the original gives of all channels."""
    kept = staying[group.name]
    readers = readers_of(network, group)
    home = {maker: each.name for each in groups(original) for maker in each.makers}
    before = patches(original, readers, group.channels, faces)
    after = patches(network, readers, len(kept), faces)
    for name in readers:
        whole = kernel(original.get_layer(name), group.channels)
        outputs = np.tensordot(before[name], whole, axes=2)
        left = staying.get(home[name], range(outputs.shape[1]))
        layer = network.get_layer(name)
        with_kernel(layer, fitted(after[name], outputs[:, list(left)], kernel(layer, len(kept))))


def apply_lasso(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes channels by LASSO, fits kernels by least squares, and retrains."""
    require_extra("sklearn", extra="compress")
    faces = training_crops(subject, training_rows(subject, FACES))

    def mend(network: keras.Model, group: Group, _: Read, staying: dict[str, list[int]]) -> None:
        refit(subject.model, network, group, staying, faces)

    network = narrowed(subject, settings, by_lasso, mend, faces, progress)
    retrain(subject, network, settings.retraining, progress)
    return network


def apply_thinet(subject: Subject, settings: Channels, progress: Progress) -> keras.Model:
    """Removes channels by ThiNet, scales those that stay, and retrains."""
    faces = training_crops(subject, training_rows(subject, FACES))

    network = narrowed(subject, settings, by_greed, scale, faces, progress)
    retrain(subject, network, settings.retraining, progress)
    return network


LASSO = Method(
    "channels-lasso",
    "He et al. (ICCV 2017): LASSO over channels, then least squares of the next kernels",
    "channels that LASSO leaves out leave the network, and the next kernels are fitted",
    Channels,
    apply_lasso,
)
THINET = Method(
    "thinet",
    "Luo et al. (ICCV 2017): greedily by the next layers' error, then a factor per channel",
    "channels that the next layers miss least leave the network",
    Channels,
    apply_thinet,
)
