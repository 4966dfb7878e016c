from __future__ import annotations

from dataclasses import replace

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.networks.layers import ReducedPrecisionQuantConv2D
from facesdk_training.keras.networks.quantizers import PolynomialSign
from training.networks import faces, randomise, sign

UNIT = "stage1_unit1"


def tiny(variant: str) -> CompactFaceNetConfig:
    return CompactFaceNetConfig(
        variant=variant,
        stem_channels=(16, 32),
        stages=((32, 1), (64, 1)),
        embedding_length=16,
    )


def naive_unit(
    x: np.ndarray, layer: dict[str, np.ndarray], *others: dict[str, np.ndarray], binary: bool
) -> np.ndarray:
    """PReLU(x + BN(conv(sign(x + b), sign(W))) + ...) in float64, a term for each threshold."""
    total = x + sum(
        naive_branch(x, {**layer, **plane}, binary=binary) for plane in (layer, *others)
    )
    return np.where(total < 0, layer["alpha"] * total, total)


def naive_branch(x: np.ndarray, layer: dict[str, np.ndarray], *, binary: bool) -> np.ndarray:
    """BN(conv(sign(x + b), sign(W))), one output channel row at a time."""
    activation, kernel, border = x + layer["shift"], layer["kernel"], 0.0
    if binary:
        activation, kernel, border = sign(activation), sign(kernel), 1.0
    height, width = x.shape[1:3]
    padded = np.pad(activation, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=border)
    convolved = sum(
        padded[:, dy : dy + height, dx : dx + width] @ kernel[dy, dx]
        for dy in range(3)
        for dx in range(3)
    )
    scale = layer["gamma"] / np.sqrt(layer["moving_variance"] + 1e-5)
    return (convolved - layer["moving_mean"]) * scale + layer["beta"]


def parameters_of(model: tf.keras.Model, *layers: str) -> dict[str, np.ndarray]:
    return {
        variable.name.split("/")[-1].split(":")[0]: np.asarray(
            tf.convert_to_tensor(variable), np.float64
        )
        for layer in layers
        for variable in model.get_layer(layer).weights
    }


@pytest.mark.parametrize(("variant", "thresholds"), [("QB", ()), ("QB", (2, 1)), ("float", ())])
def test_a_unit_computes_its_formula(variant: str, thresholds: tuple[int, ...]) -> None:
    model = build_compact_face_net(replace(tiny(variant), thresholds=thresholds))
    randomise(model)
    inner = tf.keras.Model(
        model.input, [model.get_layer("stem2_bn").output, model.get_layer(f"{UNIT}_prelu").output]
    )
    x, y = (np.asarray(value, np.float64) for value in inner(faces()))
    first = parameters_of(model, *(f"{UNIT}_{part}" for part in ("shift", "conv", "bn", "prelu")))
    planes = (f"{UNIT}_second_shift", f"{UNIT}_second_bn") if thresholds else ()
    second = [parameters_of(model, *planes)] if planes else []
    expected = naive_unit(x, first, *second, binary=variant == "QB")
    np.testing.assert_allclose(y, expected, atol=1e-3, rtol=1e-5)


def test_a_hidden_layer_adds_to_the_embedding() -> None:
    model = build_compact_face_net(replace(tiny("float"), head_units=8))
    randomise(model)
    names = "head_flatten", "head_add"
    inner = tf.keras.Model(model.input, [model.get_layer(name).output for name in names])
    x, y = (np.asarray(value, np.float64) for value in inner(faces()))
    kernel, bias = model.get_layer("embedding").get_weights()
    inwards, threshold = model.get_layer("head_hidden").get_weights()
    (outwards,) = model.get_layer("head_correction").get_weights()
    added = np.maximum(x @ inwards + threshold, 0) @ outwards
    assert np.abs(added).max() > 0.1
    np.testing.assert_allclose(y, x @ kernel + bias + added, atol=1e-4)
    plain = {layer.name for layer in build_compact_face_net(tiny("float")).layers}
    branch = {"head_hidden", "head_relu", "head_correction", "head_add"}
    assert {layer.name for layer in model.layers} - plain == branch


