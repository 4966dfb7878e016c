from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures import registry
from facesdk_training.keras.networks.build import add_classifier, build
from training.networks import faces, randomise, sign

SMALL = {"width": 0.25, "units": (1, 1, 1, 1), "embedding_length": 24}


def small(name: str, **overrides: object) -> tf.keras.Model:
    return build(name, **{**SMALL, **overrides})


def convolutions(model: tf.keras.Model) -> list[lq.layers.QuantConv2D]:
    return [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]


class Oracle:
    """The layers of a network in NumPy, float64, with the parameters of a Keras model."""

    def __init__(self, model: tf.keras.Model) -> None:
        self.model = model

    def parameter(self, layer: str, name: str) -> np.ndarray:
        for variable in self.model.get_layer(layer).weights:
            if variable.name.split("/")[-1] == f"{name}:0":
                return np.asarray(tf.convert_to_tensor(variable), np.float64)
        raise KeyError(name)

    def convolve(self, x: np.ndarray, layer: str, *, border: float | None) -> np.ndarray:
        kernel = self.parameter(layer, "kernel")
        if border is not None:
            x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=border)
        rows, columns = kernel.shape[:2]
        height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
        return sum(
            x[:, dy : dy + height, dx : dx + width] @ kernel[dy, dx]
            for dy in range(rows)
            for dx in range(columns)
        )

    def normalise(self, x: np.ndarray, layer: str) -> np.ndarray:
        name = f"{layer}_bn"
        scale = self.parameter(name, "gamma") / np.sqrt(
            self.parameter(name, "moving_variance") + 1e-5
        )
        return (x - self.parameter(name, "moving_mean")) * scale + self.parameter(name, "beta")

    def prelu(self, x: np.ndarray, layer: str) -> np.ndarray:
        return np.where(x < 0, self.parameter(f"{layer}_prelu", "alpha") * x, x)

    def outputs(self, *layers: str) -> list[np.ndarray]:
        inner = tf.keras.Model(
            self.model.input, [self.model.get_layer(layer).output for layer in layers]
        )
        return [np.asarray(value, np.float64) for value in inner(faces())]


