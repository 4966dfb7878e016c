"""The forms that layers take for LCE's converter: the file computes what Keras does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from contracts import other
from converters.networks import look_trained
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.function import frozen
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.lce import dense, target

layers = tf.keras.layers
CONTRACT = other(None, None, input=InputSpec(None, None, color="any", mean=127.5, scale=128.0))


def binary(filters: int, size: int = 3, **changes: Any) -> Any:
    options = {
        "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign",
        "padding": "same",
        "pad_values": 1.0,
        "use_bias": False,
    }
    return lq.layers.QuantConv2D(filters, size, **{**options, **changes})


def network(body: Any, size: int = 12) -> Any:
    """A float stem, the layers under test, and an end of 16 numbers."""
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1)
    image = layers.Input((size, size, 3))
    x = layers.GlobalAveragePooling2D()(body(image))
    return look_trained(tf.keras.Model(image, layers.Dense(16)(x), name="forms"))


def converted(model: Any) -> tuple[ModelBundle, Source]:
    source = Source(Path("forms"), KerasNetwork(model), "", CONTRACT, documented=False)
    return target.convert(source), source


def assert_equal(bundle: ModelBundle, model: Any) -> None:
    """Noise, not faces: a shift by a pixel must show."""
    images = np.random.default_rng(3).normal(0, 1, (6, *model.input_shape[1:])).astype(np.float32)
    interpreter = Interpreter(bundle)
    got = np.concatenate([interpreter.run(row[np.newaxis])[0] for row in images])
    expected = np.asarray(model(images, training=False))
    near = np.abs(got - expected).max(axis=1) < 1e-3
    assert near.sum() >= 5, "one may lie on a sign's threshold"


def operators(bundle: ModelBundle) -> list[str]:
    return [row.name for row in bundle.graph.working]


@pytest.mark.parametrize(
    ("size", "zeros", "taps", "stride"),
    [
        (12, 3, 7, 2),
        (11, 1, 3, 2),
        *(
            pytest.param(*place, marks=pytest.mark.slow)
            for place in ((12, 1, 3, 2), (12, 2, 5, 3), (12, 1, 1, 2))
        ),
    ],
)
def test_zeros_before_a_convolution_with_strides_stay_where_they_are(
    size: int, zeros: int, taps: int, stride: int
) -> None:
    def body(image: Any) -> Any:
        x = layers.Conv2D(32, taps, strides=stride)(layers.ZeroPadding2D(zeros)(image))
        return layers.BatchNormalization()(binary(32)(x))

    model = network(body, size)
    bundle, source = converted(model)
    assert_equal(bundle, model)
    assert_equal(floating.convert(source, half=False), model)


def _inner(shape: tuple[int, ...], layer: Any) -> Any:
    image = layers.Input(shape)
    return tf.keras.Model(image, layer(image))


@pytest.mark.parametrize(
    "padded_and_convolved",
    [
        pytest.param(
            lambda x: layers.Conv2D(32, 3, strides=2)(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])),
            id="an operation",
        ),
        pytest.param(
            lambda x: layers.Conv2D(32, 3, strides=2)(
                _inner((12, 12, 3), layers.ZeroPadding2D(1))(x)
            ),
            id="a model that ends in zeros",
        ),
        pytest.param(
            lambda x: _inner((14, 14, 3), layers.Conv2D(32, 3, strides=2))(
                layers.ZeroPadding2D(1)(x)
            ),
            id="a model that begins with a convolution",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda x: binary(
                32, strides=2, padding="valid", input_quantizer=None, kernel_quantizer="ste_sign"
            )(
                tf.pad(
                    lq.quantizers.SteSign()(layers.Conv2D(32, 1)(x)),
                    [[0, 0], [1, 1], [1, 1], [0, 0]],
                    constant_values=1.0,
                )
            ),
            id="ones around signs",
        ),
    ],
)
def test_it_does_not_matter_which_layers_pad_and_convolve(padded_and_convolved: Any) -> None:
    model = network(lambda image: layers.BatchNormalization()(padded_and_convolved(image)))
    assert_equal(converted(model)[0], model)


def test_zeros_that_several_read_are_whole_for_each() -> None:
    """Two convolutions reach differently far, and the zeros themselves are an output."""
    image = layers.Input((12, 12, 3))
    shared = layers.ZeroPadding2D(1, name="zeros")
    zeros = shared(image)
    far, near = layers.Conv2D(32, 3, strides=2)(zeros), layers.Conv2D(32, 2, strides=2)(zeros)
    x = layers.BatchNormalization()(binary(32)(far + near[:, :6, :6]))
    x = layers.Conv2D(16, 3, strides=2)(shared(x))
    model = look_trained(tf.keras.Model(image, [layers.GlobalAveragePooling2D()(x), zeros]))
    bundle, source = converted(model)
    images = np.random.default_rng(3).normal(0, 1, (1, 12, 12, 3)).astype(np.float32)
    for got, expected in zip(
        Interpreter(bundle).run(images), source.network.predict(images), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-3)


class PlaceFactors(layers.Layer):
    """A factor or an offset of its own for each place, channel or both."""

    def __init__(self, shape: tuple[int, ...], *, offset: bool) -> None:
        super().__init__()
        self.shape_, self.offset = shape, offset

    def build(self, _: Any) -> None:
        values = np.random.default_rng(5).uniform(0.5, 2, self.shape_)
        self.values = self.add_weight(
            shape=self.shape_, initializer=tf.constant_initializer(values), name="values"
        )

    def call(self, inputs: Any) -> Any:
        return inputs + self.values if self.offset else inputs * self.values


@pytest.mark.parametrize(
    ("layer", "then"),
    [
        (lambda x: PlaceFactors((12, 12, 32), offset=False)(x), "sign"),
        (lambda x: PlaceFactors((12, 12, 1), offset=True)(x), "sign"),
        (lambda x: PlaceFactors((12, 12, 1), offset=False)(x), "normalisation"),
        (lambda x: PlaceFactors((12, 1), offset=False)(x), "nothing"),
        (lambda x: layers.BatchNormalization(axis=2)(x), "sign"),
        (lambda x: layers.BatchNormalization(axis=2)(x), "nothing"),
        (lambda x: x * np.linspace(0.5, 2, 12, dtype=np.float32)[:, np.newaxis], "sign"),
    ],
    ids=[
        *("HxWxC, sign", "HxWx1, sign", "HxWx1, normalisation", "Wx1"),
        *("axis 2, sign", "axis 2", "operation, sign"),
    ],
)
def test_factors_of_a_place_are_not_folded(layer: Any, then: str) -> None:
    """LCE's converter ends the process for some, and what it writes for others does not load."""

    def body(image: Any) -> Any:
        x = layer(binary(32)(layers.Conv2D(32, 3, padding="same")(image)))
        if then == "normalisation":
            x = layers.BatchNormalization()(x)
        return binary(32)(x) if then == "sign" else x

    model = network(body)
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "MAXIMUM" not in operators(bundle)
    assert {"MUL", "ADD"} & set(operators(bundle))


