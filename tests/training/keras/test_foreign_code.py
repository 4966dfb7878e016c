"""Code in a Keras file: it runs when it is trusted, and until then it is refused in a line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import larq as lq
import numpy as np
import pytest
from typer.testing import CliRunner

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters import networks
from facesdk.cli.main import app
from facesdk.errors import ModelError
from facesdk_training.keras import loading
from facesdk_training.keras.loading import predict

tf = networks.tf
keras = tf.keras
FORMS = ("net.h5", "net.keras", "saved")


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that code makes when it runs."""
    return tmp_path / "ran"


def with_lambda(ran: Path) -> Any:
    text = str(ran)
    doubled = keras.layers.Lambda(lambda x: (open(text, "w").close(), x * 2)[1], name="theirs")
    model = keras.Sequential([keras.Input((112, 112, 3)), doubled, keras.layers.Flatten()])
    model.add(keras.layers.Dense(4, kernel_initializer="ones"))
    return model


@pytest.mark.parametrize("name", FORMS)
def test_a_pickled_function_runs_only_when_trusted(tmp_path: Path, ran: Path, name: str) -> None:
    with_lambda(ran).save(tmp_path / name)
    ran.unlink()
    with pytest.raises(ModelError, match=r"Lambda layer theirs with Python code .*--trust"):
        loading.load(tmp_path / name)
    assert not ran.exists()
    model = loading.load(tmp_path / name, trust=True).model
    pixels = np.ones((1, 112, 112, 3), np.float32)
    np.testing.assert_allclose(predict(model, pixels), np.full((1, 4), 2 * pixels.size), rtol=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        ("convert", "float32", "-o", "out.tflite", "--no-verify"),
        ("evaluate", "folder", "--images", "crops", "--aligned", "--no-cache"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("name", ["net.h5", "saved"])
def test_both_verbs_refuse_a_pickled_function_and_take_it_with_trust(
    tmp_path: Path, ran: Path, words: tuple[str, ...], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    with_lambda(ran).save(name)
    ran.unlink()
    rng = np.random.default_rng(1)
    for person in "ab":
        for number in range(2):
            file = Path("crops", person, f"{number}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (112, 112, 3), np.uint8)).save(file)
    verb, kind, *options = words
    arguments = [verb, kind, name, *options]
    refused = CliRunner().invoke(app, arguments)
    assert "Lambda layer theirs" in refused.output
    assert not ran.exists()
    if (verb, name) == ("convert", "saved"):  # by its TensorFlow function, without the layer's
        assert refused.exit_code == 0
        assert Path("out.tflite").exists()
    else:
        assert refused.exit_code == 2
        assert not Path("out.tflite").exists()
    taken = CliRunner().invoke(app, [*arguments, "--trust"], catch_exceptions=False)
    assert taken.exit_code == 0, taken.output


def rewrite(path: Path, config: Any) -> None:
    """Puts another configuration into a ``.keras`` or ``.h5`` file."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(config).encode()
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def config_of(path: Path) -> Any:
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return json.loads(file.attrs["model_config"])
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


@pytest.fixture(params=["net.h5", "net.keras"])
def dense(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="end")]).save(path)
    return path


def named(kind: str, module: str, name: str) -> dict[str, Any]:
    config: Any = name if kind == "function" else {"name": "x"}
    label = "function" if kind == "function" else name
    return {"class_name": label, "config": config, "module": module, "registered_name": name}


def test_a_module_that_a_file_names_is_not_imported(
    dense: Path, tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_code.py").write_text(f"open({str(ran)!r}, 'w').close()\ndef f(x): return x")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = config_of(dense)
    config["config"]["layers"][-1]["config"]["activation"] = named("function", "their_code", "f")
    rewrite(dense, config)
    with pytest.raises(ModelError, match=r"custom object f: .*--custom MODULE:f"):
        loading.load(dense)
    assert not ran.exists()


@pytest.mark.parametrize(
    "activation",
    [
        named("function", "builtins", "eval"),
        named("function", "os", "system"),
        named("function", "keras.utils", "get_file"),
        named("class", "keras.utils", "get_file"),
        named("class", "subprocess", "Popen"),
    ],
    ids=lambda row: f"{row['class_name']}-{row['module']}",
)
def test_functions_that_are_no_part_of_a_network_are_refused(
    dense: Path, activation: dict[str, Any]
) -> None:
    config = config_of(dense)
    config["config"]["layers"][-1]["config"]["activation"] = activation
    rewrite(dense, config)
    with pytest.raises(ModelError, match="custom object"):
        loading.load(dense)


class Writes(keras.layers.Layer):
    """A layer that writes a file, in TensorFlow's operators."""

    def __init__(self, file: str, **options: Any) -> None:
        super().__init__(**options)
        self.file = file

    def call(self, inputs: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(self.file, "x")]):
            return inputs * 2


def test_a_saved_model_that_writes_files_is_refused(tmp_path: Path, ran: Path) -> None:
    keras.Sequential([keras.Input((4,)), Writes(str(ran))]).save(tmp_path / "saved")
    with pytest.raises(ModelError, match=r"operator \w+ on text, .*--trust"):
        loading.load(tmp_path / "saved")
    model = loading.load(tmp_path / "saved", trust=True).model
    np.testing.assert_array_equal(predict(model, np.ones((1, 4), np.float32)), np.full((1, 4), 2))
    assert ran.exists()


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_functions_of_tensorflow_are_taken_if_they_are_arithmetic(
    tmp_path: Path, name: str
) -> None:
    inputs = keras.Input((6,))
    x = tf.nn.relu(tf.reshape(inputs, (-1, 2, 3)) * 2.0 + 1.0)
    arithmetic = keras.Model(inputs, tf.reduce_mean(x, axis=1)[:, :2])
    arithmetic.save(tmp_path / name)
    pixels = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    got = predict(loading.load(tmp_path / name).model, pixels)
    np.testing.assert_allclose(
        got, np.maximum(pixels.reshape(3, 2, 3) * 2 + 1, 0).mean(1)[:, :2], 1e-5
    )

    text = keras.Model(inputs, tf.strings.to_number(tf.strings.as_string(inputs)))
    text.save(tmp_path / name)
    with pytest.raises(ModelError, match=r"TensorFlow's function strings\.\w+, .*--trust"):
        loading.load(tmp_path / name)


@pytest.mark.parametrize("name", [*FORMS[:2], pytest.param(FORMS[2], marks=pytest.mark.slow)])
def test_layers_of_every_kind_need_no_trust(tmp_path: Path, name: str) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, kernel_regularizer="l2", activation=tf.nn.relu6),
            layers.BatchNormalization(gamma_constraint="nonneg"),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Reshape((36, 4)),
            layers.Bidirectional(layers.SimpleRNN(3)),
            layers.Dropout(0.5),
            layers.Dense(
                2, activation="softmax", kernel_initializer=keras.initializers.HeNormal(3)
            ),
        ]
    )
    model.compile("adam", "mse", metrics=["accuracy"])
    model.save(tmp_path / name)
    pixels = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
    got = predict(loading.load(tmp_path / name).model, pixels)
    np.testing.assert_allclose(got, np.asarray(model(pixels)), atol=1e-5)


def scaled_sign(x: Any) -> Any:
    """A quantizer of the user's."""
    return tf.reduce_mean(tf.abs(x), axis=[0, 1, 2], keepdims=True) * lq.math.sign(x)


@pytest.mark.parametrize("which", ["input_quantizer", "kernel_quantizer"])
@pytest.mark.parametrize("name", FORMS[:2])
def test_a_quantizer_that_is_a_function_is_named(tmp_path: Path, name: str, which: str) -> None:
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": lq.quantizers.DoReFa(1)}
    layer = lq.layers.QuantConv2D(4, 3, **{**quantizers, which: scaled_sign})
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Flatten()])
    model.save(tmp_path / name)
    with pytest.raises(
        ModelError, match=r"custom object scaled_sign: .*--custom MODULE:scaled_sign"
    ):
        loading.load(tmp_path / name)
    custom = (f"{__name__}:scaled_sign",)
    pixels = np.random.default_rng(1).normal(0, 1, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        predict(loading.load(tmp_path / name, custom).model, pixels), model(pixels)
    )
