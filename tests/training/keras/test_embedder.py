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
from converters import networks
from facesdk.cli.main import app
from facesdk.errors import InputError, ModelError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.data.crops import INPUT
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.runs import contract as run_contract
from facesdk_training.runs import folder as run_folder
from sdk import photos
from training import small_runs

keras = pytest.importorskip("tf_keras")

NETWORK: dict[str, Any] = {"stages": ((32, 1), (64, 1)), "stem_channels": (16, 32)}


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(1)  # weights that tell noise apart, whatever ran before
    return build_compact_face_net(CompactFaceNetConfig(**NETWORK))


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
        small_runs.write_finished(path, model, **NETWORK)
    else:
        model.save(path)
    return path


def test_embeddings_are_those_of_the_model(path: Path, model: Any) -> None:
    embedder = load_keras(path, None, None)
    images = crops(model)
    expected = unit(model(INPUT.normalise(images)))
    np.testing.assert_allclose(embedder.embed(images), expected, atol=1e-4)
    assert len(embedder.model_id) == 64
    both = load_keras(path, None, True)
    mirrored = np.asarray(model(INPUT.normalise(images[:, :, ::-1])))
    concatenated = np.concatenate([np.asarray(model(INPUT.normalise(images))), mirrored], axis=1)
    np.testing.assert_allclose(both.embed(images), unit(concatenated), atol=1e-4)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_the_command_takes_a_keras_model(model: Any, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / name)
    done = CliRunner().invoke(app, ["evaluate", *bin_arguments(tmp_path, name)])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["model"], record["accuracy"]) == ("model", 1.0)


def bin_arguments(folder: Path, name: str) -> list[str]:
    images = [
        photos.encode(np.random.default_rng(n).integers(0, 256, (112, 112, 3), np.uint8), "PNG")
        for n in (1, 1, 2, 3, 4, 4, 5, 6)
    ]
    (folder / "set.bin").write_bytes(pickle.dumps((images, [True, False, True, False])))
    pairs = str(folder / "set.bin")
    return ["bin", str(folder / name), "--pairs", pairs, "--no-cache", "--json"]


def test_a_run_keeps_its_name_variant_and_thresholds(model: Any, tmp_path: Path) -> None:
    """They are what `facesdk convert` would write into its file."""
    run, _ = small_runs.write_finished(tmp_path / "run", model, **NETWORK)
    contract = load_keras(run, None, None).contract
    assert contract == run_contract.contract_of(run)
    assert (contract.name, contract.variant) == ("compactfacenet-qb", "QB")
    assert contract.thresholds == (small_runs.THRESHOLD,)
    assert load_keras(run, None, True).contract.thresholds == ()


def test_a_run_of_another_program_says_so_in_its_contract(model: Any, tmp_path: Path) -> None:
    run, _ = small_runs.write_finished(tmp_path / "run", model, **NETWORK)
    assert run_contract.contract_of(run).source.startswith("facesdk train distill, from")
    record = run_folder.read_record(run / run_folder.CONFIG)
    run_folder.write_record(run / run_folder.CONFIG, {**record, "source": "a program of ours"})
    assert run_contract.contract_of(run).source == "a program of ours"


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_the_command_takes_custom_objects(tmp_path: Path, name: str) -> None:
    """A layer and an activation function of the user's, as `facesdk convert` takes them."""
    inputs = keras.Input((112, 112, 3))
    x = networks.Scale(0.5)(keras.layers.Conv2D(8, 9, strides=9)(inputs))
    x = keras.layers.Activation(networks.half_relu)(x)
    keras.Model(inputs, keras.layers.Flatten()(x)).save(tmp_path / name)
    arguments = ["evaluate", *bin_arguments(tmp_path, name)]
    refused = CliRunner().invoke(app, arguments)
    assert "say where it is defined with --custom MODULE:" in refused.stderr
    objects = ["converters.networks:Scale", "converters.networks:half_relu"]
    done = CliRunner().invoke(app, [*arguments, *(f"--custom={name}" for name in objects)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["accuracy"] == 1.0


def test_what_is_no_recognition_model_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ModelError, match="neither HDF5 nor zip"):
        load_keras(tmp_path / "text.keras", None, None)
    keras.Sequential([keras.layers.Dense(2, input_shape=(2,))]).save_weights(tmp_path / "w.h5")
    with pytest.raises(ModelError, match=r"holds weights only: .* with model.save\(\)"):
        load_keras(tmp_path / "w.h5", None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"neither a finished run .* nor a SavedModel"):
        load_keras(tmp_path / "empty", None, None)
    small = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Flatten()])
    small.save(tmp_path / "small.keras")
    with pytest.raises(ModelError, match="a recognition model maps"):
        load_keras(tmp_path / "small.keras", None, None)