def pool(x: np.ndarray) -> np.ndarray:
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :height, :width]
    return x.reshape(len(x), height // 2, 2, width // 2, 2, -1).max((2, 4))


@pytest.mark.parametrize(
    ("name", "units", "unit_convolutions"),
    [("A", (1, 2, 5, 3), 2), ("B", (3, 4, 6, 3), 2), ("C", (3, 4, 6, 3), 3)],
)
def test_table_1(name: str, units: tuple[int, ...], unit_convolutions: int) -> None:
    model = build(name, width=1 / 32)
    sizes = {layer.name: layer.output_shape[1:3] for layer in model.layers}
    assert [sizes[key] for key in ("conv1a", "conv1b", "pool1", "conv2", "pool2", "conv3")] == [
        (110, 94),
        (108, 92),
        (54, 46),
        (52, 44),
        (26, 22),
        (24, 20),
    ]
    assert [sizes[key] for key in ("pool3", "conv4", "pool4", "fc5")] == [
        (12, 10),
        (10, 8),
        (5, 4),
        (1, 1),
    ]
    for stage, count in zip((2, 3, 4, 5), units, strict=True):
        names = [layer.name for layer in convolutions(model) if f"conv{stage}_" in layer.name]
        assert names == [
            f"conv{stage}_{unit + 1}_{number + 1}"
            for unit in range(count)
            for number in range(unit_convolutions)
        ]
    assert model.output_shape == (None, 1024)


def test_a_float_unit_computes_its_formula() -> None:
    """x + PReLU(BN(conv(PReLU(BN(conv(x)))))), and a transition pools last."""
    model = small("A")
    randomise(model)
    oracle = Oracle(model)
    x, y, z = oracle.outputs("pool1", "conv2_1_add", "pool2")
    branch = x
    for layer in ("conv2_1_1", "conv2_1_2"):
        branch = oracle.prelu(
            oracle.normalise(oracle.convolve(branch, layer, border=0.0), layer), layer
        )
    np.testing.assert_allclose(y, x + branch, rtol=1e-4, atol=1e-4)
    convolved = oracle.normalise(oracle.convolve(y, "conv2", border=None), "conv2")
    np.testing.assert_allclose(z, pool(oracle.prelu(convolved, "conv2")), rtol=1e-4, atol=1e-4)


def test_q_has_scaled_signs_for_weights_and_pools_before_the_activation() -> None:
    model = small("Q", unit_convolutions=2)
    randomise(model)
    oracle = Oracle(model)
    for layer in convolutions(model)[1:]:
        kernel = np.asarray(layer.kernel)
        with lq.context.quantized_scope(True):
            quantized = np.asarray(tf.convert_to_tensor(layer.kernel))
        expected = np.abs(kernel).mean() * sign(kernel)
        np.testing.assert_allclose(quantized, expected, rtol=1e-5)
        layer.kernel.assign(expected)
    y, z = oracle.outputs("conv2_1_add", "conv2_prelu")
    convolved = oracle.normalise(oracle.convolve(y, "conv2", border=None), "conv2")
    np.testing.assert_allclose(z, oracle.prelu(pool(convolved), "conv2"), rtol=1e-3, atol=1e-3)


def test_qb_convolves_signs_with_signs() -> None:
    model = small("QB")
    randomise(model)
    oracle = Oracle(model)
    for layer in convolutions(model)[1:]:
        layer.kernel.assign(sign(np.asarray(layer.kernel)))
    x, y, z, last, embedding = oracle.outputs(
        "pool1", "conv2_1_add", "pool2", "conv5_1_add", "embedding"
    )
    branch = sign(x + oracle.parameter("conv2_1_shift", "shift"))
    for layer in ("conv2_1_1", "conv2_1_2"):
        branch = sign(oracle.normalise(oracle.convolve(branch, layer, border=1.0), layer))
    branch = np.maximum(0, oracle.convolve(branch, "conv2_1_3", border=1.0))
    expected = x + oracle.normalise(branch, "conv2_1_3")
    # A value on a sign's threshold may fall on either side in float32.
    assert np.mean(np.abs(y - expected) > 1e-3) < 1e-3
    convolved = oracle.convolve(
        sign(y + oracle.parameter("conv2_shift", "shift")), "conv2", border=None
    )
    assert (
        np.mean(np.abs(z - pool(oracle.normalise(np.maximum(0, convolved), "conv2"))) > 1e-3) < 1e-3
    )
    flat = oracle.convolve(sign(last + oracle.parameter("fc5_shift", "shift")), "fc5", border=None)
    np.testing.assert_allclose(
        embedding, oracle.normalise(flat, "fc5")[:, 0, 0], rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("name", "bits"), [("A", (32, 32)), ("C", (32, 32)), ("Q", (1, 32)), ("QB", (1, 1))]
)
def test_every_layer_but_conv1a_is_quantized(name: str, bits: tuple[int, int]) -> None:
    model = small(name, classes=5)
    for layer in convolutions(model):
        weights, activations = layer.kernel_quantizer, layer.input_quantizer
        found = tuple(32 if q is None else q.precision for q in (weights, activations))
        assert found == ((32, 32) if layer.name == "conv1a" else bits)
    assert type(model.get_layer("fc6")) is tf.keras.layers.Dense


def test_quantization_is_a_parameter() -> None:
    """Any pair of quantizers fits any FaceResNet: stage-wise binarization starts from these."""
    model = small("A", weights="dorefa-3", activations="dorefa-2-clip")
    layer = model.get_layer("conv2_1_1")
    assert (layer.kernel_quantizer.precision, layer.input_quantizer.precision) == (3, 2)
    shapes = [
        [weight.shape for weight in small("QB", weights=weights).weights]
        for weights in ("float", "bnn")
    ]
    assert shapes[0] == shapes[1]


def test_channels_are_scaled_and_rounded_up() -> None:
    float_channels = registry.configure("C", width=0.3)
    binary_channels = registry.configure("QB", width=0.3)
    assert [float_channels.channels(count) for count in (32, 64, 128)] == [16, 24, 40]
    assert [binary_channels.channels(count) for count in (32, 64, 128)] == [32, 32, 64]
    full = registry.configure("QB")
    assert [full.channels(count) for count in (32, 64, 128, 256, 512)] == [32, 64, 128, 256, 512]


def test_every_slope_starts_where_signs_see_both_sides() -> None:
    for layer in small("Q").layers:
        if isinstance(layer, tf.keras.layers.PReLU):
            np.testing.assert_array_equal(layer.alpha, 0.25)
            assert layer.alpha.shape[:2] == (1, 1)


@pytest.mark.parametrize("name", ["A", "Q", "QB"])
def test_every_variable_has_a_gradient(name: str) -> None:
    model = small(name, classes=3, dropout=0.0)
    with tf.GradientTape() as tape:
        logits = model(faces(6), training=True)
        loss = tf.reduce_mean(
            tf.keras.losses.sparse_categorical_crossentropy(
                np.arange(6) % 3, logits, from_logits=True
            )
        )
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        values = tf.convert_to_tensor(gradient)
        assert bool(tf.reduce_all(tf.math.is_finite(values))), variable.name
        assert bool(tf.reduce_any(values != 0)), variable.name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("A", 12), ("C", 12), ("Q", 12), ("QB", 20)])