def test_factors_of_a_channel_are_folded_as_before() -> None:
    def body(image: Any) -> Any:
        x = binary(32)(layers.Conv2D(32, 3, padding="same")(image))
        return layers.BatchNormalization()(PlaceFactors((32,), offset=False)(x))

    model = network(body)
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert not {"MUL", "ADD", "MAXIMUM"} & set(operators(bundle))


def test_a_large_dense_layer_is_converted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "MOST_FOLDED_BYTES", 4 * 64 * 48)
    monkeypatch.setattr(dense, "_PART_BYTES", 4 * 64 * 20)
    tf.keras.utils.set_random_seed(1)
    vector = layers.Input((64,))
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "magnitude_aware_sign"}
    x = lq.layers.QuantDense(50, use_bias=True, name="large", **quantizers)(vector)
    x = lq.layers.QuantDense(48, name="small", **quantizers)(layers.BatchNormalization()(x))
    model = look_trained(tf.keras.Model(vector, x, name="dense"))
    bundle, _ = converted(model)
    assert operators(bundle).count("LceBconv2d") == 3 + 1, "50 units in parts of 20"
    assert_equal(bundle, model)


def three_levels(x: Any) -> Any:
    return tf.sign(tf.sign(x + 0.1) + tf.sign(x - 0.1))


@pytest.mark.parametrize(
    "ternary",
    [
        pytest.param(lambda x: binary(32, input_quantizer="ste_tern")(x), id="by name"),
        pytest.param(
            lambda x: binary(32, input_quantizer=three_levels)(x),
            id="a function",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda x: binary(32, input_quantizer=None)(
                layers.Conv2D(32, 1, activation=lq.quantizers.SteTern(0.3))(x)
            ),
            id="an activation",
        ),
        pytest.param(
            lambda x: binary(32, input_quantizer=None)(tf.sign(tf.sign(x) + 1.0)),
            id="an operation, 0 and 1",
        ),
    ],
)
def test_three_levels_are_not_made_two(ternary: Any) -> None:
    model = network(lambda image: ternary(layers.Conv2D(32, 3, padding="same")(image)))
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "LceBconv2d" not in operators(bundle)
    assert "MAXIMUM" not in operators(bundle)


