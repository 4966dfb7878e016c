"""Which layer an operator is said to come from, where names and weights are treacherous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import other
from facesdk.models.contract import InputSpec
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.lce import target as lce

layers = tf.keras.layers
CONTRACT = other(None, None, input=InputSpec(None, None, color="any", mean=127.5, scale=128.0))


@pytest.fixture(autouse=True)
def default_names() -> None:
    tf.keras.backend.clear_session()


def explained(image: Any, x: Any, name: str = "network", *, bits: bool = False) -> Explanation:
    x = layers.Dense(8, name="end")(layers.GlobalAveragePooling2D(name="mean")(x))
    model = tf.keras.Model(image, x, name=name)
    source = Source(Path(name), KerasNetwork(model), "", CONTRACT, documented=False)
    bundle = lce.convert(source) if bits else floating.convert(source, half=False)
    return explain(bundle.graph, network=source.network)


def binary(name: str) -> Any:
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, name=name, **signs)


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


def test_layers_of_one_name_in_several_models_are_told_apart() -> None:
    image = x = layers.Input((8, 8, 4))
    for number in range(2):
        inner = layers.Input((8, 8, 4))
        y = layers.ReLU(name="relu")(layers.Conv2D(4, 3, padding="same", name="conv")(inner))
        y = layers.Add(name="add")([inner, y])
        x = tf.keras.Model(inner, y, name=f"block{number}")(x)
    explanation = explained(image, layers.Add(name="add")([x, x]))
    assert layers_of(explanation, "CONV_2D") == ["block0/conv", "block1/conv"]
    assert layers_of(explanation, "ADD") == ["block0/add", "block1/add", "add"]
    assert explanation.folded == {"ReLU": ("block0/relu", "block1/relu")}


def test_names_may_have_slashes() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stage1/unit1/conv")(image)
    y = layers.PReLU(shared_axes=[1, 2], name="stage1/unit1/act")(x)
    explanation = explained(image, layers.Add(name="stage1/unit1/add")([x, y]))
    assert layers_of(explanation, "PRELU") == ["stage1/unit1/act"]
    assert layers_of(explanation, "ADD") == ["stage1/unit1/add"]
    assert explanation.folded == {}


def test_names_longer_than_the_converter_of_bits_keeps_are_kept() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(32, 3, padding="same", name="stem")(image)
    for number in range(2):
        name = f"the_residual_stage_of_the_backbone_{number}"
        y = layers.PReLU(shared_axes=[1, 2], name=f"{name}_activation")(binary(f"{name}_conv")(x))
        x = layers.Add(name=f"{name}_shortcut")([x, y])
    explanation = explained(image, x, "a_network_with_a_name_of_its_own_for_faces", bits=True)
    for kind, word in (("ADD", "shortcut"), ("PRELU", "activation"), ("LceBconv2d", "conv")):
        assert layers_of(explanation, kind) == [
            f"the_residual_stage_of_the_backbone_{number}_{word}" for number in range(2)
        ]
    assert explanation.folded == {}


def test_a_pool_of_bits_is_named_after_the_pool() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(32, 3, padding="same", name="stem")(image)
    x = binary("conv")(layers.MaxPool2D(2, name="pool")(x))
    explanation = explained(image, x, bits=True)
    assert layers_of(explanation, "LceBMaxPool2d") == ["pool"]
    assert explanation.folded == {}


def test_what_wrappers_apply_is_found_under_their_names() -> None:
    image = layers.Input((2, 8, 8, 3))
    x = layers.TimeDistributed(layers.Conv2D(32, 3, padding="same"), name="stem")(image)
    for name in ("first", "second"):
        x = layers.TimeDistributed(binary(f"applied_{name}"), name=name)(x)
    x = layers.Reshape((16, 8, 32), name="places")(x)
    explanation = explained(image, x, bits=True)
    assert layers_of(explanation, "CONV_2D") == ["stem"]
    assert layers_of(explanation, "LceBconv2d") == ["first", "second"]
