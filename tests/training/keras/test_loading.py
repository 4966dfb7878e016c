"""One loader: what Keras wrote computes what it computed, what it did not write gets advice."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import larq as lq
import numpy as np
import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk.errors import FaceSDKError, InputError, ModelError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras import loading
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.runs import folder as run_folder
from training import small_runs

keras = networks.tf.keras

SCALE, HALF = "converters.networks:Scale", "converters.networks:half_relu"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nested network in every form that Keras writes."""
    folder = tmp_path_factory.mktemp("networks")
    model = networks.nested()
    for name in ("net.h5", "net.keras", "saved"):
        model.save(folder / name)
    model.save_weights(folder / "weights.h5")
    np.save(folder / "expected.npy", model(_pixels()))
    return folder


def _pixels() -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["net.h5", "net.keras", "saved"])
def test_every_form_gives_the_same_network(folder: Path, name: str) -> None:
    loaded = loading.load(folder / name, (SCALE, HALF))
    np.testing.assert_allclose(
        predict(loaded.model, _pixels()), np.load(folder / "expected.npy"), atol=1e-4
    )
    assert "inner_second" in [layer.name for layer in loading.layers_of(loaded.model)]
    assert loaded.contract is None


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_our_own_layers_and_quantizers_need_no_custom_objects(tmp_path: Path, name: str) -> None:
    model = build_compact_face_net(CompactFaceNetConfig(stages=((64, 1),)))
    model.save(tmp_path / name)
    loaded = loading.load(tmp_path / name)
    pixels = np.random.default_rng(6).uniform(-1, 1, (2, 112, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(predict(loaded.model, pixels), np.asarray(model(pixels)), atol=1e-4)


def test_the_digest_is_that_of_the_files(folder: Path, tmp_path: Path) -> None:
    first = loading.load(folder / "saved").sha256
    shutil.copytree(folder / "saved", tmp_path / "copy")
    assert loading.load(tmp_path / "copy").sha256 == first
    shutil.move(tmp_path / "copy" / "fingerprint.pb", tmp_path / "copy" / "other.pb")
    assert loading.load(tmp_path / "copy").sha256 != first


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        ("net.h5", (HALF,), "Scale"),
        ("net.h5", (SCALE,), "half_relu"),
        ("net.keras", (SCALE,), "half_relu"),
        ("net.keras", (HALF,), "Scale"),
        ("net.keras", (), "(?:Scale|half_relu)"),
    ],
)
def test_a_missing_custom_object_is_named_with_the_option(
    folder: Path, name: str, given: tuple[str, ...], missing: str
) -> None:
    with pytest.raises(ModelError, match=rf"custom object {missing}: .*--custom MODULE:{missing}"):
        loading.load(folder / name, given)


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ("Scale", "must be module:Name, but got 'Scale'"),
        ("no_such_module:Scale", "cannot be imported: ModuleNotFoundError"),
        ("converters.networks:Nothing", "cannot be imported: AttributeError"),
        ("converters.networks:BINARY", "is of type dict, but must be a class or a function"),
    ],
)
def test_a_wrong_custom_object_is_refused(folder: Path, custom: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loading.load(folder / "net.h5", (custom,))


def test_custom_objects_are_found_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_layers_here.py").write_text(
        "import tf_keras\nclass Twice(tf_keras.layers.Layer):\n"
        "    def call(self, inputs):\n        return 2 * inputs\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    from my_layers_here import Twice

    keras.Sequential([keras.Input((4,)), Twice()]).save("net.h5")
    assert loading.load(Path("net.h5"), ("my_layers_here:Twice",)).model.input_shape == (None, 4)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_is_no_model_is_refused_with_a_reason(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[Path, type[FaceSDKError], str]] = [
        (tmp_path / "nothing.h5", InputError, "does not exist"),
        (tmp_path / "empty", InputError, "neither a finished run .* nor a SavedModel"),
        (_write(tmp_path / "photo.jpg", b"\xff\xd8"), InputError, "must be a run folder"),
        (_write(tmp_path / "text.h5", b"no model"), ModelError, "neither HDF5 nor zip"),
        (_write(tmp_path / "zip.keras", b"PK\x03\x04"), ModelError, "cannot be loaded by Keras"),
        (folder / "weights.h5", ModelError, "holds weights only"),
    ]
    os.mkfifo(tmp_path / "pipe.h5")
    cases.append((tmp_path / "pipe.h5", InputError, "not a regular file"))
    whole = (folder / "net.h5").read_bytes()
    cases += [
        (_write(tmp_path / "cut.h5", whole[: len(whole) // 2]), ModelError, "cannot be loaded"),
        (_write(tmp_path / "renamed.keras", whole), ModelError, "rename it to end in .h5"),
    ]
    for path, kind, message in cases:
        with pytest.raises(kind, match=message):
            loading.load(path)


def test_weights_that_are_not_numbers_are_found(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "nan.h5"
    shutil.copy(folder / "net.h5", path)
    with h5py.File(path, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if "stem" in name else None)
        kernel = next(name for name in found if name.endswith("kernel:0"))
        file[kernel][0, 0, 0, :2] = (np.nan, np.inf)
    with pytest.raises(ModelError, match=r"layer stem has 2 of 864 values in .*kernel.* NaN"):
        loading.load(path, (SCALE, HALF))


def test_signatures_that_do_not_suit_are_refused(tmp_path: Path) -> None:
    layers = keras.layers
    variable = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 1)])
    inputs = [keras.Input((4,)), keras.Input((4,))]
    two = keras.Model(inputs, layers.add(inputs))
    single = keras.Input((4,))
    twins = keras.Model(single, [layers.ReLU()(single), layers.Softmax()(single)])
    pixels = keras.Input((4,), dtype="uint8")
    whole_numbers = keras.Model(pixels, networks.tf.cast(pixels, "float32"))
    for model, message in (
        (variable, r"variable size \?x\?x3: .*keras.Input\(\(112, 112, 3\)\)"),
        (two, "has 2 inputs"),
        (twins, "has 2 outputs"),
        (whole_numbers, "inputs of type uint8"),
    ):
        model.save(tmp_path / "net.h5")
        with pytest.raises(ModelError, match=message):
            loading.load(tmp_path / "net.h5")


class Other(keras.layers.Layer):
    """A layer that is made from other parameters than the one it is taken for."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.width = width


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_a_class_that_is_not_the_one_that_was_saved_is_said_to_be_wrong(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "Scale", Other)
    with pytest.raises(
        ModelError, match=r"describes a Other that the class does not take .*'width'"
    ):
        loading.load(folder / name, (SCALE, HALF))


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_weights_of_other_layers_are_one_line(tmp_path: Path, name: str) -> None:
    """The configuration of a network of two layers, the weights of one of them."""
    paths = [tmp_path / str(count) / name for count in (1, 2)]
    for count, path in enumerate(paths, 1):
        path.parent.mkdir()
        ends = [keras.layers.Dense(3, name=f"d{number}") for number in range(count)]
        keras.Sequential([keras.Input((3,)), *ends]).save(path)
    one, two = paths
    if name == "net.h5":
        with h5py.File(one, "r+") as target, h5py.File(two) as source:
            target.attrs["model_config"] = source.attrs["model_config"]
    else:
        with zipfile.ZipFile(one) as archive:
            weights = archive.read("model.weights.h5")
        with zipfile.ZipFile(two) as archive:
            parts = {part: archive.read(part) for part in archive.namelist()}
        with zipfile.ZipFile(one, "w") as archive:
            for part, content in {**parts, "model.weights.h5": weights}.items():
                archive.writestr(part, content)
    with pytest.raises(ModelError, match="does not hold the weights of its layers"):
        loading.load(one)


def test_a_saved_model_that_keras_did_not_write_is_refused(tmp_path: Path) -> None:
    class Twice(networks.tf.Module):
        @networks.tf.function(input_signature=[networks.tf.TensorSpec((1, 4))])
        def __call__(self, inputs: object) -> object:
            return 2 * inputs

    networks.tf.saved_model.save(Twice(), str(tmp_path / "saved"))
    with pytest.raises(ModelError, match=r"model\.save\(\)"):
        loading.load(tmp_path / "saved")


@pytest.mark.parametrize("count", [0, 1, 4, 7])
@pytest.mark.parametrize("batch", [None, 3])
def test_predictions_do_not_depend_on_batches(batch: int | None, count: int) -> None:
    inputs = keras.Input((5,), batch_size=batch)
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    rows = np.random.default_rng(1).normal(size=(count, 5)).astype(np.float32)
    kernel, bias = model.get_weights()
    got = predict(model, rows)
    assert (got.dtype, got.shape) == (np.float32, (count, 2))
    np.testing.assert_allclose(got, rows @ kernel + bias, atol=1e-6)


def test_a_run_is_its_network_with_what_it_says_about_itself(tmp_path: Path) -> None:
    run, model = small_runs.write_finished(tmp_path / "run")
    loaded = loading.load(run)
    pixels = np.random.default_rng(6).uniform(-1, 1, (2, 112, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(predict(loaded.model, pixels), np.asarray(model(pixels)), atol=1e-4)
    assert loaded.sha256 == run_folder.weights_sha256(run)
    assert loaded.contract is not None
    assert (loaded.contract.name, loaded.contract.variant) == ("compactfacenet-qb", "QB")


class Subclassed(keras.Model):
    """A model that is no graph of layers."""

    def call(self, inputs: Any) -> Any:
        return inputs * 2


def test_a_subclassed_model_is_refused_with_the_way_out(tmp_path: Path) -> None:
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    model.save(tmp_path / "saved")
    with pytest.raises(ModelError, match=r"is a subclassed model, .*tf.keras.Input"):
        loading.load(tmp_path / "saved")


class Levels:
    """A quantizer with a configuration, and without the method that Keras reads it by."""

    def __call__(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {}


def test_what_keras_misses_is_said_and_not_the_configuration_around_it(tmp_path: Path) -> None:
    image = keras.Input((4, 4, 2))
    layer = lq.layers.QuantConv2D(2, 1, input_quantizer=Levels())
    keras.Model(image, layer(image)).save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"missing a `from_config\(\)` method"):
        loading.load(tmp_path / "net.keras", (f"{__name__}:Levels",))
