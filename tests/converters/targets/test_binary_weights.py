"""Packed 1-bit weights compute what the float network computed, in a 32nd of the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from contracts import other
from converters import networks
from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.function import frozen
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import binary_weights, floating
from facesdk_converters.targets.constant_operators import computed
from facesdk_converters.tflite.layers import Layers

keras = tf.keras

CONTRACT = other(17, 15)


def ternary(weights: tf.Tensor) -> tf.Tensor:
    return tf.sign(weights) * tf.cast(tf.abs(weights) > 0.03, tf.float32)


def network() -> keras.Model:
    """Every kind of layer that is packed or has a reason not to be."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((17, 15, 3))
    x = keras.layers.Conv2D(32, 3, name="stem")(inputs)
    x = keras.layers.PReLU(shared_axes=[1, 2])(x)
    sign, options = "ste_sign", {"use_bias": False}
    x = lq.layers.QuantConv2D(
        40, 3, strides=2, padding="same", kernel_quantizer=sign, name="strided", **options
    )(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.PReLU(shared_axes=[1, 2])(x)
    x = lq.layers.QuantConv2D(
        40, (3, 2), dilation_rate=2, padding="same", kernel_quantizer=sign, name="dilated",
        activation="relu",
    )(x)  # fmt: skip
    x = lq.layers.QuantDepthwiseConv2D(3, depthwise_quantizer=sign, name="depthwise", **options)(x)
    x = lq.layers.QuantConv2D(24, 1, kernel_quantizer=ternary, name="ternary", **options)(x)
    x = lq.layers.QuantConv2D(32, 1, groups=2, kernel_quantizer=sign, name="grouped", **options)(x)
    x = keras.layers.Flatten()(x)
    x = lq.layers.QuantDense(
        70, kernel_quantizer="magnitude_aware_sign", name="dense", use_bias=False
    )(x)
    x = keras.layers.BatchNormalization()(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(7)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            gamma, beta, mean = rng.uniform(-1.5, 1.5, (3, count))
            layer.set_weights([gamma, beta, mean, rng.uniform(0.5, 2.0, count)])
    return model


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(Path("test"), KerasNetwork(network()), "", CONTRACT, documented=False)


@pytest.fixture(scope="module")
def stock(source: Source) -> ModelBundle:
    return floating.convert(source, half=False)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(6, 17, 15, 3)).astype(np.float32)


def run(content: bytes, inputs: np.ndarray) -> np.ndarray:
    bundle = ModelBundle.from_bytes(content, "packed.tflite")
    return Interpreter(bundle, input_shapes=[inputs.shape]).run(inputs)[0]


def test_each_layer_is_packed_or_has_a_reason(stock: ModelBundle) -> None:
    layers = binary_weights.pack_weights(stock).layers
    expected = [
        ("CONV_2D", 864, "32 of 32 filters are not binary"),
        ("CONV_2D", 11520, ""),
        ("CONV_2D", 9600, ""),
        ("DEPTHWISE_CONV_2D", 360, "depthwise"),
        ("CONV_2D", 960, "filters are not binary: filter 0 has magnitudes from 0 to 1;"),
        ("CONV_2D", 384, "grouped: its filters have 12 of 24 input channels"),
        ("FULLY_CONNECTED", layers[-1].weights, ""),
    ]
    assert len(layers) == len(expected)
    for layer, (operator, weights, reason) in zip(layers, expected, strict=True):
        assert (layer.operator, layer.weights) == (operator, weights)
        assert reason in layer.reason and layer.packed == (reason == "")


def test_float_activations_compute_what_keras_computes(
    source: Source, stock: ModelBundle, inputs: np.ndarray
) -> None:
    (expected,) = source.network.predict(inputs)
    got = run(binary_weights.pack_weights(stock).content, inputs)
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()


def test_8_bit_activations_stay_close(
    source: Source, stock: ModelBundle, inputs: np.ndarray
) -> None:
    (expected,) = source.network.predict(inputs)
    got = run(binary_weights.pack_weights(stock, 8).content, inputs)
    assert not np.array_equal(got, expected)
    error = np.linalg.norm(got - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert error.max() < 0.02
    # Levels belong to an image: others in the batch do not move it.
    alone = run(binary_weights.pack_weights(stock, 8).content, inputs[2:3])
    np.testing.assert_allclose(alone[0], got[2], rtol=1e-4, atol=1e-3)


def test_weights_take_one_bit_and_nothing_of_the_floats_is_left(stock: ModelBundle) -> None:
    packed = binary_weights.pack_weights(stock)
    saved = sum(layer.weights * 4 - layer.weights / 8 for layer in packed.layers if layer.packed)
    # Odd channel counts fill up their last word; each operator has options and scales.
    assert saved * 0.9 < len(stock.content) - len(packed.content) < saved
    tree = schema.ModelT.InitFromPackedBuf(packed.content)
    (graph,) = tree.subgraphs
    used = {int(i) for op in graph.operators for i in [*op.inputs, *op.outputs]}
    assert {*used, *graph.inputs, *graph.outputs} - {-1} == set(range(len(graph.tensors)))
    held = {tensor.buffer for tensor in graph.tensors} | {row.buffer for row in tree.metadata}
    assert held | {0} == set(range(len(tree.buffers)))
    assert {op.opcodeIndex for op in graph.operators} == set(range(len(tree.operatorCodes)))


def test_equal_arguments_give_equal_bytes(stock: ModelBundle) -> None:
    first, second = (binary_weights.pack_weights(stock, 8).content for _ in range(2))
    assert first == second != binary_weights.pack_weights(stock, 0).content


def test_without_binary_kernels_nothing_is_converted() -> None:
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(8, 3)(inputs))
    source = Source(Path("test"), KerasNetwork(model), "", CONTRACT, documented=False)
    with pytest.raises(ModelError, match=r"no layer has binary weights: .* kernel_quantizer"):
        binary_weights.target(8).convert(source)


def _of_rows(batch: int | None) -> Source:
    inputs = keras.Input((16, 48), batch_size=batch)
    dense = lq.layers.QuantDense(32, kernel_quantizer="ste_sign", name="rows")
    network = KerasNetwork(keras.Model(inputs, dense(inputs)))
    return Source(Path("test"), network, "", CONTRACT, documented=False)


def test_a_dense_layer_of_rows_needs_a_fixed_batch() -> None:
    with pytest.raises(ModelError, match=r"rows/.*it takes rows, .* open with the batch: .*=1\)"):
        binary_weights.convert(_of_rows(None))
    source = _of_rows(1)
    inputs = np.random.default_rng(2).normal(size=(1, 16, 48)).astype(np.float32)
    (got,) = Interpreter(binary_weights.convert(source)).run(inputs)
    np.testing.assert_allclose(got, source.network.predict(inputs)[0], atol=1e-4)


def test_other_bits_are_refused(stock: ModelBundle) -> None:
    with pytest.raises(InputError, match="--activations must be 32 or 8, but got 4"):
        binary_weights.target(4)
    with pytest.raises(InputError, match="activation_bits must be 0 or 8, but got 32"):
        binary_weights.pack_weights(stock, 32)


class Own(keras.layers.Layer):  # type: ignore[misc]
    """A layer of one's own that binarizes its weights by a choice, with one scale per filter."""

    def __init__(self, size: tuple[int, ...], scaled: bool, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.scaled = size, scaled

    def build(self, shape: Any) -> None:
        self.own = self.add_weight("own", (*self.size, shape[-1], 24))
        self.own.assign(np.random.default_rng(8).normal(0, 1, self.own.shape))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        signs = tf.where(self.own >= 0, 1.0, -1.0)
        if self.scaled:
            axes = list(range(len(self.own.shape) - 1))
            signs = signs * tf.reduce_mean(tf.abs(self.own), axes, keepdims=True)
        return tf.nn.conv2d(inputs, signs, 1, "SAME") if self.size else tf.matmul(inputs, signs)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("by_function", [False, True])
def test_kernels_that_a_layer_of_ones_own_binarizes_are_packed(
    scaled: bool, by_function: bool
) -> None:
    """The stock converter leaves the choice in the file; read by its layers or by its function."""
    image = keras.Input((10, 9, 16), batch_size=1)
    x = keras.layers.BatchNormalization()(Own((3, 3), scaled)(image))
    x = keras.layers.GlobalAveragePooling2D()(Own((3, 3), scaled)(keras.layers.ReLU()(x)))
    model = networks.look_trained(keras.Model(image, Own((), scaled)(x)))
    network: Any = KerasNetwork(model)
    if by_function:
        traced = tf.function(lambda x: model(x, training=False), autograph=False)
        network = frozen(traced.get_concrete_function(tf.TensorSpec((1, 10, 9, 16), name="x")))
    source = Source(Path("own"), network, "", CONTRACT, documented=False)
    inputs = np.random.default_rng(9).normal(0, 1, (1, 10, 9, 16)).astype(np.float32)
    stock = floating.convert(source, half=False)
    assert not {"SELECT_V2", "TRANSPOSE"} & {row.name for row in stock.graph.operators}
    assert stock.graph.file_bytes > 4 * model.count_params()
    packed = binary_weights.pack_weights(stock)
    assert [layer.packed for layer in packed.layers] == [True] * 3
    expected = model(inputs).numpy()
    for content in (stock.content, packed.content):
        np.testing.assert_allclose(run(content, inputs), expected, rtol=1e-4, atol=1e-4)


def test_results_that_are_larger_than_their_constants_stay_computed() -> None:
    """A row and a column are not written out as a picture."""
    layers = Layers((), description="grows")
    row = layers.constant("row", np.arange(5.0).reshape(1, 1, 5, 1))
    column = layers.constant("column", np.arange(60.0).reshape(1, 60, 1, 1))
    x = layers.input("x", (1, 60, 5, 1))
    sums = layers.append("ADD", [row, column], (1, 60, 5, 1), schema.BuiltinOptions.AddOptions,
                         schema.AddOptionsT())  # fmt: skip
    bundle = ModelBundle.from_bytes(layers.to_bytes([layers.add(x, sums)]), "grows")
    assert computed(bundle) is bundle
