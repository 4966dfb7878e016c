"""Networks for Larq Compute Engine's operators: 1-bit weights and activations.

`larq_compute_engine` turns each pair of sign and binary convolution into ``LceQuantize`` and
``LceBconv2d`` with bit-packed weights, and folds batch normalisation into the latter. facesdk's
operator library runs both in any stock TFLite runtime.
"""

from __future__ import annotations

import warnings
from typing import Any

import larq_compute_engine as lce

from facesdk_converters.inspection import refusals
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.lce import reasons
from facesdk_converters.targets.lce.dense import dense_as_convolutions
from facesdk_converters.targets.target import Target


def target() -> Target:
    """The target ``lce``."""
    return Target("lce", convert, remark=reasons.remark)


def convert(source: Source) -> bytes:
    """Converts a network, see :func:`convert_keras`.

    Raises:
        ModelError: LCE's converter refuses it.
    """
    with refusals.translated(source):
        return convert_keras(source.model)


def convert_keras(model: Any) -> bytes:
    """Converts a Larq model.

    Binary dense layers become convolutions, see :mod:`facesdk_converters.targets.lce.dense`.

    Args:
        model: A Keras 2 model whose binary layers are `larq.layers.QuantConv2D` and `QuantDense`.

    Returns:
        Content of a ``.tflite`` file that needs LCE's operators.
    """
    with warnings.catch_warnings(), dense_as_convolutions(model):
        warnings.simplefilter("ignore")
        return bytes(lce.convert_keras_model(model))
