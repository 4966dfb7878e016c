"""What Larq Compute Engine's converter does with layers of every form, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import other
from converters import networks
from converters.onnx_graphs import Graph, random
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk.tflite import weights
from facesdk_converters.convert import Request, convert
from facesdk_converters.inspection import faces, parity
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.inspection.explanation_text import as_text
from facesdk_converters.sources import source as sources
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.lce import target

layers = tf.keras.layers
CONTRACT = other(None, None, input=InputSpec(None, None, color="any", mean=127.5, scale=128.0))


def converted(model: Any) -> tuple[Source, ModelBundle, Explanation]:
    source = Source(Path(model.name), KerasNetwork(model), "", CONTRACT, documented=False)
    bundle = target.convert(source)
    remark = target.target().remark
    return source, bundle, explain(bundle.graph, network=source.network, remark=remark)


@pytest.fixture(scope="module")
def all_binary() -> tuple[Source, ModelBundle, Explanation]:
    return converted(networks.all_binary())


def test_every_form_of_binary_layer_becomes_one_bit(
    all_binary: tuple[Source, ModelBundle, Explanation],
) -> None:
    source, _, explanation = all_binary
    binary = [
        layer.name for layer in source.network.layers if getattr(layer, "kernel_quantizer", None)
    ]
    rows = {row.layer: row for row in explanation.rows if row.weight_bits}
    assert set(rows) == {"stem", *binary}
    for name in binary:
        assert (rows[name].operator, rows[name].precision) == ("LceBconv2d", "1x1"), name
    assert {row.operator for row in explanation.rows} == {
        "CONV_2D",
        "LceQuantize",
        "LceBconv2d",
        "RESHAPE",
    }


def test_what_makes_a_binary_convolution_slower_is_said(
    all_binary: tuple[Source, ModelBundle, Explanation],
) -> None:
    remarks = {row.layer: row.remark for row in all_binary[2].rows if row.weight_bits}
    assert "16 of 32 bits" in remarks["sixteen_channels"]
    assert "24 of 64 bits" in remarks["forty_channels"]
    assert "pad_values=1" in remarks["forty_channels"]
    assert not any(remarks[name] for name in ("grouped", "stride_3", "dilated", "five", "dense"))


def test_the_file_computes_what_keras_computes(
    all_binary: tuple[Source, ModelBundle, Explanation],
) -> None:
    source, bundle, _ = all_binary
    before = source.network.predict(np.zeros((1, 32, 32, 3), np.float32))
    agreement = parity.check(source, bundle, faces.load())
    assert agreement.faces
    assert agreement.median_cosine > 0.99999
    # The conversion leaves the source as it was.
    np.testing.assert_array_equal(
        source.network.predict(np.zeros((1, 32, 32, 3), np.float32)), before
    )


def test_weights_are_read_from_the_file_as_keras_has_them(
    all_binary: tuple[Source, ModelBundle, Explanation],
) -> None:
    source, bundle, explanation = all_binary
    for row, operator in zip(explanation.rows, bundle.graph.working, strict=True):
        if operator.name == "LceBconv2d":
            kernel = source.keras.model.get_layer(row.layer).kernel.numpy()
            signs = np.where(kernel < 0, -1, 1).reshape(-1, kernel.shape[-1]).T
            np.testing.assert_array_equal(weights.filters(operator), signs)
            assert operator.weight_count == kernel.size


REASONS = {
    "plain": "without quantizers on the network's input: best left so",
    "kernel_only": "no input_quantizer",
    "input_only": "no kernel_quantizer",
    "dorefa": "is not a sign",
    "heaviside": "is not a sign",
    "ternary": "does not give -a and a",
    "padded": "pad_values=-1",
    "small_groups": "groups of 16",
    "depthwise": "no binary depthwise",
    "separable": "pointwise half",
    "transposed": "no binary transposed",
    "one_dimensional": "no one-dimensional",
}


def test_each_layer_that_stayed_float_has_its_reason() -> None:
    _, _, explanation = converted(networks.all_float())
    remarks: dict[str, list[str]] = {}
    for row in explanation.rows:
        if row.weight_bits:
            assert row.weight_bits == 32, row.layer
            remarks.setdefault(row.layer, []).append(row.remark)
    assert set(remarks) == set(REASONS)
    for name, reason in REASONS.items():
        assert any(reason in remark for remark in remarks[name]), (name, remarks[name])
    assert "small_groups: groups of 16 input channels" in as_text(explanation)


def test_what_was_not_folded_has_its_reason() -> None:
    _, _, explanation = converted(networks.not_folded())
    remarks = {row.layer: row.remark for row in explanation.rows if row.remark}
    assert "order QuantConv2D, ReLU, BatchNormalization" in remarks["late_relu"]
    assert remarks["padded_relu"].endswith("pad_values=1")
    for advice in ("pad_values=1", "order QuantConv2D, ReLU, BatchNormalization"):
        assert advice in remarks["late_padded_relu"]  # all at once: one round, not two
    assert "RELU stands between" in remarks["behind_relu"]
    assert "MAX_POOL_2D stands between" in remarks["behind_pool"]
    folded = {name for names in explanation.folded.values() for name in names}
    assert {"early_bn", "good_relu"} <= folded
    assert not {"good_bn", "good_relu"} & set(remarks)


def explained_from(image: Any, x: Any) -> dict[str, list[str]]:
    """What is said of each layer, of those of which something is said."""
    _, _, explanation = converted(tf.keras.Model(image, x, name="said"))
    said: dict[str, list[str]] = {}
    for row in explanation.rows:
        if row.remark:
            said.setdefault(row.layer, []).append(row.remark)
    return said


def binary(name: str, **changes: Any) -> Any:
    options = {**networks.BINARY, "padding": "same", "pad_values": 1.0, **changes}
    return lq.layers.QuantConv2D(32, 3, name=name, **options)


def test_slopes_and_factors_of_places_have_reasons_of_their_own() -> None:
    image = layers.Input((8, 8, 32))
    x = layers.PReLU(name="slopes")(binary("first")(image))
    x = layers.BatchNormalization(axis=2, name="columns")(binary("second")(x))
    x = layers.ReLU(name="late")(binary("third")(x) * 2.0)
    said = explained_from(image, x)
    assert len(said["slopes"]) == 1
    assert "shared_axes=[1, 2]" in said["slopes"][0]
    assert said["columns"] == [
        "not folded because it has factors along axis 2, and a convolution has one for each "
        "channel: it must stay"
    ]
    assert said["late"] == ["not folded because it does not follow the convolution directly"]


def test_a_stem_is_a_stem_behind_zeros_and_scaling() -> None:
    image = layers.Input((16, 16, 3))
    x = layers.ZeroPadding2D(1)(layers.Rescaling(2.0, -1.0)(image))
    x = layers.Conv2D(32, 3, 2, name="stem")(x)
    x = layers.Conv2D(32, 1, name="later")(binary("conv")(x))
    said = explained_from(image, x)
    assert "best left so" in said["stem"][0]
    assert "use QuantConv2D" in said["later"][0]


def three_values(x: Any) -> Any:
    return tf.sign(x)


def halves(x: Any) -> Any:
    return 0.5 * lq.math.sign(x)


def test_quantizers_that_are_functions_are_named_and_their_values_told() -> None:
    image = layers.Input((8, 8, 32))
    x = binary("zero", input_quantizer=three_values)(image)
    x = layers.TimeDistributed(binary("applied", input_quantizer=halves), name="wrapped")(
        layers.Reshape((1, 8, 8, 32))(x)
    )
    said = explained_from(image, x)
    assert "input_quantizer three_values gives 0 for 0" in said["zero"][0]
    assert "input_quantizer halves is not a sign" in said["wrapped"][0]


class Own(layers.Layer):  # type: ignore[misc]
    """A layer of one's own: signs of what it reads and of its weights, as functions write them."""

    def __init__(self, signs: Any, of_weights: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.signs, self.of_weights = signs, of_weights or signs

    def build(self, shape: Any) -> None:
        self.own = self.add_weight("own", (3, 3, shape[-1], 32))
        self.own.assign(np.random.default_rng(7).normal(0, 1, self.own.shape))

    def call(self, inputs: Any) -> Any:
        return tf.nn.conv2d(self.signs(inputs), self.of_weights(self.own), 1, "SAME")


def where(x: Any) -> Any:
    return tf.where(x >= 0, 1.0, -1.0)


def test_layers_of_ones_own_are_named_with_what_they_read() -> None:
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(32, 3, name="stem")(image)
    for name, signs, of_weights in (
        ("quotient", lambda x: x / tf.abs(x), where),
        ("three", tf.sign, where),
        ("zeros", where, lambda w: tf.where(tf.abs(w) < 0.1, 0.0, tf.sign(w))),
        ("many", where, tf.identity),
    ):
        x = Own(signs, of_weights, name=name)(x)
        x = layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))
        x = layers.BatchNormalization(name=f"{name}_end")(x)
    said = explained_from(image, x)
    assert "reads x / abs(x), which is NaN where x is 0" in said["quotient"][0]
    assert "a third value that no bit holds: write tf.where(x >= 0, 1.0, -1.0)" in said["three"][0]
    assert "32 of 32 filters have weights that are 0 beside others" in said["zeros"][0]
    assert "32 of 32 filters have weights of several magnitudes" in said["many"][0]


