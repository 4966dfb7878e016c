"""What a source says about itself, and how its network runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk.errors import ModelError
from facesdk_converters.sources import source as sources
from facesdk_converters.tflite.layers import Layers
from facesdk_training.keras.embedder import load_keras

keras = networks.tf.keras


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_a_keras_model_is_described_by_what_can_be_seen(tmp_path: Path, name: str) -> None:
    model = networks.nested()
    model.save(tmp_path / name)
    custom = ("converters.networks:Scale", "converters.networks:half_relu")
    source = sources.load(tmp_path / name, custom)
    pixels = np.random.default_rng(5).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)
    assert (source.network.input_shapes, source.network.batch) == (((16, 16, 3),), None)
    (got,) = source.network.predict(pixels)
    np.testing.assert_allclose(got, np.asarray(model(pixels)), atol=1e-4)
    contract = source.contract
    assert (contract.task, contract.name, source.documented) == ("other", "net", False)
    assert (contract.input.height, contract.input.width) == (16, 16)
    assert (contract.input.color, contract.input.mean, contract.input.scale) == ("any", 0, 1)


def test_a_saved_model_has_one_digest_for_all_verbs(tmp_path: Path) -> None:
    inputs = keras.Input((112, 96, 3))
    x = keras.layers.Conv2D(4, 9, strides=9)(inputs)
    keras.Model(inputs, keras.layers.Flatten()(x)).save(tmp_path / "saved")
    digest = sources.load(tmp_path / "saved").sha256
    embedder = load_keras(tmp_path / "saved", None, None)
    assert embedder.model_id == embedder.contract.source_sha256 == digest


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_of_a_model_file_that_are_no_numbers_are_refused(
    tmp_path: Path, value: float
) -> None:
    kernel = np.random.default_rng(6).normal(0, 1, (3, 3, 2, 8))
    kernel[0, 1, 1, 5] = value
    layers = Layers((0,), description="broken")
    x = layers.conv2d(layers.input("x", (1, 8, 8, 2)), kernel, np.zeros(8))
    (tmp_path / "broken.tflite").write_bytes(layers.to_bytes([x]))
    with pytest.raises(ModelError, match="has 1 of 144 values that are NaN or infinite"):
        sources.load(tmp_path / "broken.tflite")