def test_it_learns_to_tell_four_patterns_apart(name: str, steps: int) -> None:
    tf.keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    patterns = rng.uniform(-1, 1, (4, 14, 12, 3)).repeat(8, axis=1).repeat(8, axis=2)
    model = small(name, width=0.125, classes=4, dropout=0.0)
    model.compile(
        tf.keras.optimizers.Adam(2e-3, jit_compile=False),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # a graph pays after more steps
    )
    losses = []
    for _ in range(steps):
        labels = rng.integers(0, 4, 16)
        noise = rng.uniform(-1, 1, (16, 112, 96, 3))
        losses.append(model.train_on_batch(0.6 * patterns[labels] + 0.4 * noise, labels))
    assert np.mean(losses[-4:]) < 0.5 * np.log(4)


def test_the_classifier_shares_the_embedder() -> None:
    embedder = small("C")
    classifier = add_classifier(embedder, 7)
    assert classifier.output_shape == (None, 7)
    assert classifier.get_layer("dropout").rate == 0.5
    assert classifier.get_layer("embedding") is embedder.get_layer("embedding")
    kernel, bias = classifier.get_layer("fc6").get_weights()
    np.testing.assert_allclose(
        classifier(faces()), embedder(faces()) @ kernel + bias, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", ["QB", "CompactFaceNet"])
def test_a_saved_model_loads_again(name: str, tmp_path: Path) -> None:
    overrides = SMALL if name == "QB" else {"stages": ((64, 1), (64, 1)), "embedding_length": 8}
    model = build(name, **overrides)
    randomise(model)
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(faces()), model(faces()))


def test_bfloat16_rounds_what_is_convolved() -> None:
    exact, narrow = small("Q"), small("Q", convolution_dtype="bfloat16")
    narrow.set_weights(exact.get_weights())
    expected, got = exact(faces()).numpy(), narrow(faces()).numpy()
    assert 0 < np.abs(got - expected).max() < 0.1 * np.abs(expected).max()


def test_a_configuration_survives_json() -> None:
    for config in (registry.configure("qb", width=0.5), registry.configure("CompactFaceNet")):
        record = json.loads(json.dumps(asdict(config)))
        assert registry.configure(record.pop("architecture"), **record) == config


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("D", {}, "architecture must be one of A, B, C, Q, QB, CompactFaceNet"),
        ("A", {"depth": 3}, "A has no depth; it has units"),
        ("CompactFaceNet", {"width": 0.5}, "CompactFaceNet has no width"),
        ("A", {"width": "wide"}, 'width: .* number.* "wide"'),
        ("CompactFaceNet", {"stages": ()}, "stages must be one or more"),
        ("CompactFaceNet", {"stages": [[64, 3], [128]]}, "stages.1.1: "),
        ("CompactFaceNet", {"input_height": 8}, "too small for 3 stages"),
        ("A", {"width": 0.0}, "width must be above 0"),
        ("A", {"width": float("nan")}, "width must be above 0"),
        ("A", {"units": (1, 1)}, "four stages"),
        ("A", {"input_height": 40}, "at least 48 pixels"),
        ("A", {"embedding_length": 0}, "embedding_length must be above 0"),
        ("A", {"weights": "ternary"}, "weights must be quantized by one of"),
        ("A", {"activations": "relu"}, "activations must be quantized by one of"),
        ("A", {**SMALL, "classes": 1}, "2 classes or more"),
    ],
)
def test_what_cannot_be_built_is_refused(
    name: str, overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build(name, **overrides)


def test_the_smallest_input_and_names_in_any_case() -> None:
    model = build("qb", **SMALL, input_height=48, input_width=48)
    assert model.output_shape == (None, 24)
