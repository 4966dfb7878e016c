"""A policy judged in the whole network is that of the network without the channels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.frame.embeddings import cosines
from facesdk_training.compression.pruning.surgery import without
from facesdk_training.compression.search.network import Blanked, space_of
from facesdk_training.compression.search.scan import scan
from facesdk_training.keras.loading import predict

keras = tf.keras


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """An addition, a depthwise kernel, an activation that makes something of 0, a flattened map."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 6, 3), name="face")
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", name="first")(inputs)
    branch = keras.layers.Conv2D(9, 1, use_bias=False, name="inner")(x)
    branch = keras.layers.DepthwiseConv2D(3, padding="same", name="deep")(branch)
    branch = keras.layers.Activation("sigmoid", name="some_of_0")(branch)
    branch = keras.layers.Conv2D(6, 1, name="outer")(branch)
    x = keras.layers.Add(name="add")([x, branch])
    x = keras.layers.Conv2D(5, 3, padding="same", name="own")(keras.layers.PReLU()(x))
    x = keras.layers.Dense(7, name="fc5")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(4, name="embedding")(x))


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (9, 8, 6, 3)).astype(np.float32)


POLICIES = (
    {"first": 4, "inner": 5, "own": 3, "fc5": 2},
    {"first": 1, "inner": 9, "own": 5, "fc5": 7},
    {"first": 6, "inner": 1, "own": 2, "fc5": 6},
)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_the_network_without(
    model: keras.Model, crops: np.ndarray, policy: dict[str, int]
) -> None:
    """Embeddings and multiply-adds, with the channels gone as the oracle."""
    judge, space = Blanked.of(model, crops), space_of(model, 1, 0.9)
    before = model.get_weights()
    small = without(model, judge.kept(policy))
    np.testing.assert_allclose(
        judge.embeddings(policy), predict(small, crops), rtol=1e-4, atol=1e-5
    )
    expected = 1 - cosines(predict(model, crops), predict(small, crops)).mean()
    assert judge.error(policy) == pytest.approx(expected, abs=1e-5)
    assert [unit.name for unit in space.units] == list(policy)
    counted = sum(measure(small).multiply_adds.values())
    assert space.multiply_adds(list(policy.values())) == counted
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_shape_of_a_unit(model: keras.Model) -> None:
    first, inner, own, dense = space_of(model, 1, 0.8).units
    assert (first.inputs, first.height, first.width, first.stride, first.kernel) == (3, 8, 6, 2, 3)
    assert (inner.inputs, inner.channels, inner.kernel) == (6, 9, 1)
    assert (own.height, own.width) == (4, 3)
    assert (dense.inputs, dense.height, dense.kernel) == (60, 1, 1)


def test_a_group_that_nobody_hears_is_not_sensitive(model: keras.Model, crops: np.ndarray) -> None:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    layer = copy.get_layer("outer")
    layer.set_weights([1e-6 * layer.get_weights()[0], layer.get_weights()[1]])
    found = scan(copy, crops, (0.25, 0.5))
    damage = {row.name: row.damage for row in found.groups}
    assert max(damage["inner"]) < 1e-5 < min(damage["first"])
    kept = {row.name: row.kept for row in found.groups}
    assert kept == {"first": (5, 3), "inner": (7, 5), "own": (4, 3), "fc5": (6, 4)}
    small = without(copy, Blanked.of(copy, crops).kept({"own": 3}))
    own = found.groups[2]
    assert own.multiply_adds[1] == sum(measure(small).multiply_adds.values())
    chart = found.chart()
    assert chart.count("<polyline") >= 4
    assert "least by inner" in chart


@pytest.mark.parametrize("shares", [(), (0.5, 0.25), (0.0, 0.5), (0.5, 1.0)])
def test_shares_must_rise(model: keras.Model, crops: np.ndarray, shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="shares must rise"):
        scan(model, crops, shares)
