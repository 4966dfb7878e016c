"""What rounding weights does to embeddings: of the whole network, and layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk_training.compression.frame.embeddings import cosines
from facesdk_training.compression.quantization.kernels import layers_with_kernels
from facesdk_training.compression.quantization.widths import LayerCosts
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.quantizers import FixedPointWeights


def cosines_by_width(
    model: tf.keras.Model, crops: FloatArray, widths: Sequence[int]
) -> dict[int, float]:
    """Median cosine of embeddings with all kernels rounded to those without, by bits.

    Depthwise kernels stay as they are; biases and normalisation are not corrected, so what
    ``facesdk convert fixed-point`` makes is nearer to the float network.

    Args:
        model: Maps crops to embeddings; as it was when the call returns.
        crops: float32 ``(N, height, width, 3)``, as the network takes them.
        widths: Bits per weight, 1 to 8.
    """
    reference = predict(model, crops)
    names = [layer.name for layer in layers_with_kernels(model)]
    return {
        bits: float(np.median(cosines(reference, _rounded(model, crops, names, bits))))
        for bits in widths
    }


def damage_by_layer(
    model: tf.keras.Model,
    crops: FloatArray,
    names: Sequence[str],
    widths: Sequence[int],
    progress: Progress = unwatched,
) -> list[LayerCosts]:
    """1 - mean cosine of embeddings with one layer's kernel rounded to those with none.

    Args:
        model: Maps crops to embeddings; as it was when the call returns.
        crops: float32 ``(N, height, width, 3)``, as the network takes them.
        names: The layers to look at.
        widths: Bits per weight, 1 to 8, rising.
        progress: Told how many layers are done.

    Returns:
        Of each layer the damage of every width, 0 to 2.
    """
    reference = predict(model, crops)
    found = []
    for place, name in enumerate(names):
        progress(place, len(names), name)
        damage = tuple(
            float(1 - np.mean(cosines(reference, _rounded(model, crops, [name], bits))))
            for bits in widths
        )
        weights = int(np.prod(model.get_layer(name).kernel.shape))
        found.append(LayerCosts(name, weights, damage))
    progress(len(names), len(names), "layers")
    return found


def _rounded(
    model: tf.keras.Model, crops: FloatArray, names: Sequence[str], bits: int
) -> FloatArray:
    """Embeddings with the kernels of some layers rounded."""
    kernels = [model.get_layer(name).kernel for name in names]
    before = [kernel.numpy() for kernel in kernels]
    quantizer = FixedPointWeights(bits)
    try:
        for kernel, values in zip(kernels, before, strict=True):
            kernel.assign(quantizer(tf.constant(values)))
        return predict(model, crops)
    finally:
        for kernel, values in zip(kernels, before, strict=True):
            kernel.assign(values)
