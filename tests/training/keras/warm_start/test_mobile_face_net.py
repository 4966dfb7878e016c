from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import resolve
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.warm_start.mobile_face_net import restore_weights
from training.published import SHAPE, images, in_five, in_one, published, written


@pytest.mark.parametrize(("prelu", "units"), [(in_five, 0), (in_one, 0), (in_one, 20)])
def test_the_network_computes_what_the_published_one_computes(
    prelu: Callable[[tf.Tensor], tf.Tensor], units: int, tmp_path: Path
) -> None:
    tf.keras.utils.set_random_seed(3)
    source, shape = published(prelu), replace(SHAPE, head_units=units)
    model = build_embedder(shape)
    restore_weights(model, shape, written(source, tmp_path), images())
    expected = np.concatenate([source(image[None]).numpy() for image in images()])
    np.testing.assert_allclose(model(images(), training=False), expected, rtol=1e-3, atol=1e-4)
    # Training, which normalises by the statistics of a batch, begins with the same function.
    np.testing.assert_allclose(model(images(), training=True), expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"units": 1}, "no MobileFaceNet with the configured stages"),
        ({"units": 3}, "no MobileFaceNet with the configured stages"),
        ({"prelu": tf.nn.relu}, "stem1 has no PReLU"),
        ({"join": tf.subtract}, "computes something else"),
    ],
)
def test_another_network_is_refused(source: dict[str, Any], message: str, tmp_path: Path) -> None:
    model = build_embedder(SHAPE)
    with pytest.raises(InputError, match=message):
        restore_weights(model, SHAPE, written(published(**source), tmp_path), images())


@pytest.mark.parametrize(
    ("name", "message"),
    [("accurate", "are no floats"), ("mtcnn-pnet", "no MobileFaceNet with the configured stages")],
)
def test_a_packaged_network_is_refused(name: str, message: str) -> None:
    model, source = build_embedder(SHAPE), ModelBundle.load(resolve(name))
    with pytest.raises(InputError, match=message):
        restore_weights(model, SHAPE, source, images())
