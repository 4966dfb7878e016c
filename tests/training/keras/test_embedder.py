"""Keras models in ``facesdk evaluate``: saved ones and run folders give what Keras computes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.cli.main import app
from facesdk.errors import ModelError
from facesdk_training.architectures.compact_face_net import (
    CompactFaceNetConfig,
    build_compact_face_net,
)
from facesdk_training.data.crops import normalise
from facesdk_training.keras.embedder import load_keras
from facesdk_training.runs import folder as run_folder
from sdk import photos

keras = pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def model() -> Any:
    return build_compact_face_net(CompactFaceNetConfig())


def crops(model: Any, count: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(2).integers(0, 256, shape, np.uint8)


def unit(vectors: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    rows = np.asarray(vectors)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(
    params=[
        "model.keras",
        "model.h5",
        pytest.param("saved_model", marks=pytest.mark.slow),
        "run",
    ]
)
def path(request: pytest.FixtureRequest, model: Any, tmp_path: Path) -> Path:
    path: Path = tmp_path / request.param
    if request.param == "run":
        path.mkdir()
        config = {
            "config": {"objective": "distillation", "network": {"architecture": "CompactFaceNet"}}
        }
        run_folder.write_record(path / run_folder.CONFIG, config)
        model.save_weights(path / run_folder.WEIGHTS)
    else:
        model.save(path)
    return path


def test_embeddings_are_those_of_the_model(path: Path, model: Any) -> None:
    embedder = load_keras(path, None, None)
    images = crops(model)
    expected = unit(model(normalise(images)))
    np.testing.assert_allclose(embedder.embed(images), expected, atol=1e-4)
    assert len(embedder.model_id) == 64
    both = load_keras(path, None, True)
    mirrored = np.asarray(model(normalise(images[:, :, ::-1])))
    concatenated = np.concatenate([np.asarray(model(normalise(images))), mirrored], axis=1)
    np.testing.assert_allclose(both.embed(images), unit(concatenated), atol=1e-4)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_the_command_takes_a_keras_model(model: Any, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / name)
    images = [
        photos.encode(np.random.default_rng(n).integers(0, 256, (112, 112, 3), np.uint8), "PNG")
        for n in (1, 1, 2, 3, 4, 4, 5, 6)
    ]
    (tmp_path / "set.bin").write_bytes(pickle.dumps((images, [True, False, True, False])))
    arguments = ["bin", str(tmp_path / name), "--pairs", str(tmp_path / "set.bin")]
    done = CliRunner().invoke(app, ["evaluate", *arguments, "--no-cache", "--json"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["model"], record["accuracy"]) == ("model", 1.0)


def test_what_is_no_recognition_model_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ModelError, match="not a usable Keras model"):
        load_keras(tmp_path / "text.keras", None, None)
    keras.Sequential([keras.layers.Dense(2, input_shape=(2,))]).save_weights(tmp_path / "w.h5")
    with pytest.raises(ModelError, match="not a usable Keras model"):
        load_keras(tmp_path / "w.h5", None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="not a usable Keras model"):
        load_keras(tmp_path / "empty", None, None)
    small = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Flatten()])
    small.save(tmp_path / "small.keras")
    with pytest.raises(ModelError, match="a recognition model maps"):
        load_keras(tmp_path / "small.keras", None, None)
