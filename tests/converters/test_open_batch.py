"""Binary networks for several inputs at a time, resized by a runtime that is strict about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from converters.networks import BINARY, look_trained
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.backend import load_backend
from facesdk.runtime.delegate import load_operators
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.convert import Request, convert
from facesdk_converters.inspection.batch import ONE_AT_A_TIME
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.targets import registry

layers = tf.keras.layers


@tf.keras.utils.register_keras_serializable(package="facesdk tests")
class OneVector(layers.Layer):  # type: ignore[misc]
    """All pictures as one vector."""

    def call(self, inputs: Any) -> Any:
        return tf.reshape(inputs, (1, 32))


def _converted(folder: Path, end: Any, batch: int | None) -> ModelBundle:
    image = layers.Input((8, 8, 3), batch_size=batch)
    x = layers.Conv2D(32, 3, strides=2)(image)
    x = lq.layers.QuantConv2D(32, 3, **BINARY)(x)
    model = look_trained(tf.keras.Model(image, end(x)))
    model.save(folder / "net.h5")
    request = Request(folder / "net.h5", folder / "net.tflite", verify=False)
    convert(request, registry.load("lce"))
    return ModelBundle.load(folder / "net.tflite")


def _gated() -> Any:
    """Squeeze and excite: one factor per channel, of the whole picture, and one of a vector."""
    image, vector = layers.Input((9, 9, 32), name="image"), layers.Input((32,), name="vector")
    x = layers.Dense(32, activation="sigmoid")(layers.GlobalAvgPool2D()(image))
    x = image * layers.Reshape((1, 1, 32))(x) * layers.Reshape((1, 1, 32))(vector)
    x = layers.Flatten()(lq.layers.QuantConv2D(32, 3, **BINARY)(x))
    return tf.keras.Model([vector, image], [layers.Dense(8)(x), x])


def _of_rows() -> Any:
    row = layers.Input((20, 32))
    x = lq.layers.QuantConv1D(32, 3, **BINARY)(row)
    return tf.keras.Model(row, lq.layers.QuantConv1D(16, 5, strides=2, **BINARY)(x))


def _of_windows() -> Any:
    """Parts of a picture beside the batch, as Swin has them."""
    image = layers.Input((8, 8, 32))
    x = tf.reshape(image, (-1, 2, 4, 2, 4, 32))
    x = tf.reshape(tf.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 4, 4, 32))
    x = lq.layers.QuantConv2D(32, 3, **BINARY)(x)
    return tf.keras.Model(image, tf.reshape(x, (-1, 4 * 2 * 2 * 32)))


def _attentive() -> Any:
    """Products of what is computed, which Larq Compute Engine's converter takes apart."""
    row = layers.Input((10, 32))
    first, second = (layers.Dense(32)(row) for _ in range(2))
    x = tf.matmul(tf.nn.softmax(tf.matmul(first, second, transpose_b=True)), row)
    return tf.keras.Model(row, lq.layers.QuantDense(16, **BINARY)(x))


def _written(model: Any, path: Path) -> Converted:
    look_trained(model).save(path, save_format="tf")
    return convert(Request(path, path.with_suffix(".tflite")), registry.load("lce"))


def _resized_strictly(bundle: ModelBundle, count: int) -> Any:
    backend = load_backend()
    runtime: Any = backend.interpreter.Interpreter(
        model_content=bundle.content, experimental_delegates=[load_operators(backend)]
    )
    for entry in runtime.get_input_details():
        runtime.resize_tensor_input(entry["index"], [count, *entry["shape"][1:]], strict=True)
    runtime.allocate_tensors()
    return runtime


def test_several_inputs_give_what_each_gives(tmp_path: Path) -> None:
    bundle = _converted(tmp_path, layers.Flatten(), None)
    runtime = _resized_strictly(bundle, 3)
    images = np.random.default_rng(4).normal(0, 1, (3, 8, 8, 3)).astype(np.float32)
    runtime.set_tensor(runtime.get_input_details()[0]["index"], images)
    runtime.invoke()
    together = runtime.get_tensor(runtime.get_output_details()[0]["index"])
    one = Interpreter(bundle)
    alone = np.concatenate([one.run(image[np.newaxis])[0] for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("end", "batch"),
    [(layers.Flatten(), 1), (OneVector(), None)],
    ids=["built for one", "reshaped to one"],
)
def test_networks_of_one_input_stay_so(tmp_path: Path, end: Any, batch: int | None) -> None:
    with pytest.raises(RuntimeError, match="ResizeInputTensorStrict"):
        _resized_strictly(_converted(tmp_path, end, batch), 3)


@pytest.mark.parametrize("built", [_gated, _of_rows, _of_windows])
def test_what_a_converter_leaves_out_for_one_input_is_there_for_several(
    tmp_path: Path, built: Any
) -> None:
    model = built()
    converted = _written(model, tmp_path / "net")
    assert ONE_AT_A_TIME not in converted.description
    runtime = _resized_strictly(ModelBundle.load(converted.path), 5)
    rng = np.random.default_rng(9)
    given = [rng.normal(0, 1, (5, *one.shape[1:])).astype(np.float32) for one in model.inputs]
    for entry, values in zip(runtime.get_input_details(), given, strict=True):
        runtime.set_tensor(entry["index"], values)
    runtime.invoke()
    expected = tf.nest.flatten(model(tf.nest.pack_sequence_as(model.input, given)))
    for entry, values in zip(runtime.get_output_details(), expected, strict=True):
        np.testing.assert_allclose(runtime.get_tensor(entry["index"]), values, atol=1e-3)


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    converted = _written(_attentive(), tmp_path / "net")
    assert ONE_AT_A_TIME in converted.to_dict()["description"]
    with pytest.raises(RuntimeError, match="ResizeInputTensorStrict"):
        _resized_strictly(ModelBundle.load(converted.path), 3)


def test_inputs_that_a_file_mixes_are_not_several(tmp_path: Path) -> None:
    """Its outputs have the shape of several, and each depends on the other inputs."""
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 3)(image)
    tf.keras.Model(image, x - 0.5 * tf.reduce_mean(x, axis=0, keepdims=True)).save(
        tmp_path / "net", save_format="tf"
    )
    request = Request(tmp_path / "net", tmp_path / "net.tflite", verify=False)
    assert ONE_AT_A_TIME in convert(request, registry.load("float32")).description