def test_a_new_hidden_layer_adds_nothing_and_learns() -> None:
    model = build_compact_face_net(replace(tiny("float"), head_units=8))
    kernel = model.get_layer("head_correction").kernel
    assert not np.any(kernel)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(faces()) ** 2)
    assert np.abs(tape.gradient(loss, kernel)).max() > 0


def test_the_twin_has_the_same_variables() -> None:
    shapes = [
        [(weight.name, weight.shape) for weight in build_compact_face_net(tiny(variant)).weights]
        for variant in ("QB", "float")
    ]
    assert shapes[0] == shapes[1]


def test_reduced_precision_rounds_what_it_convolves_and_nothing_else() -> None:
    x = np.random.default_rng(2).normal(size=(1, 5, 5, 32)).astype(np.float32)
    layer = ReducedPrecisionQuantConv2D(32, 3, use_bias=False, convolution_dtype="bfloat16")
    result = layer(x)
    rounded = [
        tf.cast(tf.cast(value, tf.bfloat16), tf.float32).numpy()
        for value in (x, tf.convert_to_tensor(layer.kernel))
    ]
    assert result.dtype == layer.kernel.dtype == tf.float32
    expected = tf.nn.conv2d(*rounded, 1, "VALID").numpy()
    np.testing.assert_allclose(result, expected, rtol=2**-7, atol=2**-9)
    np.testing.assert_array_equal(result, tf.cast(tf.cast(result, tf.bfloat16), tf.float32))


def test_bfloat16_does_not_change_small_binary_sums() -> None:
    exact = build_compact_face_net(tiny("QB"))
    randomise(exact)
    narrow = build_compact_face_net(tiny("QB"), "bfloat16")
    narrow.set_weights(exact.get_weights())
    np.testing.assert_allclose(narrow(faces(2)), exact(faces(2)), atol=1e-4)


def test_polynomial_sign_is_larqs_approx_sign() -> None:
    x = tf.constant(np.concatenate([np.linspace(-1.5, 1.5, 61), [-0.0, 1.0, -1.0]]), tf.float32)
    upstream = tf.constant(np.random.default_rng(0).normal(size=x.shape), tf.float32)
    outcomes = []
    for quantizer in (PolynomialSign(), lq.quantizers.ApproxSign()):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = quantizer(x)
        outcomes.append((y.numpy(), tape.gradient(y, x, upstream).numpy()))
    np.testing.assert_array_equal(outcomes[0][0], outcomes[1][0])
    np.testing.assert_allclose(outcomes[0][1], outcomes[1][1], atol=1e-6)


def test_the_embedding_has_the_length_and_the_binary_layers_one_bit() -> None:
    model = build_compact_face_net(CompactFaceNetConfig())
    assert model.output_shape == (None, 192)
    binary = [layer for layer in model.layers if isinstance(layer, lq.layers.QuantConv2D)]
    assert len(binary) == 15
    for layer in binary:
        assert (layer.input_quantizer.precision, layer.kernel_quantizer.precision) == (1, 1)
        assert layer.pad_values == 1.0
        assert layer.input_shape[-1] % 32 == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variant": "Q"}, "variant must be"),
        ({"stem_channels": (16, 32)}, "as many channels as the first stage"),
        ({"stem_channels": (16, 48), "stages": ((48, 1),)}, "multiples of 32"),
        ({"head_units": -1}, "head_units must be 0 or above"),
        ({"thresholds": (1, 2)}, r"1 or 2 for each stage.*got \(1, 2\) for 3 stages"),
        ({"thresholds": (1, 2, 3)}, "thresholds must be 1 or 2"),
        ({"thresholds": (1, 1, 2), "variant": "float"}, "none for variant float"),
    ],
)
def test_impossible_shapes_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompactFaceNetConfig(**fields)
