from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures.registry import configure
from facesdk_training.complexity.layers import measure
from facesdk_training.keras.networks.build import build
from facesdk_training.keras.networks.layers import ChannelGroup, ChannelShuffle
from training.networks import faces, randomise

ONE_UNIT = {"width": 0.25, "units": (1, 0, 0, 0), "embedding_length": 24}
CHANNELS = 16
PIXELS = 54 * 46


def unit_costs(model: tf.keras.Model) -> tuple[int, int]:
    """Weights and multiply-adds of the unit."""
    layers = [layer for layer in measure(model).layers if layer.name.startswith("conv2_1")]
    return sum(x.weights for x in layers), sum(x.multiply_adds for x in layers)


@pytest.mark.parametrize(
    ("block", "weights"),
    [
        ("plain", 2 * 9 * CHANNELS**2),
        ("fire", CHANNELS**2 // 4 + CHANNELS // 4 * (CHANNELS // 2) * (1 + 9)),
        ("separable", 2 * (9 * CHANNELS + CHANNELS**2)),
        ("inverted", 4 * CHANNELS**2 + 2 * 9 * CHANNELS),
        ("shuffle", 2 * CHANNELS * (CHANNELS // 4) // 4 + 9 * CHANNELS // 4),
    ],
)
def test_a_unit_costs_what_its_formula_says(block: str, weights: int) -> None:
    assert unit_costs(build("A", block=block, **ONE_UNIT)) == (weights, weights * PIXELS)


def test_the_bits_of_a_block_are_the_variants() -> None:
    for name, precision in (("A", "32x32"), ("Q", "1x32"), ("QB", "1x1")):
        model = build(name, block="separable", **ONE_UNIT)
        found = {x.name: x.precision for x in measure(model).layers if "conv2_1" in x.name}
        assert found["conv2_1_1"] == precision
        assert found["conv2_1_1_depthwise"] == "32x32"


def conv(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution with zeros around, in float64."""
    rows, columns = kernel.shape[:2]
    x = np.pad(x, [(0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)])
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    return sum(
        x[:, dy : dy + height, dx : dx + width] @ kernel[dy, dx].astype(np.float64)
        for dy in range(rows)
        for dx in range(columns)
    )


class Unit:
    """The parameters of a unit's layers, and what they compute."""

    def __init__(self, block: str) -> None:
        self.model = build("A", block=block, **ONE_UNIT)
        randomise(self.model)
        inner = tf.keras.Model(
            self.model.input,
            [self.model.get_layer(name).output for name in ("conv1b_prelu", "conv2_1_add")],
        )
        shrunk = tf.keras.layers.MaxPooling2D(2)
        before, after = inner(faces(1))
        self.given, self.found = np.float64(shrunk(before)), np.float64(after)

    def layer(self, name: str, x: np.ndarray, *, active: bool = True) -> np.ndarray:
        x = conv(x, self.model.get_layer(f"conv2_1_{name}").get_weights()[0])
        return self.after(name, x, active=active)

    def depthwise(self, name: str, x: np.ndarray, *, active: bool) -> np.ndarray:
        kernel = self.model.get_layer(f"conv2_1_{name}").get_weights()[0]
        parts = [conv(x[..., [c]], kernel[:, :, [c]]) for c in range(x.shape[-1])]
        return self.after(name, np.concatenate(parts, -1), active=active)

    def after(self, name: str, x: np.ndarray, *, active: bool = True) -> np.ndarray:
        norm = self.model.get_layer(f"conv2_1_{name}_bn")
        gamma, beta, mean, variance = map(np.float64, norm.get_weights())
        x = (x - mean) * gamma / np.sqrt(variance + norm.epsilon) + beta
        if not active:
            return x
        slope = self.model.get_layer(f"conv2_1_{name}_prelu").get_weights()[0]
        return np.where(x < 0, slope * x, x)

    def grouped(self, name: str, x: np.ndarray, *, active: bool = True) -> np.ndarray:
        parts = [
            conv(part, self.model.get_layer(f"conv2_1_{name}_group{n}").get_weights()[0])
            for n, part in enumerate(np.split(x, 4, -1), start=1)
        ]
        return self.after(name, np.concatenate(parts, -1), active=active)


def test_fire_by_the_definition() -> None:
    unit = Unit("fire")
    squeezed = unit.layer("squeeze", unit.given)
    sides = [unit.layer("expand1", squeezed), unit.layer("expand3", squeezed)]
    np.testing.assert_allclose(unit.found, unit.given + np.concatenate(sides, -1), atol=1e-4)


def test_separable_by_the_definition() -> None:
    unit = Unit("separable")
    x = unit.given
    for number in (1, 2):
        x = unit.layer(f"{number}", unit.depthwise(f"{number}_depthwise", x, active=True))
    np.testing.assert_allclose(unit.found, unit.given + x, atol=2e-4)


def test_inverted_by_the_definition() -> None:
    unit = Unit("inverted")
    x = unit.depthwise("depthwise", unit.layer("expand", unit.given), active=True)
    x = unit.layer("project", x, active=False)
    np.testing.assert_allclose(unit.found, unit.given + x, atol=2e-4)


def test_shuffle_by_the_definition() -> None:
    unit = Unit("shuffle")
    x = unit.grouped("squeeze", unit.given)
    shuffled = np.stack(np.split(x, 4, -1), -1).reshape(x.shape)  # channel c of each group, in turn
    x = unit.grouped("expand", unit.depthwise("depthwise", shuffled, active=False))
    np.testing.assert_allclose(unit.found, unit.given + x, atol=1e-4)


def test_shuffled_channels_by_hand() -> None:
    channels = tf.reshape(tf.range(6), (1, 1, 1, 6))
    assert ChannelShuffle(2)(channels).numpy().ravel().tolist() == [0, 3, 1, 4, 2, 5]
    assert ChannelGroup(1, 3)(channels).numpy().ravel().tolist() == [2, 3]


@pytest.mark.parametrize(
    ("name", "block", "message"),
    [
        ("QB", "inverted", "does not suit binary activations"),
        ("QB", "shuffle", "does not suit binary activations"),
        ("A", "squeeze", "block must be"),
    ],
)
def test_blocks_that_there_are_not(name: str, block: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        configure(name, block=block)
