"""Ranges of activations: what is clipped, and what that is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.targets.fixed_point.calibration import PARTS, histograms, observe
from facesdk_converters.targets.fixed_point.conversion import (
    FixedPointOptions,
    calibrate,
    convert,
)
from facesdk_converters.targets.fixed_point.ranges import (
    extremes,
    least_squares,
    nearest,
    wide_enough,
)
from facesdk_converters.tflite.tree import Tree

import tensorflow as tf  # isort: skip

VALUES = arrays(np.float64, st.integers(1, 400), elements=st.floats(-50, 50, width=32))


def counted(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    counts, _ = np.histogram(values, PARTS, (low, high) if low < high else (-1e-9, 1e-9))
    return counts, low, high


def squared_error(values: np.ndarray, least: float, most: float, levels: int) -> float:
    """Of the nearest of so many levels, each looked at."""
    grid = np.linspace(least, most, levels)
    return float(np.square(np.abs(values[:, np.newaxis] - grid).min(axis=1)).sum())


@given(values=VALUES, levels=st.sampled_from([4, 16, 256]))
@example(values=np.zeros(3), levels=256)
def test_no_range_is_worse_than_the_extremes(values: np.ndarray, levels: int) -> None:
    counts, low, high = counted(values)
    least, most = nearest(counts, low, high, levels)
    assert low <= least <= 0 <= most <= high
    found, widest = (squared_error(values, *ends, levels) for ends in ((least, most), (low, high)))
    part = (high - low) / PARTS
    assert np.sqrt(found) <= np.sqrt(widest) + part * np.sqrt(len(values)) + 1e-9


def test_a_range_is_the_best_of_all_that_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 4000), rng.normal(0, 6, 40)])
    counts, low, high = counted(values)
    found = squared_error(values, *nearest(counts, low, high, 16), 16)
    shares = np.linspace(0.3, 1, 15)
    others = [squared_error(values, low * a, high * b, 16) for a in shares for b in shares]
    assert found <= 1.02 * min(others)
    assert found < 0.5 * others[-1]


def test_a_single_large_value_does_not_make_levels_coarse() -> None:
    values = np.append(np.random.default_rng(1).normal(0, 1, 1_000_000), 40.0)
    least, most = nearest(*counted(values), 256)
    assert most < 20
    assert least < -3


def test_evenly_spread_values_keep_their_range() -> None:
    least, most = nearest(np.ones(PARTS, np.int64), -1.0, 3.0, 256)
    assert least < -0.97
    assert most > 2.95


def network() -> tf.keras.Model:
    tf.keras.utils.set_random_seed(4)
    layers = tf.keras.layers
    x = source = tf.keras.Input((12, 12, 3))
    for channels in (8, 8, 8):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    return tf.keras.Model(source, layers.Dense(10)(layers.Flatten()(x)))


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    content = bytes(tf.lite.TFLiteConverter.from_keras_model(network()).convert())
    return ModelBundle.from_bytes(content, "net.tflite")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """A corner of one is 40 times as bright as all else."""
    pictures = np.random.default_rng(0).normal(0, 1, (200, 12, 12, 3)).astype(np.float32)
    pictures[0, :3, :3] *= 40
    return pictures


def outputs(content: bytes, images: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(ModelBundle.from_bytes(content, "converted.tflite"))
    return np.concatenate([interpreter.run(image[np.newaxis])[0] for image in images])


def test_histograms_are_those_of_keras(bundle: ModelBundle, images: np.ndarray) -> None:
    tree, model = Tree.of(bundle), network()
    ranges = extremes(observe(tree, [images]))
    steps: list[Any] = []
    found = histograms(tree, [images], ranges, progress=lambda *step: steps.append(step))
    assert steps[-1] == (len(images), len(images), "calibrate")
    layer = tree.weighted()[1].outputs[0]
    values = tf.keras.Model(model.input, model.layers[2].output)(images)
    expected, _ = np.histogram(values, PARTS, ranges[int(layer)])
    assert found[int(layer)].sum() == np.size(values)
    assert np.abs(np.cumsum(found[int(layer)]) - np.cumsum(expected)).max() < 30


def test_what_is_beyond_a_range_counts_as_its_end(bundle: ModelBundle, images: np.ndarray) -> None:
    tree = Tree.of(bundle)
    source = tree.inputs[0]
    ranges = extremes(observe(tree, [images])) | {source: (-1.0, 1.0)}
    counts = histograms(tree, [images], ranges)[source]
    assert counts.sum() == images.size
    assert counts[0] >= np.count_nonzero(images <= -1)
    assert counts[-1] >= np.count_nonzero(images >= 1)


@pytest.mark.parametrize("bits", [8, 16], ids=["int8", "simulated"])
def test_ordinary_pictures_are_nearer_to_the_float_network(
    bundle: ModelBundle, images: np.ndarray, bits: int
) -> None:
    calibrated = calibrate(bundle, [images])
    expected = outputs(bundle.content, images[1:])
    errors = {}
    for ranges in ("extremes", "least-squares"):
        got = outputs(convert(calibrated, FixedPointOptions(bits, ranges=ranges)), images[1:])
        errors[ranges] = np.square(got - expected).mean()
    assert errors["least-squares"] < 0.85 * errors["extremes"]


def test_wider_levels_clip_less(bundle: ModelBundle, images: np.ndarray) -> None:
    calibrated = calibrate(bundle, [images])
    found = [
        least_squares(calibrated.tree, calibrated.statistics, [images], bits) for bits in (4, 8, 16)
    ]
    widths = [sum(most - least for least, most in ranges.values()) for ranges in found]
    assert widths == sorted(widths)
    assert widths[0] < 0.8 * widths[2]


def with_dead_units(dense: bool) -> tf.keras.Model:
    """Two paths, of which one has units that never fire."""
    tf.keras.utils.set_random_seed(4)
    layers = tf.keras.layers
    never = tf.keras.initializers.Constant(-1e4)
    x = source = tf.keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same")(x)
    if dense:
        x = layers.Flatten()(x)
        hidden = layers.Dense(8, "relu", bias_initializer=never)(x)
        x = layers.Add()([layers.Dense(10)(x), layers.Dense(10)(hidden)])
    else:
        hidden = layers.Conv2D(8, 1, activation="relu", bias_initializer=never)(x)
        x = layers.Add()([layers.Conv2D(8, 3, padding="same")(x), layers.Conv2D(8, 1)(hidden)])
        x = layers.Dense(10)(layers.Flatten()(x))
    return tf.keras.Model(source, x)


@pytest.mark.parametrize("ranges", ["extremes", "least-squares"])
@pytest.mark.parametrize("dense", [True, False], ids=["dense", "convolution"])
def test_layers_that_are_always_zero_are_converted(
    dense: bool, ranges: Any, images: np.ndarray
) -> None:
    model = with_dead_units(dense)
    content = bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    calibrated = calibrate(ModelBundle.from_bytes(content, "net.tflite"), [images[1:]])
    got = outputs(convert(calibrated, FixedPointOptions(8, ranges=ranges)), images[1:])
    expected = model(images[1:]).numpy()
    assert np.square(got - expected).mean() < 1e-3 * np.square(expected).mean()


def test_ranges_of_layers_that_say_something_stay(bundle: ModelBundle, images: np.ndarray) -> None:
    tree = Tree.of(bundle)
    ranges = extremes(observe(tree, [images]))
    assert wide_enough(tree, ranges) == ranges
