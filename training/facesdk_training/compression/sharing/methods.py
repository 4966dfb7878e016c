"""The methods of sharing: replace kernels by shared numbers, then train the numbers.

Formulas and sources are in :mod:`~facesdk_training.compression.sharing.kinds`. The network keeps
its structure and multiplies as before; what gets smaller is what ``.tflite.pack`` makes of it,
where each kernel with few values is stored as a codebook and Huffman codes. Cost: k-means of each
kernel, seconds for a million weights (hashes and circulants need none), then one retraining.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from facesdk.errors import InputError, require_extra
from facesdk.progress import Progress
from facesdk_training.compression.frame.method import Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retrain
from facesdk_training.compression.quantization.kernels import (
    layers_with_kernels,
    settle,
    with_quantizers,
)
from facesdk_training.compression.sharing import kinds
from facesdk_training.compression.sharing.codebook import check_bits
from facesdk_training.compression.sharing.shared import Share, SharedWeights


@dataclass(frozen=True, slots=True)
class Clusters:
    """Settings of k-means.

    Attributes:
        bits: Bits per weight of convolutions, 2 to 8.
        dense_bits: Bits per weight of dense layers, which bear fewer.
        layers: Names of the layers; empty for all.
        retraining: How the values are trained.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    bits: int = 6
    dense_bits: int = 5
    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        check_bits(self.bits)
        check_bits(self.dense_bits)


@dataclass(frozen=True, slots=True)
class Product:
    """Settings of product quantization.

    Attributes:
        bits: Bits per piece, 2 to 8.
        length: Weights per piece; it divides the inputs of the layers.
        layers: Names of the layers; empty for all dense ones.
        retraining: How the pieces are trained.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    bits: int = 4
    length: int = 2
    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)


@dataclass(frozen=True, slots=True)
class Hashed:
    """Settings of hashed layers.

    Attributes:
        share: Numbers per weight, above 0 to 1.
        layers: Names of the layers; empty for all dense ones.
        retraining: How the numbers are trained.

    Raises:
        InputError: A value is not in range.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    share: float = 0.25
    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"share must be above 0 and at most 1, but got {self.share:g}")


@dataclass(frozen=True, slots=True)
class Circulant:
    """Settings of circulant layers.

    Attributes:
        layers: Names of the layers; empty for all dense ones.
        retraining: How the numbers are trained.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    layers: tuple[str, ...] = ()
    retraining: Retraining = field(default_factory=Retraining)


def is_dense(layer: tf.keras.layers.Layer) -> bool:
    """Whether each output reads all inputs once: dense layers, convolutions over the whole map."""
    if isinstance(layer, tf.keras.layers.Dense):
        return True
    return all(size == 1 for size in layer.output_shape[1:3]) and (
        tuple(layer.input_shape[1:3]) == tuple(layer.kernel_size)
    )


Sharing = Callable[[tf.keras.layers.Layer, Any], Share]
"""Gives the way to share a layer's kernel by the settings of a method."""


def _shared(
    subject: Subject, settings: Any, progress: Progress, sharing: Sharing, *, dense: bool
) -> tf.keras.Model:
    require_extra("sklearn", extra="compress")
    known = [
        layer
        for layer in layers_with_kernels(subject.model)
        if settings.layers or not dense or is_dense(layer)
    ]
    names = [layer.name for layer in known]
    if unknown := sorted(set(settings.layers) - set(names)):
        raise InputError(
            f"the network has no float kernel in {', '.join(unknown)}; there are {', '.join(names)}"
        )
    chosen = set(settings.layers or names)
    if not chosen:
        raise InputError("the network has no dense layer with a float kernel")

    def quantizer(layer: tf.keras.layers.Layer) -> SharedWeights | None:
        if layer.name not in chosen:
            return None
        share = sharing(layer, settings)
        count = len(share(np.asarray(layer.kernel, np.float32)).numbers)
        return SharedWeights(share, count)

    copy = with_quantizers(subject.model, quantizer)
    retrain(subject, copy, settings.retraining, progress)
    settle(subject.model, copy)
    return subject.model


def _method(
    name: str, source: str, summary: str, settings: type, sharing: Sharing, *, dense: bool
) -> Method:
    def apply(subject: Subject, settings: Any, progress: Progress) -> tf.keras.Model:
        return _shared(subject, settings, progress, sharing, dense=dense)

    return Method(name, source, summary, settings, apply)


def _clusters(layer: tf.keras.layers.Layer, settings: Clusters) -> Share:
    bits = settings.dense_bits if is_dense(layer) else settings.bits
    return lambda kernel: kinds.clusters(kernel, bits)


def _product(layer: tf.keras.layers.Layer, settings: Product) -> Share:
    return lambda kernel: kinds.product(kernel, settings.bits, settings.length)


def _hashed(layer: tf.keras.layers.Layer, settings: Hashed) -> Share:
    return lambda kernel: kinds.hashed(kernel, max(1, round(settings.share * kernel.size)))


def _circulant(layer: tf.keras.layers.Layer, settings: Circulant) -> Share:
    return kinds.circulant


CLUSTERS = _method(
    "k-means",
    "survey 2.2; Deep Compression (ICLR 2016): w = c[p], c trained",
    "weights that share 2^bits values per layer; trained values, pruned weights stay 0",
    Clusters,
    _clusters,
    dense=False,
)
PRODUCT = _method(
    "product",
    "survey 2.2; Gong et al. (2014): pieces of columns, 2^bits per place",
    "product quantization of dense layers",
    Product,
    _product,
    dense=True,
)
HASHED = _method(
    "hashed",
    "survey 2.2; HashedNets (ICML 2015): w[i, j] = x(i, j) c[h(i, j)]",
    "dense layers whose weights a hash takes from fewer numbers",
    Hashed,
    _hashed,
    dense=True,
)
CIRCULANT = _method(
    "circulant",
    "survey 2.2; Cheng et al. (ICCV 2015): w[i, j] = r[(j - i) mod n] s[i]",
    "dense layers as circulant matrices with random signs",
    Circulant,
    _circulant,
    dense=True,
)
