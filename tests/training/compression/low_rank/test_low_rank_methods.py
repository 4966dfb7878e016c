"""The methods of low rank and sharing on a network, without retraining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.progress import unwatched
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.frame.method import Subject
from facesdk_training.compression.steps import step

keras = tf.keras


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((9, 9, 3), name="face")
    x = keras.layers.Conv2D(16, 3, padding="same", name="first")(inputs)
    branch = keras.layers.Conv2D(16, 3, padding="same", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, branch]))
    output = keras.layers.Dense(16, name="embedding")(x)
    # Retraining of no steps reads neither configuration nor material.
    return Subject(None, keras.Model(inputs, output), None, tmp_path, tmp_path)  # type: ignore[arg-type]


def applied(subject: Subject, name: str, **settings: Any) -> keras.Model:
    made = step(name, {"retraining": {"steps": 0}, **settings})
    return made.method.apply(subject, made.settings, unwatched)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("svd", ["second", "second_in"]),
        ("spatial", ["second", "second_rows"]),
        ("tucker", ["second", "second_core", "second_in"]),
        ("cp", ["second", "second_columns", "second_in", "second_rows"]),
    ],
)
def test_a_layer_becomes_a_chain_with_fewer_products(
    name: str, layers: list[str], subject: Subject
) -> None:
    settings = {"rule": "fixed", "rank": 4, "layers": ["second"]}
    model = applied(subject, name, **settings)
    assert sorted(x.name for x in model.layers if x.name.startswith("second")) == layers
    before, after = measure(subject.model), measure(model)
    assert after.multiply_adds["32x32"] < before.multiply_adds["32x32"]
    assert after.parameters < before.parameters
    assert model.output_shape == subject.model.output_shape


def test_noise_is_not_factored_by_evbmf_and_structure_is(subject: Subject) -> None:
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 16, 2)) @ rng.normal(size=(2, 16))
    kernel += 0.01 * rng.normal(size=kernel.shape)
    layer = subject.model.get_layer("second")
    layer.set_weights([kernel.astype(np.float32), layer.get_weights()[1]])
    model = applied(subject, "svd", rule="evbmf", layers=["second"])
    assert model.get_layer("second_in").filters == 2
    with pytest.raises(InputError, match="no weights but noise"):
        applied(subject, "svd", rule="evbmf", layers=["first"])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("svd", {"rule": "fixed", "rank": 17, "layers": ["second"]}, "has ranks 1 to 16"),
        ("svd", {"energy": 1.0, "layers": ["embedding"]}, "would hold 512 weights, its kernel 256"),
        ("tucker", {"rule": "fixed", "rank": 2, "layers": ["face"]}, "no layer 'face'"),
        ("svd", {"energy": 1.0}, "no layer gets smaller"),
        ("k-means", {"layers": ["add"]}, "no float kernel in add"),
        ("product", {"length": 3}, "divide 16"),
    ],
)
def test_nonsense_is_refused(
    name: str, settings: dict[str, Any], message: str, subject: Subject
) -> None:
    with pytest.raises(InputError, match=message):
        applied(subject, name, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "numbers"),
    [
        ("product", {"bits": 2, "length": 4}, 16 * 4),
        ("hashed", {"share": 0.125}, 2 * 32),
        ("circulant", {}, 2 * 16),
    ],
)
def test_only_dense_layers_share_without_a_name(
    name: str, settings: dict[str, Any], numbers: int, subject: Subject
) -> None:
    first, kernel = (subject.model.get_layer(x).get_weights()[0] for x in ("first", "embedding"))
    model = applied(subject, name, **settings)
    np.testing.assert_array_equal(model.get_layer("first").get_weights()[0], first)
    shared = model.get_layer("embedding").get_weights()[0]
    assert len(np.unique(shared)) <= numbers < kernel.size
    assert np.linalg.norm(shared - kernel) < np.linalg.norm(kernel)
