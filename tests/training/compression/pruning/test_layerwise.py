"""What the next layers lose, against sums over explicit places and the conditions of a minimum."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facesdk.progress import unwatched
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.pruning.layerwise import by_greed, by_lasso, factors
from facesdk_training.compression.pruning.reconstruction import (
    Read,
    fitted,
    kernel,
    patches,
    products,
)
from facesdk_training.compression.pruning.surgery import groups, without
from facesdk_training.compression.steps import step

keras = tf.keras

Array = NDArray[np.float64]


def build() -> keras.Model:
    """A convolution read with a stride and a border, and by a dense layer behind a flattening."""
    inputs = keras.Input((4, 3, 3), name="face")
    x = keras.layers.Conv2D(6, 1, name="first")(inputs)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="first_prelu")(x)
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", name="second")(x)
    x = keras.layers.PReLU(shared_axes=[1, 2], name="second_prelu")(x)
    x = keras.layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, keras.layers.Dense(4, name="embedding")(x))
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([rng.normal(size=array.shape) for array in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build()


def known(z: Array, lengths: Array | None = None) -> Read:
    """What is read, of Z [S, C, O]."""
    flat = z.transpose(0, 2, 1).reshape(-1, z.shape[1])
    return Read(flat.T @ flat, np.ones(z.shape[1]) if lengths is None else lengths)


@pytest.mark.parametrize(("reader", "source"), [("second", "first"), ("embedding", "second")])
def test_patches_times_kernels_are_the_outputs(
    model: keras.Model, reader: str, source: str
) -> None:
    faces = np.random.default_rng(2).normal(size=(19, 4, 3, 3)).astype(np.float32)
    channels = model.get_layer(source).filters
    seen = patches(model, [reader], channels, faces)[reader]
    weights = kernel(model.get_layer(reader), channels)
    layer = model.get_layer(reader)
    outputs = keras.Model(model.input, layer.output)(faces).numpy() - layer.bias.numpy()
    expected = outputs.reshape(len(faces), -1, outputs.shape[-1])
    found = np.einsum("skc,kco->so", seen, weights).reshape(expected.shape)
    # All four places of the small map are drawn, in an order of their own for each face.
    for own, whole in zip(found, expected, strict=True):
        order = np.argsort(own[:, 0]), np.argsort(whole[:, 0])
        np.testing.assert_allclose(own[order[0]], whole[order[1]], rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_products_are_sums_over_places(samples: int, size: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen, weights = rng.normal(size=(samples, size, channels)), rng.normal(size=(size, channels, 5))
    z = (seen[..., None] * weights[None]).sum(axis=1)
    expected = [[(z[:, c] * z[:, d]).sum() for d in range(channels)] for c in range(channels)]
    np.testing.assert_allclose(products(seen, weights), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(0, 99))
def test_thinet_is_greedy_in_the_error_of_outputs(count: int, seed: int) -> None:
    z = np.random.default_rng(seed).normal(size=(12, 6, 2))
    gone: list[int] = []
    while len(gone) < 6 - count:
        left = [c for c in range(6) if c not in gone]
        gone.append(min(left, key=lambda c: (z[:, [*gone, c]].sum(axis=1) ** 2).sum()))
    kept = by_greed(known(z), count)
    assert kept == sorted(set(range(6)) - set(gone))
    best = factors(known(z), kept)
    rows = z[:, kept].transpose(0, 2, 1).reshape(-1, count)
    expected = np.linalg.lstsq(rows, z.sum(axis=1).ravel(), rcond=None)[0]
    np.testing.assert_allclose(best, expected, rtol=1e-6, atol=1e-8)


def test_lasso_of_orthogonal_channels_is_a_soft_threshold() -> None:
    """With W scaled to 1 and orthogonal Z, beta_c is |W_c| less lambda over |Z_c / W_c|^2."""
    sizes, lengths = np.array([3.0, 0.5, 2.0, 1.0, 4.0]), np.array([1.0, 0.1, 4.0, 1.0, 2.0])
    z = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 5)))[0] * sizes
    # beta_c is 0 from lambda = |Z_c|^2 / |W_c| on.
    order = np.argsort(-(sizes**2) / lengths)
    for count in range(1, 5):
        assert by_lasso(known(z[:, :, None], lengths), count) == sorted(order[:count])


def test_lasso_keeps_the_stronger_of_two_in_one_direction() -> None:
    z = np.random.default_rng(0).normal(size=(60, 4, 2))
    z[:, 3] = 1.5 * z[:, 1]
    assert by_lasso(known(z), 3) == [0, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_fitted_kernels_leave_no_slope(samples: int, size: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen, outputs = rng.normal(size=(samples, size, channels)), rng.normal(size=(samples, 2))
    start = rng.normal(size=(size, channels, 2))
    found = fitted(seen, outputs, start)
    rows = seen.reshape(samples, -1)
    rest = rows @ found.reshape(-1, 2) - outputs
    np.testing.assert_allclose(rows.T @ rest, 0, atol=1e-7)
    # What the samples do not see stays: the change is a combination of the rows.
    change = (found - start).reshape(-1, 2)
    across = rows.T @ np.linalg.lstsq(rows.T, change, rcond=None)[0]
    np.testing.assert_allclose(across, change, atol=1e-7)


def narrow(name: str, model: keras.Model, work: Path, **asked: Any) -> keras.Model:
    crops = np.random.default_rng(3).integers(0, 256, (60, 4, 3, 3), dtype=np.uint8)
    material = SimpleNamespace(
        crops=SimpleNamespace(image=lambda row: crops[row]),
        split=SimpleNamespace(train=np.arange(60)),
    )
    made = step(name, {"multiple": 1, "retraining": {"steps": 0}, **asked})
    subject = Subject(None, model, material, work, work)  # type: ignore[arg-type]
    return made.method.apply(subject, made.settings, unwatched)


@pytest.mark.parametrize("name", ["channels-lasso", "thinet"])
def test_a_doubled_channel_leaves_without_loss(name: str, tmp_path: Path) -> None:
    """A faint copy of a channel: the other gives its part once kernels are mended."""
    model = build()
    first, prelu = model.get_layer("first"), model.get_layer("first_prelu")
    for layer, scale in ((first, 0.01), (prelu, 1.0)):
        arrays = layer.get_weights()
        for array in arrays:
            array[..., 4] = scale * array[..., 1]
        layer.set_weights(arrays)
    second = model.get_layer("second")
    weights, bias = second.get_weights()
    weights[:, :, 4] = 5 * weights[:, :, 1]
    second.set_weights([weights, bias])
    small = narrow(name, model, tmp_path, layers=["first"], share=0.17)
    assert small.get_layer("first").filters == 5
    faces = np.random.default_rng(5).uniform(-1, 1, (8, 4, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(small(faces), model(faces), rtol=1e-2, atol=1e-2)


def test_fitting_beats_leaving_kernels_as_they_are(model: keras.Model, tmp_path: Path) -> None:
    """Through two groups, the second read by the dense layer, whose inputs the first changes."""
    small = narrow("channels-lasso", model, tmp_path, share=0.3)
    staying = {}
    for group in groups(model):
        if not group.fixed:
            own, whole = (each.get_layer(group.name).get_weights()[1] for each in (small, model))
            staying[group.name] = np.flatnonzero(np.isin(whole, own)).tolist()
    assert [len(kept) for kept in staying.values()] == [5, 4]
    crops = np.random.default_rng(3).integers(0, 256, (60, 4, 3, 3), dtype=np.uint8)
    faces = ((crops - 127.5) / 128).astype(np.float32)
    errors = [
        np.square(each(faces) - model(faces)).mean() for each in (small, without(model, staying))
    ]
    assert errors[0] < 0.5 * errors[1]
