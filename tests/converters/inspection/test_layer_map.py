"""Which layer an operator is said to come from, where names and weights are treacherous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import other
from facesdk.models.contract import InputSpec
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating

layers = tf.keras.layers
CONTRACT = other(None, None, input=InputSpec(None, None, color="any", mean=127.5, scale=128.0))


@pytest.fixture(autouse=True)
def default_names() -> None:
    tf.keras.backend.clear_session()


def explained(image: Any, x: Any, name: str = "network") -> Explanation:
    x = layers.Dense(8, name="end")(layers.GlobalAveragePooling2D(name="mean")(x))
    model = tf.keras.Model(image, x, name=name)
    source = Source(Path(name), KerasNetwork(model), "", CONTRACT, documented=False)
    return explain(floating.convert(source, half=False).graph, network=source.network)


def layers_of(explanation: Explanation, operator: str) -> list[str]:
    return [row.layer for row in explanation.rows if row.operator == operator]


def test_keras_own_names_are_not_taken_for_operations() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(image)
    for _ in range(3):
        y = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 3, padding="same")(x))
        x = layers.Add()([x, y])
    explanation = explained(image, x)
    assert layers_of(explanation, "ADD") == ["add", "add_1", "add_2"]
    assert layers_of(explanation, "PRELU") == ["p_re_lu", "p_re_lu_1", "p_re_lu_2"]
    assert explanation.folded == {}


@pytest.mark.parametrize("name", ["network", "sub", "mul"])
def test_names_of_operations_may_be_names_of_layers(name: str) -> None:
    image = layers.Input((8, 8, 3))
    one = layers.Conv2D(8, 3, padding="same", name="one")(image)
    two = layers.Conv2D(8, 5, padding="same", name="two")(image)
    x = layers.Subtract(name="mul")([one, two])
    x = layers.Multiply(name="concat")([x, two])
    x = layers.Concatenate(name="sub")([x, one])
    explanation = explained(image, x, name)
    assert layers_of(explanation, "SUB") == ["mul"]
    assert layers_of(explanation, "MUL") == ["concat"]
    assert layers_of(explanation, "CONCATENATION") == ["sub"]


def test_filters_of_one_tap_are_told_apart() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same", name="stem")(image)
    for _ in range(3):
        x = layers.ReLU()(layers.DepthwiseConv2D(1)(x))
    for _ in range(2):
        x = layers.ReLU()(layers.SeparableConv2D(16, 1)(x))
    explanation = explained(image, x)
    assert layers_of(explanation, "DEPTHWISE_CONV_2D") == [
        "depthwise_conv2d",
        "depthwise_conv2d_1",
        "depthwise_conv2d_2",
        "separable_conv2d",
        "separable_conv2d_1",
    ]


def test_convolutions_of_one_channel_are_told_apart() -> None:
    image = layers.Input((8, 8, 1))
    x = image
    for name in ("first", "second", "third"):
        x = layers.Conv2D(1, 1, name=name, activation="relu")(x)
    explanation = explained(image, x)
    assert layers_of(explanation, "CONV_2D") == ["first", "second", "third"]


def test_copied_layers_are_told_apart() -> None:
    image = layers.Input((8, 8, 4))
    first = layers.Conv2D(4, 3, padding="same", name="first")
    second = layers.Conv2D(4, 3, padding="same", name="second")
    x = second(layers.ReLU()(first(image)))
    second.set_weights(first.get_weights())
    assert layers_of(explained(image, x), "CONV_2D") == ["first", "second"]