@pytest.mark.parametrize("quantizer", ["ste_sign", "approx_sign", "swish_sign"])
def test_signs_are_taken_for_signs(quantizer: Any) -> None:
    model = network(lambda image: binary(32, input_quantizer=quantizer)(image))
    bundle, _ = converted(model)
    assert "LceBconv2d" in operators(bundle)


def chosen(x: Any) -> Any:
    return tf.where(x >= 0, tf.ones_like(x), -tf.ones_like(x))


def chosen_below(x: Any) -> Any:
    return tf.where(tf.less(x, 0.0), tf.fill(tf.shape(x), -1.0), tf.fill(tf.shape(x), 1.0))


def stretched(x: Any) -> Any:
    return 2.0 * tf.cast(x > 0, tf.float32) - 1.0


@pytest.mark.parametrize("quantizer", [chosen, chosen_below, stretched])
def test_signs_that_are_chosen_by_a_comparison_are_signs(quantizer: Any) -> None:
    model = network(lambda image: binary(32, input_quantizer=quantizer)(image))
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "LceBconv2d" in operators(bundle)


LEAST = float(np.nextafter(np.float32(2**-24), np.float32(1)))
"""The least x for which round((x + 1) / 2) is 1: rounding takes half to the even 0."""
NUMBERS = np.array(
    [
        *(0.0, -0.0, 1e-30, -1e-30, 1e10, -1e10, 3e38, -3e38, 2**-24, -(2**-24), LEAST, -LEAST),
        *(0.1, -0.1, 0.25, 0.3, -0.3, 0.75, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 0.5, -0.5),
        *(np.nextafter(np.float32(0.5), np.float32(end)) for end in (0, 1)),
        *(-np.nextafter(np.float32(0.5), np.float32(end)) for end in (0, 1)),
        *(1e-7, -1e-7),
    ],
    np.float32,
)


def as_float(condition: Any) -> Any:
    return tf.cast(condition, tf.float32)


def behind(x: Any, other: Any) -> Any:
    """Signs with the gradient of something else."""
    return other + tf.stop_gradient(chosen(x) - other)


def probability(x: Any) -> Any:
    """BinaryNet's."""
    return 2 * tf.round(tf.clip_by_value((x + 1) / 2, 0, 1)) - 1


THRESHOLDS = np.linspace(-1, 1, 32, dtype=np.float32)
WRITTEN = {
    "below": lambda x: 1 - 2 * as_float(x < 0),
    "above": lambda x: 2 * as_float(x > 0) - 1,
    "not above": lambda x: 1 - 2 * as_float(x <= 0),
    "opposite": lambda x: 2 * as_float(x < 0) - 1,
    "opposite at zero": lambda x: 2 * as_float(x <= 0) - 1,
    "halves": lambda x: (as_float(x >= 0) - 0.5) * 2,
    "quarters": lambda x: (as_float(tf.less_equal(0.25, x)) - 0.5) / 0.5,
    "negative": lambda x: -tf.where(x >= 0, 1.0, -1.0),
    "not": lambda x: tf.where(tf.logical_not(x < 0), 1.0, -1.0),
    "sign of a sign": lambda x: tf.sign(2 * tf.sign(x) + 1),
    "zeros added": lambda x: tf.sign(x) + as_float(tf.equal(x, 0.0)),
    "zeros replaced": lambda x: tf.where(tf.sign(x) == 0, tf.ones_like(x), tf.sign(x)),
    "twice chosen": lambda x: tf.where(x < 0, -1.0, tf.where(x >= 0, 1.0, x)),
    "thresholds": lambda x: tf.where(x >= THRESHOLDS, 1.0, -1.0),
    "others": lambda x: 1 - 2 * as_float(x[..., ::-1] > x),
    "probability": probability,
    "rounded": lambda x: 2 * tf.round(tf.clip_by_value(x, 0, 1)) - 1,
    "hard sigmoid": lambda x: tf.round(tf.minimum(tf.nn.relu(0.2 * x + 0.5), 1)) * 2 - 1,
    "hard sigmoid of Keras": lambda x: 2 * tf.round(tf.keras.activations.hard_sigmoid(x)) - 1,
}


