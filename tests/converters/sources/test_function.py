"""SavedModels that have a function and no layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from converters.networks import BINARY, look_trained
from facesdk.cli.main import app
from facesdk.errors import ModelError
from facesdk_converters.sources import function, source

layers = tf.keras.layers


class Module(tf.Module):  # type: ignore[misc]
    """What `tf.saved_model.save` takes: a variable and a function of it."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable([[2.0], [3.0], [5.0], [7.0]])

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="vector")])  # type: ignore[untyped-decorator]
    def __call__(self, vector: Any) -> Any:
        return tf.matmul(vector, self.factor)


def test_what_tensorflow_saved_is_read_by_its_function(tmp_path: Path) -> None:
    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"))
    read = source.load(tmp_path / "saved")
    inputs = np.random.default_rng(1).normal(0, 1, (40, 4)).astype(np.float32)
    np.testing.assert_allclose(
        read.network.predict(inputs)[0], inputs @ [[2], [3], [5], [7]], rtol=1e-5
    )
    assert (read.network.input_shapes, read.network.output_shapes) == (((4,),), ((1,),))
    assert read.network.batch is None
    assert "was not written by Keras 2" in read.note
    assert len(read.sha256) == 64


def _saved(path: Path, body: Any, *specs: tf.TensorSpec) -> Path:
    module = tf.Module()
    module.run = tf.function(body, input_signature=specs)
    tf.saved_model.save(module, str(path), signatures=module.run.get_concrete_function())
    return path


VECTOR = tf.TensorSpec((1, 4), name="x")


@pytest.mark.parametrize(
    ("body", "specs", "message"),
    [
        (lambda x, y: {"z": x + y[0]}, [VECTOR, tf.TensorSpec((2, 4), name="y")], "same one"),
        (lambda x: {"a": x, "b": tf.cast(x, tf.int32)}, [VECTOR], "to float32, int32"),
        (lambda x: {"a": tf.cast(x, tf.int32)}, [VECTOR], "float32 to int32"),
        (lambda x: {"a": x + 1}, [tf.TensorSpec((1, None), name="x")], "variable size"),
        (lambda x: {"a": x + [1, 2, 3, np.nan]}, [VECTOR], "NaN"),
        (
            lambda x: {"a": x + tf.strings.to_number(tf.strings.as_string(x))},
            [VECTOR],
            "on text.*--trust",
        ),
    ],
)
def test_functions_that_do_not_suit_are_refused(
    tmp_path: Path, body: Any, specs: list[Any], message: str
) -> None:
    path = _saved(tmp_path / "saved", body, *specs)
    with pytest.raises(ModelError, match=message):
        source.load(path)


def test_weights_that_are_infinite_are_refused(tmp_path: Path) -> None:
    module = Module()
    module.factor[2, 0].assign(np.inf)
    tf.saved_model.save(module, str(tmp_path / "variable"))
    with pytest.raises(ModelError, match="has 1 of 4 values that are NaN or infinite"):
        source.load(tmp_path / "variable")
    kernel = tf.constant([[1.0], [np.inf], [2.0], [3.0]])
    path = _saved(tmp_path / "constant", lambda x: {"a": tf.matmul(x, kernel)}, VECTOR)
    with pytest.raises(ModelError, match="has 1 of 4 values that are NaN or infinite"):
        source.load(path)


def test_infinities_that_are_no_weights_are_kept(tmp_path: Path) -> None:
    """A mask of attention."""
    mask = [0.0, -np.inf, 0.0, -np.inf]
    path = _saved(tmp_path / "saved", lambda x: {"a": tf.nn.softmax(x + mask)}, VECTOR)
    got = source.load(path).network.predict(np.zeros((1, 4), np.float32))[0]
    np.testing.assert_allclose(got, [[0.5, 0, 0.5, 0]])


def test_a_module_without_a_signature_says_how_to_save_it(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"))
    with pytest.raises(ModelError, match="has no function 'serving_default'"):
        source.load(tmp_path / "saved")


def test_a_damaged_one_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x0a\xff\xff")
    with pytest.raises(ModelError, match="cannot be read"):
        source.load(tmp_path)


def _with_closures() -> Any:
    """What Keras cannot rebuild, and two things that LCE's converter would change."""
    image = layers.Input((32, 32, 3), name="image")
    x = layers.Conv2D(32, 7, strides=2)(layers.ZeroPadding2D(3)(image))
    options = {**BINARY, "padding": "same", "pad_values": 1.0}
    y = layers.BatchNormalization()(lq.layers.QuantConv2D(32, 3, **options)(x))
    half = 16
    first = layers.Lambda(lambda pair: pair[0][..., :half] + pair[1][..., :half])([x, y])
    x = layers.Concatenate()([first, layers.Lambda(lambda one: one[..., half:])(x)])
    x = layers.BatchNormalization(axis=2)(lq.layers.QuantConv2D(32, 3, **options)(x))
    x = layers.Dense(16)(layers.GlobalAveragePooling2D()(x))
    return look_trained(tf.keras.Model(image, x, name="closures"))


@pytest.mark.slow
def test_a_network_that_keras_cannot_rebuild_becomes_bits(tmp_path: Path) -> None:
    model = _with_closures()
    model.save(tmp_path / "saved", save_format="tf")
    read = source.load(tmp_path / "saved")
    assert isinstance(read.network, function.FunctionNetwork)
    assert "Lambda layer" in read.note
    images = np.random.default_rng(2).normal(0, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(read.network.predict(images)[0], model(images), atol=1e-4)
    words = ["convert", "lce", str(tmp_path / "saved"), "-o", str(tmp_path / "net.tflite")]
    words += ["--mean", "127.5", "--scale", "64", "--explain", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    bits = [row["weight_bits"] for row in record["explanation"]["rows"] if row["weight_bits"]]
    assert bits.count(1) == 2
    assert record["parity"]["min_cosine"] > 0.9999
    assert "layers are not known" in record["description"][0]
