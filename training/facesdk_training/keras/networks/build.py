"""From a network's configuration to its Keras model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig, configure
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.networks.face_res_net import build_face_res_net
from facesdk_training.keras.networks.layers import ResumableDropout
from facesdk_training.keras.networks.mobile_face_net import build_mobile_face_net

keras = tf.keras

_BUILDERS: Mapping[type[NetworkConfig], Callable[[Any, str], keras.Model]] = MappingProxyType(
    {
        CompactFaceNetConfig: build_compact_face_net,
        FaceResNetConfig: build_face_res_net,
        MobileFaceNetConfig: build_mobile_face_net,
    }
)


def build_embedder(config: NetworkConfig, *, convolution_dtype: str = "float32") -> keras.Model:
    """Builds the network of a configuration up to its embedding, with fresh weights.

    Args:
        config: From :func:`facesdk_training.architectures.registry.configure`, or a run's.
        convolution_dtype: "float32", or "bfloat16" to train faster on a CPU that has it.

    Returns:
        A Keras model float32 [N, height, width, 3], RGB scaled to about [-1, 1], to float32
        [N, embedding length], not normalised.

    Raises:
        InputError: Only a file describes the network.
    """
    if type(config) not in _BUILDERS:
        raise InputError(
            f"{config.family} came as a Keras file, which no configuration describes, so it "
            "cannot be built anew"
        )
    return _BUILDERS[type(config)](config, convolution_dtype)


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
        name: A key of :data:`facesdk_training.architectures.registry.ARCHITECTURES`.
        classes: Number of people, for the classifier the paper trains with; None for none.
        dropout: See :func:`add_classifier`.
        convolution_dtype: See :func:`build_embedder`.
        overrides: Fields of the configuration.

    Returns:
        The embedder, or the classifier on top of it, whose layer ``embedding`` has the embedding;
        ``head_add`` if the network has ``head_units``.

    Raises:
        InputError: There is no such architecture or field, or a value does not fit.
    """
    embedder = build_embedder(configure(name, **overrides), convolution_dtype=convolution_dtype)
    return embedder if classes is None else add_classifier(embedder, classes, dropout=dropout)