def _signs(graph: Graph, x: str) -> str:
    zero, one, other = (graph.constant(np.float32(value)) for value in (0, 1, -1))
    return str(graph.add("Where", graph.add("GreaterOrEqual", x, zero), one, other))


def test_reasons_of_an_onnx_network_are_its_own(tmp_path: Path) -> None:
    kernel = np.sign(random(32, 32, 3, 3))
    some = kernel.copy()
    some[[3, 8], 0, 1, 1] = 0
    graph = Graph("n", 32, 16, 16)
    x = graph.conv("x", random(32, 32, 3, 3))
    x = graph.conv(_signs(graph, x), kernel, pads=[2, 2, 0, 0])
    x = graph.add("MaxPool", graph.add("Neg", _signs(graph, x)), kernel_shape=[2, 2])
    x = graph.conv(x, kernel)
    x = graph.conv(_signs(graph, x), some)
    x = graph.conv(_signs(graph, x), kernel * 1e-7)
    x = graph.conv(x, kernel[:, :, :1, :1])
    x = graph.conv(_signs(graph, x), random(32, 32, 1, 1))
    source = sources.load(graph.save(tmp_path / "net.onnx", x))
    bundle = target.convert(source)
    explanation = explain(bundle.graph, network=source.network, remark=target.target().remark)
    said = [row.remark for row in explanation.rows if row.weight_bits]
    for words, expected in zip(
        said,
        (
            "reads the network's input",
            "with zeros around them that are not half its kernel",
            "the largest of windows is taken of them",
            "2 of 32 filters have weights that are 0 beside others",
            "32 of 32 filters have no weight above 1e-06",
            "it reads no signs: write torch.where",
            "32 of 32 filters have weights of several magnitudes",
        ),
        strict=True,
    ):
        assert expected in words
        assert not any(word in words for word in ("quantizer", "Quant", "pad_values"))


@pytest.mark.parametrize(("bits", "lines"), [(False, 1), (True, 0)])
def test_a_file_without_bits_says_so(tmp_path: Path, bits: bool, lines: int) -> None:
    image = layers.Input((8, 8, 32))
    x = binary("conv")(image) if bits else layers.Conv2D(8, 3)(image)
    tf.keras.Model(image, x).save(tmp_path / "net.h5")
    request = Request(tmp_path / "net.h5", tmp_path / "net.tflite", verify=False)
    record = convert(request, target.target()).to_dict()
    assert [row[:22] for row in record["description"]] == ["no layer became 1 bit,"] * lines
