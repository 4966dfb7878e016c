from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.architectures.registry import configure
from facesdk_training.keras.networks.build import build_embedder
from training.networks import faces, randomise

TINY = {
    "stem_channels": 8,
    "stages": ((8, 2), (16, 1)),
    "head_channels": 24,
    "embedding_length": 12,
}
MOST_WEIGHTS = 1_300_000


def normalised(x: np.ndarray, model: tf.keras.Model, name: str) -> np.ndarray:
    gamma, beta, mean, variance = model.get_layer(f"{name}_bn").get_weights()
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def prelu(x: np.ndarray, model: tf.keras.Model, name: str) -> np.ndarray:
    (slopes,) = model.get_layer(f"{name}_prelu").get_weights()
    return np.where(x < 0, slopes * x, x)


def depthwise(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """3x3 with zeros at the borders; with stride 2 of an even side the far border alone."""
    before = 1 if stride == 1 else 0
    padded = np.pad(x, [(0, 0), (before, 1), (before, 1), (0, 0)])
    height, width = x.shape[1] // stride, x.shape[2] // stride
    return sum(
        padded[:, dy : dy + height * stride : stride, dx : dx + width * stride : stride]
        * kernel[dy, dx, :, 0]
        for dy in range(3)
        for dx in range(3)
    )


@pytest.mark.parametrize(("unit", "stride"), [(1, 2), (2, 1)])
def test_a_unit_computes_its_formula(unit: int, stride: int) -> None:
    model = build_embedder(configure("MobileFaceNet", **TINY))
    randomise(model)
    name = f"stage1_unit{unit}"
    before = "stem2_prelu" if unit == 1 else "stage1_unit1_project_bn"
    after = "project_bn" if stride == 2 else "add"
    inner = tf.keras.Model(
        model.input, [model.get_layer(before).output, model.get_layer(f"{name}_{after}").output]
    )
    x, y = (np.asarray(value, np.float64) for value in inner(faces()))
    kernels = {
        part: np.asarray(model.get_layer(f"{name}_{part}_conv").get_weights()[0], np.float64)
        for part in ("expand", "depthwise", "project")
    }
    z = prelu(
        normalised(x @ kernels["expand"][0, 0], model, f"{name}_expand"), model, f"{name}_expand"
    )
    z = depthwise(z, kernels["depthwise"], stride)
    z = prelu(normalised(z, model, f"{name}_depthwise"), model, f"{name}_depthwise")
    z = normalised(z @ kernels["project"][0, 0], model, f"{name}_project")
    np.testing.assert_allclose(y, z if stride == 2 else x + z, atol=1e-4, rtol=1e-5)


def test_the_default_has_at_most_1_3_million_weights_and_leaves_7x6() -> None:
    config = MobileFaceNetConfig()
    model = build_embedder(config)
    weights = sum(int(np.prod(variable.shape)) for variable in model.trainable_weights)
    assert 1_000_000 < weights <= MOST_WEIGHTS
    assert model.get_layer("features_conv").output_shape[1:3] == config.map_size(-1) == (7, 6)
    assert model.output_shape == (None, 192)


def test_reduced_precision_has_the_same_variables_and_nearly_the_same_function() -> None:
    config = configure("MobileFaceNet", **TINY)
    exact, narrow = build_embedder(config), build_embedder(config, convolution_dtype="bfloat16")
    randomise(exact)
    narrow.set_weights(exact.get_weights())
    a, b = (np.asarray(model(faces(2))) for model in (exact, narrow))
    cosines = np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosines.min() > 0.999
    assert not np.array_equal(a, b)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variant": "QB"}, "variant must be one of 'float'"),
        ({"stages": ()}, "stages must be one or more"),
        ({"stages": ((64, 0),)}, "a unit or more"),
        ({"head_units": -1}, "head_units must be 0 or above"),
        ({"expansion": 0}, "expansion must be above 0"),
        ({"first_units": (128,)}, "a number for each of the 3 stages"),
        ({"first_units": (128, 0, 256)}, "first_units must be above 0"),
        ({"input_width": 0}, "the input must be a pixel"),
    ],
)
def test_impossible_shapes_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        configure("MobileFaceNet", **fields)
