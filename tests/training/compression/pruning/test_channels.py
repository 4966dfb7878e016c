"""Which channels the methods choose, against NumPy on a network of a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.progress import unwatched
from facesdk_training.compression.frame.crops import training_crops
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.pruning.apoz import silence
from facesdk_training.compression.pruning.responses import BATCH, responses
from facesdk_training.compression.pruning.surgery import Reading, groups, readings
from facesdk_training.compression.pruning.taylor import expected_changes
from facesdk_training.compression.steps import step
from facesdk_training.config.run import AugmentationConfig, DataConfig

keras = tf.keras

Array = NDArray[np.float64]


def build() -> keras.Model:
    """A residual network of convolutions 1 x 1, whose sum is flattened; weights are random."""
    inputs = keras.Input((3, 2, 3), name="face")
    x = keras.layers.Conv2D(4, 1, name="first")(inputs)
    x = keras.layers.BatchNormalization(epsilon=0.0, name="first_bn")(x)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="first_prelu")(x)
    branch = keras.layers.Conv2D(5, 1, name="inner")(x)
    branch = keras.layers.PReLU(shared_axes=[1, 2], name="inner_prelu")(branch)
    branch = keras.layers.Conv2D(4, 1, use_bias=False, name="outer")(branch)
    branch = keras.layers.BatchNormalization(epsilon=0.0, name="outer_bn")(branch)
    x = keras.layers.Flatten(name="flat")(keras.layers.Add(name="add")([x, branch]))
    model = keras.Model(inputs, keras.layers.Dense(6, name="embedding")(x))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        arrays = [rng.normal(size=array.shape) for array in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            arrays[3] = np.abs(arrays[3]) + 0.5
        layer.set_weights(arrays)
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build()


@pytest.fixture(scope="module")
def faces() -> NDArray[np.float32]:
    shape = (BATCH + 5, 3, 2, 3)
    return np.random.default_rng(2).uniform(-1, 1, shape).astype(np.float32)


@dataclass(frozen=True)
class Computed:
    """The network in NumPy: what kernels read, [N, places, channels], and embeddings [N, 6]."""

    first: Array
    inner: Array
    added: Array
    embedding: Array


def computed(
    model: keras.Model,
    faces: NDArray[np.float32],
    first_factor: float | Array = 1.0,
    inner_factor: float | Array = 1.0,
) -> Computed:
    """The network with factors [channels] on what kernels read of its two groups."""

    def weights(name: str) -> list[Array]:
        return [array.astype(float) for array in model.get_layer(name).get_weights()]

    def convolved(x: Array, name: str) -> Array:
        kernel, *bias = weights(name)
        return x @ kernel[0, 0] + (bias[0] if bias else 0.0)

    def normalised(x: Array, name: str) -> Array:
        gamma, beta, mean, variance = weights(name)
        return (x - mean) / np.sqrt(variance) * gamma + beta

    def rectified(x: Array, name: str) -> Array:
        return np.where(x > 0, x, x * weights(name)[0].reshape(-1))

    x = faces.astype(float).reshape(len(faces), 6, 3)
    first = rectified(normalised(convolved(x, "first"), "first_bn"), "first_prelu")
    inner = rectified(convolved(first * first_factor, "inner"), "inner_prelu")
    added = first + normalised(convolved(inner * inner_factor, "outer"), "outer_bn")
    kernel, bias = weights("embedding")
    read = (added * first_factor).reshape(len(faces), -1)
    return Computed(first, inner, added, read @ kernel + bias)


def test_where_channels_are_read(model: keras.Model) -> None:
    assert readings(model) == [
        Reading("first", "first_prelu", "inner"),
        Reading("inner", "inner_prelu", "outer"),
        Reading("first", "flat", "embedding"),
    ]


def test_responses_are_what_kernels_read(model: keras.Model, faces: NDArray[np.float32]) -> None:
    chosen = [group for group in groups(model) if not group.fixed]
    found = list(responses(model, chosen, faces))
    assert [len(batch["inner"][0]) for batch in found] == [BATCH, 5]
    expected = computed(model, faces)
    for name, place, array in (
        ("first", 0, expected.first),
        ("first", 1, expected.added),
        ("inner", 0, expected.inner),
    ):
        seen = np.concatenate([batch[name][place] for batch in found])
        np.testing.assert_allclose(seen, array, rtol=1e-4, atol=1e-4)


def test_silence_counts_what_is_not_positive(
    model: keras.Model, faces: NDArray[np.float32]
) -> None:
    expected = computed(model, faces)
    found = silence(model, [group for group in groups(model) if not group.fixed], faces)
    both = np.concatenate([expected.first, expected.added], axis=1)
    np.testing.assert_allclose(found["first"], (both <= 0).mean(axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(found["inner"], (expected.inner <= 0).mean(axis=(0, 1)), atol=1e-12)


@dataclass(frozen=True)
class Pictures:
    """Crops in memory."""

    images: NDArray[np.uint8]

    def image(self, row: int) -> NDArray[np.uint8]:
        return self.images[row]


def subject(model: keras.Model, work: Path, targets: Array | None = None) -> Subject:
    """A network with 20 crops of noise; retraining of no steps reads nothing more of a run."""
    crops = np.random.default_rng(3).integers(0, 256, (20, 3, 2, 3), dtype=np.uint8)
    split = SimpleNamespace(train=np.arange(20))
    material = SimpleNamespace(crops=Pictures(crops), split=split, targets=targets)
    config = SimpleNamespace(
        augmentation=AugmentationConfig(), distortions=(), data=DataConfig(), seed=0
    )
    return Subject(config, model, material, work, work)  # type: ignore[arg-type]


def pruned(name: str, given: Subject, **asked: Any) -> keras.Model:
    settings = {"multiple": 1, "retraining": {"steps": 0}, **asked}
    made = step(name, settings)
    return made.method.apply(given, made.settings, unwatched)


def left(small: keras.Model, model: keras.Model, name: str) -> list[int]:
    """Which filters of a layer stayed, by what their kernels hold."""
    own, whole = (each.get_layer(name).get_weights()[0] for each in (small, model))
    rows = np.isin(whole[0, 0, 0], own[0, 0, 0])
    return np.flatnonzero(rows).tolist()


def test_the_most_silent_channels_leave(model: keras.Model, tmp_path: Path) -> None:
    given = subject(model, tmp_path)
    faces = training_crops(given, np.arange(20))
    expected = (computed(model, faces).inner <= 0).mean(axis=(0, 1))
    small = pruned("apoz", given, layers=["inner"], share=0.4)
    assert left(small, model, "inner") == sorted(np.argsort(expected, kind="stable")[:3])


def squares(embeddings: tf.Tensor, targets: Array) -> tf.Tensor:
    return tf.reduce_mean(tf.reduce_sum((embeddings - targets) ** 2, axis=1))


def test_taylor_is_the_slope_along_a_factor(model: keras.Model, faces: NDArray[np.float32]) -> None:
    """Central differences of the loss of each face, by a factor on all that is read."""
    targets = np.random.default_rng(4).normal(size=(len(faces), 6)).astype(np.float32)

    def losses(**factors: Array) -> Array:
        return ((computed(model, faces, **factors).embedding - targets) ** 2).sum(axis=1)

    chosen = [group for group in groups(model) if not group.fixed]
    parts = [(faces[:16], targets[:16]), (faces[16:], targets[16:])]
    found = expected_changes(model, chosen, parts, squares)
    for name, seen_at in (("first", 6 + 6), ("inner", 6)):
        channels = len(found[name])
        slopes = [
            (losses(**{f"{name}_factor": 1 + nudge}) - losses(**{f"{name}_factor": 1 - nudge}))
            / 2e-5
            for nudge in 1e-5 * np.eye(channels)
        ]
        expected = np.abs(slopes).mean(axis=1) / seen_at
        np.testing.assert_allclose(found[name], expected, rtol=2e-3)


def test_a_loss_of_nothing_has_no_slope(model: keras.Model, faces: NDArray[np.float32]) -> None:
    chosen = [group for group in groups(model) if not group.fixed]
    with pytest.raises(InputError, match="the loss has no slope"):
        expected_changes(model, chosen, [(faces, model(faces).numpy())], squares)


def test_what_the_loss_needs_least_leaves(tmp_path: Path) -> None:
    """A channel that every kernel reads with 0 is needed by no loss."""
    idle = build()
    kernel = idle.get_layer("outer").get_weights()[0]
    kernel[:, :, [1, 3]] = 0
    idle.get_layer("outer").set_weights([kernel, *idle.get_layer("outer").get_weights()[1:]])
    targets = np.random.default_rng(5).normal(size=(20, 6)).astype(np.float32)
    given = subject(idle, tmp_path, targets / np.linalg.norm(targets, axis=1, keepdims=True))
    small = pruned("taylor", given, layers=["inner"], share=0.4)
    assert left(small, idle, "inner") == [0, 2, 4]


def test_channels_of_small_factor_leave(tmp_path: Path) -> None:
    """The sum of |gamma| over the two that the addition joins."""
    own = build()
    for name, gamma in (("first_bn", [3, -4, 0.5, 1]), ("outer_bn", [-2, 0.1, 0.5, -2])):
        layer = own.get_layer(name)
        layer.set_weights([np.array(gamma), *layer.get_weights()[1:]])
    none = {"steps": 0}
    small = pruned("slimming", subject(own, tmp_path), share=0.5, sparsifying=none)
    assert left(small, own, "first") == [0, 1]
    assert small.get_layer("outer").filters == 2
    assert small.get_layer("inner").filters == 5
    with pytest.raises(InputError, match="follows inner"):
        pruned("slimming", subject(own, tmp_path), layers=["inner"], sparsifying=none)


def test_group_sparsity_leaves_the_longest_filters(tmp_path: Path) -> None:
    """By the Euclidean norm over all layers of a sum; L1 norm would choose others."""
    own = build()
    kernel, *rest = own.get_layer("first").get_weights()
    kernel[...] = 0.1
    kernel[0, 0, 0, 1], kernel[0, 0, 0, 3] = 9.0, 8.0
    own.get_layer("first").set_weights([kernel, *rest])
    group = next(group for group in groups(own) if "first" in group.makers)
    squares = sum(
        np.square(own.get_layer(name).get_weights()[0]).sum(axis=(0, 1, 2)) for name in group.makers
    )
    expected = sorted(np.argsort(-squares, kind="stable")[:2].tolist())
    small = pruned("group-sparsity", subject(own, tmp_path), share=0.5, sparsifying={"steps": 0})
    assert left(small, own, "first") == expected
