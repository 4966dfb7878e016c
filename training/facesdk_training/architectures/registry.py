"""The architectures by name, and the one function that builds any of them.

``A``, ``B``, ``C``, ``Q`` and ``QB`` are :mod:`~facesdk_training.architectures.face_res_net`;
``CompactFaceNet`` is :mod:`~facesdk_training.architectures.compact_face_net`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import (
    CompactFaceNetConfig,
    build_compact_face_net,
)
from facesdk_training.architectures.face_res_net import FaceResNetConfig, build_face_res_net
from facesdk_training.keras.networks.layers import ResumableDropout

keras = tf.keras

Config = FaceResNetConfig | CompactFaceNetConfig

PAPER_CLASSES = 10575
"""People in CASIA-WebFace, the outputs of the paper's Fc6."""

_A = FaceResNetConfig(units=(1, 2, 5, 3), unit_convolutions=2)
_B = dataclasses.replace(_A, units=(3, 4, 6, 3))
_C = dataclasses.replace(_B, unit_convolutions=3)

ARCHITECTURES: Mapping[str, Config] = MappingProxyType(
    {
        "A": _A,
        "B": _B,
        "C": _C,
        "Q": dataclasses.replace(_C, weights="dorefa-1"),
        "QB": dataclasses.replace(_C, weights="bnn", activations="bi-real"),
        "CompactFaceNet": CompactFaceNetConfig(),
    }
)
"""Configuration of each architecture at full size. Q is the paper's: 1-bit weights, float
activations. QB has 1-bit activations as well."""


def architecture_name(name: str) -> str:
    """The key of :data:`ARCHITECTURES` that a name means, in upper or lower case.

    Raises:
        InputError: There is no such architecture.
    """
    for key in ARCHITECTURES:
        if key.lower() == name.lower():
            return key
    raise InputError(f"architecture must be one of {', '.join(ARCHITECTURES)}, not {name!r}")


def configure(name: str, **overrides: Any) -> Config:
    """The configuration of an architecture, with some fields replaced.

    Args:
        name: A key of :data:`ARCHITECTURES`; upper and lower case are the same.
        overrides: Fields of the configuration, for example ``width=0.25`` or
            ``activations="bnn"`` for a FaceResNet.

    Raises:
        InputError: There is no such architecture or field, or a value does not fit.
    """
    key = architecture_name(name)
    config = ARCHITECTURES[key]
    fields = [field.name for field in dataclasses.fields(config)]
    if unknown := sorted(set(overrides) - set(fields)):
        raise InputError(f"{key} has no {', '.join(unknown)}; it has {', '.join(fields)}")
    return dataclasses.replace(config, **overrides)


def build_embedder(config: Config, *, convolution_dtype: str = "float32") -> keras.Model:
    """Builds the network of a configuration up to its embedding, with fresh weights.

    Args:
        config: From :func:`configure`.
        convolution_dtype: "float32", or "bfloat16" to train faster on a CPU that has it.

    Returns:
        A Keras model float32 [N, height, width, 3], RGB scaled to about [-1, 1], to float32
        [N, embedding length], not normalised. Its last layer is named ``embedding``.
    """
    if isinstance(config, FaceResNetConfig):
        return build_face_res_net(config, convolution_dtype)
    return build_compact_face_net(config, convolution_dtype)


def add_classifier(embedder: keras.Model, classes: int, *, dropout: float = 0.5) -> keras.Model:
    """Adds the paper's classifier: dropout, and the dense layer Fc6, always in float.

    Args:
        embedder: A network whose output is an embedding [N, D].
        classes: Number of people.
        dropout: Share of the embedding that training steps leave out, 0 to below 1.

    Returns:
        A Keras model of the same input, to float32 logits [N, classes] (no softmax). It shares its
        layers with ``embedder``, so training it trains the embedder.
    """
    if classes < 2:
        raise InputError(f"a classifier needs 2 classes or more, but got {classes}")
    x = ResumableDropout(dropout, name="dropout")(embedder.output)
    logits = keras.layers.Dense(classes, dtype="float32", name="fc6")(x)
    return keras.Model(embedder.input, logits, name=f"{embedder.name}_classifier")


def build(
    name: str,
    *,
    classes: int | None = None,
    dropout: float = 0.5,
    convolution_dtype: str = "float32",
    **overrides: Any,
) -> keras.Model:
    """Builds an architecture by its name.

    Args:
        name: A key of :data:`ARCHITECTURES`.
        classes: Number of people, for the classifier the paper trains with; None for none.
        dropout: See :func:`add_classifier`.
        convolution_dtype: See :func:`build_embedder`.
        overrides: Fields of the configuration, see :func:`configure`.

    Returns:
        The embedder, or the classifier on top of it, whose layer ``embedding`` has the embedding.

    Raises:
        InputError: See :func:`configure`.
    """
    embedder = build_embedder(configure(name, **overrides), convolution_dtype=convolution_dtype)
    return embedder if classes is None else add_classifier(embedder, classes, dropout=dropout)
