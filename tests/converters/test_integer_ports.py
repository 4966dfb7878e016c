"""Files whose inputs and outputs are integers: ``facesdk convert --io``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from converters.networks import look_trained
from facesdk.cli.main import app
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.embedding import Embedder
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import faces
from facesdk_converters.tflite.integer_ports import with_integer_ports
from facesdk_converters.tflite.tree import Tree

layers = tf.keras.layers


def _doubling() -> ModelBundle:
    """Twice the input, as two outputs of one tensor, and the input itself."""
    tree = Tree.empty("doubling")
    given, made = (tree.add_activation(name, (1, 64)) for name in ("given", "made"))
    code = tree.code("ADD")
    from ai_edge_litert import schema_py_generated as schema

    options = schema.AddOptionsT()
    tree.operators = [
        schema.OperatorT(
            opcodeIndex=code,
            inputs=[given, given],
            outputs=[made],
            builtinOptions=options,
            builtinOptionsType=schema.BuiltinOptions.AddOptions,
        )
    ]
    tree.inputs, tree.outputs = [given], [made, made, given]
    return ModelBundle.from_bytes(tree.to_bytes(), "doubling")


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_integers_stand_for_what_the_specification_says(dtype: str) -> None:
    spans = [(-6.0, 2.0)] * 2 + [(-3.0, 1.0)]
    bundle = with_integer_ports(_doubling(), dtype, [(-3.0, 1.0)], spans)
    limits = np.iinfo(dtype)
    codes = np.linspace(limits.min, limits.max, 64).astype(dtype)[np.newaxis]
    kind = bundle.quantization("inputs")
    assert kind is not None and kind.scale == pytest.approx(4 / 255)
    assert kind.zero_point == limits.min + 191, "3 of 4 parts lie below 0"
    real = (codes.astype(np.float64) - kind.zero_point) * kind.scale
    twice, again, same = Interpreter(bundle).run(codes)
    np.testing.assert_array_equal(same, codes)
    np.testing.assert_array_equal(again, twice)
    made = bundle.quantization("outputs")
    assert made is not None
    wanted = np.rint(2 * real / made.scale) + made.zero_point
    assert np.abs(twice - np.clip(wanted, limits.min, limits.max)).max() <= 1


def _embedder() -> Any:
    image = layers.Input((112, 112, 3))
    x = layers.Conv2D(4, 7, strides=8, activation="relu")(image)
    x = layers.Conv2D(8, 3, strides=2)(x)
    return look_trained(tf.keras.Model(image, layers.Dense(128)(layers.Flatten()(x))))


def _convert(target: str, path: Path, out: Path, *words: str) -> Any:
    fed = ["--task", "recognition", "--mean", "127", "--scale", "64"]
    return CliRunner().invoke(app, ["convert", target, str(path), "-o", str(out), *fed, *words])


def _require_embeddings(out: Path, model: Any, least: float) -> None:
    bundle = ModelBundle.load(out, trust=True)
    interpreter = Interpreter(bundle)
    assert interpreter.input_dtypes == (np.dtype(np.int8),)
    assert interpreter.run(np.zeros((1, 112, 112, 3), np.int8))[0].dtype == np.int8
    crops = faces.load()
    got = Embedder(bundle, bundle.contract).embed(crops)
    expected = np.asarray(model((crops.astype(np.float32) - 127) / 64))
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.sum(np.asarray(got) * expected, axis=1).min() > least


def test_a_recogniser_with_integers_at_its_ends_gives_the_same_embeddings(tmp_path: Path) -> None:
    model = _embedder()
    model.save(tmp_path / "net.h5")
    done = _convert("float32", tmp_path / "net.h5", tmp_path / "net.tflite", "--io", "int8")
    assert done.exit_code == 0, done.stderr
    _require_embeddings(tmp_path / "net.tflite", model, 0.9995)


@pytest.mark.slow
def test_integers_inside_a_fixed_point_network_are_handed_out(tmp_path: Path) -> None:
    model = _embedder()
    model.save(tmp_path / "net.h5")
    done = _convert("fixed-point", tmp_path / "net.h5", tmp_path / "net.tflite", "--io", "int8")
    assert done.exit_code == 0, done.stderr
    _require_embeddings(tmp_path / "net.tflite", model, 0.995)
    names = [row.name for row in ModelBundle.load(tmp_path / "net.tflite").graph.operators]
    assert names[-1] == "FULLY_CONNECTED", "its own integers, not quantized anew"


def test_what_integers_cannot_be_for_is_said(tmp_path: Path) -> None:
    vector = layers.Input((12,))
    tf.keras.Model(vector, layers.Dense(9)(vector)).save(tmp_path / "net.h5")
    words = ["convert", "float32", str(tmp_path / "net.h5"), "-o", str(tmp_path / "net.tflite")]
    for given, message in (
        (["--io", "int4"], "--io must be one of float32, int8, uint8, but got 'int4'"),
        (["--io", "int8"], "takes (12,), whose range is not known"),
    ):
        done = CliRunner().invoke(app, [*words, *given])
        assert done.exit_code == 2
        assert message in done.stderr
    assert not (tmp_path / "net.tflite").exists()