def of_numbers(quantizer: Any) -> tuple[ModelBundle, Any, Any]:
    """A file of a 1x1 convolution of signs, what it gives for numbers, and what TensorFlow does."""
    kernel = np.sign(np.random.default_rng(5).normal(0, 1, (1, 1, 32, 32))).astype(np.float32)
    inputs = np.stack([np.roll(NUMBERS, by) for by in range(0, 32, 5)])[:, None, None]

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((1, 1, 1, 32))])  # type: ignore[untyped-decorator]
    def run(x: Any) -> Any:
        return tf.nn.conv2d(quantizer(x), kernel, 1, "VALID")

    bundle = target.convert_function(frozen(run.get_concrete_function()))
    interpreter = Interpreter(bundle)
    got = np.stack([interpreter.run(row[np.newaxis])[0] for row in inputs])
    return bundle, got, np.stack([np.asarray(run(row[np.newaxis])) for row in inputs])


@pytest.mark.parametrize("quantizer", WRITTEN.values(), ids=WRITTEN)
def test_every_way_to_write_a_sign_is_exactly_that_sign(quantizer: Any) -> None:
    bundle, got, expected = of_numbers(quantizer)
    np.testing.assert_array_equal(got, expected)
    assert "LceBconv2d" in operators(bundle)


DETOURS = {
    "residual": lambda x: behind(x, x),
    "clip": lambda x: behind(x, tf.clip_by_value(x, -1.0, 1.0)),
    "in turn": lambda x: tf.stop_gradient(chosen(x)) - tf.stop_gradient(x) + x,
    "subtracted last": lambda x: tf.stop_gradient(chosen(x)) + x - tf.stop_gradient(x),
    "twice subtracted": lambda x: x - tf.stop_gradient(x - chosen(x)),
    "detour of a detour": lambda x: behind(x, behind(x, x)),
    "Larq's": lambda x: x + tf.stop_gradient(tf.sign(tf.sign(x) + 0.1) - x),
}


@pytest.mark.parametrize("quantizer", DETOURS.values(), ids=DETOURS)
def test_signs_with_another_gradient_are_signs(quantizer: Any) -> None:
    model = network(lambda image: binary(32, input_quantizer=quantizer)(image))
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "LceBconv2d" in operators(bundle)


@pytest.mark.parametrize(
    "quantizer",
    [
        lambda x: x / tf.abs(x + 1e-12),  # of x / abs(x), 0 gives NaN
        lambda x: 2 * tf.round(tf.clip_by_value(x, -1, 1)) - 1,
        lambda x: 2 * tf.round(1 - tf.clip_by_value(x, 0, 1)) - 1,
        lambda x: as_float(x >= 0) - as_float(x < 0.5),
        lambda x: as_float(x > 0) - as_float(x < 0),
        lambda x: behind(x, x) + tf.stop_gradient(x),
        lambda x: tf.where(x[:, :1] >= 0, tf.ones_like(x), -tf.ones_like(x)) * x,
    ],
)
def test_what_is_almost_a_sign_is_none(quantizer: Any) -> None:
    bundle, got, expected = of_numbers(quantizer)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert "LceBconv2d" not in operators(bundle)


def test_other_choices_are_left_alone() -> None:
    def steps(x: Any) -> Any:
        return tf.where(x >= 0, tf.ones_like(x), tf.zeros_like(x)) + 2.0 * tf.cast(x > 1, x.dtype)

    model = network(lambda image: binary(32, input_quantizer=steps)(image))
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "LceBconv2d" not in operators(bundle)


def test_dense_layers_become_bits_in_wrappers_and_of_rows() -> None:
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    rows = layers.Input((6, 4, 32))
    shared = lq.layers.QuantDense(32, name="shared", **quantizers)
    x = layers.BatchNormalization()(shared(rows))
    x = layers.TimeDistributed(lq.layers.QuantDense(32, **quantizers))(x)
    x = layers.BatchNormalization()(x)
    x = shared(layers.GlobalAveragePooling2D()(x))
    model = look_trained(tf.keras.Model(rows, layers.Dense(16)(x), name="rows"))
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert operators(bundle).count("LceBconv2d") == 3


def test_gelu_is_the_operator_that_runtimes_have() -> None:
    def body(image: Any) -> Any:
        x = layers.Conv2D(32, 3, padding="same", activation="gelu")(image)
        return layers.BatchNormalization()(binary(32)(x))

    model = network(body)
    bundle, _ = converted(model)
    assert_equal(bundle, model)
    assert "GELU" in operators(bundle)
