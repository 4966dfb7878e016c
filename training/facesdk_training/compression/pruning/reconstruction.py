"""What the next layers read of a group, at sampled places, and kernels fitted to what is left.

At place s a kernel W [K, C, O] over K positions computes, of patches X [S, K, C], the outputs

    Y[s] = sum_c Z[s, c],    Z[s, c] = sum_k X[s, k, c] W[k, c]

so a channel that leaves takes its Z away. Methods choose channels by Z. Then W is fitted by least
squares so that the kept channels give Y again. Where several kernels read a group, the outputs of
all of them are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.results import FloatArray
from facesdk_training.compression.pruning.responses import batches
from facesdk_training.compression.pruning.surgery import Group, readings

keras = tf.keras

PLACES_PER_FACE = 10
"""As many as He et al. and Luo et al. sample."""
_SAMPLES_AT_ONCE = 64
"""Z of all samples would fill the memory."""


def patches(
    model: keras.Model, readers: Sequence[str], channels: int, faces: FloatArray
) -> dict[str, NDArray[np.float64]]:
    """What layers read, at places drawn at random per face, always the same for a seed of 0.

    Args:
        model: A functional network.
        readers: Convolutions and dense layers that read one group.
        channels: How many channels the group has.
        faces: float32 [N, height, width, 3].

    Returns:
        By the name of the layer, [S, K, channels]: S is N times :data:`PLACES_PER_FACE`, or all
        places of a map with fewer; K positions of the kernel, rows first. A dense layer has one
        place per face, and the places of the flattened map for positions.
    """
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in readers}
    layers = [model.get_layer(name) for name in readers]
    tapped = keras.Model(model.input, [layer.input for layer in layers])
    rng = np.random.default_rng(0)
    for batch in batches(faces):
        outputs = tapped(batch, training=False)
        for layer, given in zip(layers, outputs if len(layers) > 1 else [outputs], strict=True):
            every = _windows(layer, given).reshape(
                len(batch), -1, _positions(layer, channels), channels
            )
            count = min(PLACES_PER_FACE, every.shape[1])
            drawn = rng.permuted(np.tile(np.arange(every.shape[1]), (len(batch), 1)), axis=1)[
                :, :count
            ]
            seen = np.take_along_axis(every, drawn[:, :, np.newaxis, np.newaxis], axis=1)
            found[layer.name].append(seen.reshape(-1, *every.shape[2:]).astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def kernel(layer: keras.layers.Layer, channels: int) -> NDArray[np.float64]:
    """The kernel of a convolution or dense layer as [K, channels, O]."""
    array = np.asarray(layer.kernel, np.float64)
    return array.reshape(-1, channels, array.shape[-1])


def products(seen: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """G [C, C], the sums of Z[s, c, o] Z[s, d, o] over samples and outputs.

    Errors of outputs need no more: where channels T leave, the sum of squares is that of G over
    T x T. Where a kernel has few positions k, l it is cheaper as the sum over pairs of them of
    (X_k^T X_l) times (W_k W_l^T), number by number, which never holds Z.

    Args:
        seen: X, patches [S, K, C].
        weights: W, [K, C, O].
    """
    found = np.zeros((seen.shape[-1], seen.shape[-1]))
    if len(weights) ** 2 <= weights.shape[-1]:
        for first, second in product(range(len(weights)), repeat=2):
            inputs = seen[:, first].T @ seen[:, second]
            found += inputs * (weights[first] @ weights[second].T)
        return found
    for start in range(0, len(seen), _SAMPLES_AT_ONCE):
        part = seen[start : start + _SAMPLES_AT_ONCE]
        z = np.einsum("skc,kco->soc", part, weights, optimize=True).reshape(-1, len(found))
        found += z.T @ z
    return found


def readers_of(model: keras.Model, group: Group) -> list[str]:
    """The layers that read a group."""
    return [reading.reader for reading in readings(model) if reading.group == group.name]


def fitted(
    seen: NDArray[np.float64], outputs: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The kernel next to ``start`` with the least sum of squared differences from outputs.

    The least squares are those of the change, whose shortest solution is taken: a kernel of more
    numbers than there are samples stays as near to what it was as it can.

    Args:
        seen: Patches of the kept channels, [S, K, C].
        outputs: Y, [S, O].
        start: The kernel as it was, [K, C, O].
    """
    rows = seen.reshape(len(seen), -1)
    flat = start.reshape(rows.shape[1], -1)
    change, *_ = np.linalg.lstsq(rows, outputs - rows @ flat, rcond=None)
    return np.asarray((flat + change).reshape(start.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """How the kernels that read a group make their outputs of it.

    Attributes:
        products: G [C, C], the sum over all of them.
        lengths: The Euclidean norm of each channel's part of all kernels, [C].
    """

    products: NDArray[np.float64]
    lengths: NDArray[np.float64]


def read(model: keras.Model, group: Group, faces: FloatArray) -> Read:
    """What is read of a group for some faces, float32 [N, height, width, 3]."""
    readers = readers_of(model, group)
    seen = patches(model, readers, group.channels, faces)
    kernels = {name: kernel(model.get_layer(name), group.channels) for name in readers}
    squares = [(weights**2).sum(axis=(0, 2)) for weights in kernels.values()]
    return Read(
        np.sum([products(seen[name], kernels[name]) for name in readers], axis=0),
        np.sqrt(np.sum(squares, axis=0)),
    )


def with_kernel(layer: keras.layers.Layer, weights: NDArray[np.float64]) -> None:
    """Sets the kernel of a convolution or dense layer, from [K, C, O]."""
    layer.kernel.assign(weights.reshape(layer.kernel.shape).astype(np.float32))


def _positions(layer: keras.layers.Layer, channels: int) -> int:
    return int(np.prod(layer.kernel.shape[:-1])) // channels


def _windows(layer: keras.layers.Layer, given: tf.Tensor) -> NDArray[np.float32]:
    """All patches of a convolution, [N, places, K * C]; a dense layer's whole input."""
    if isinstance(layer, keras.layers.Dense):
        return np.asarray(given)[:, np.newaxis]
    found = tf.image.extract_patches(
        given,
        sizes=[1, *layer.kernel_size, 1],
        strides=[1, *layer.strides, 1],
        rates=[1, *layer.dilation_rate, 1],
        padding=layer.padding.upper(),
    )
    return np.asarray(found).reshape(len(given), -1, found.shape[-1])
