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


def _resized_strictly(bundle: ModelBundle, count: int) -> Any:
    backend = load_backend()
    runtime: Any = backend.interpreter.Interpreter(
        model_content=bundle.content, experimental_delegates=[load_operators(backend)]
    )
    (entry,) = runtime.get_input_details()
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
