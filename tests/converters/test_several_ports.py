"""Networks of several inputs and outputs, in the order of their source whatever their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from contracts import other
from converters.networks import BINARY, look_trained
from facesdk.cli.main import app
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating

layers = tf.keras.layers
RNG = np.random.default_rng(21)
FED = ["--mean", "127.5", "--scale", "64"]


def _network(left: str = "left", face: str = "face") -> Any:
    """Outputs and inputs of one shape each, whose names sort the other way round."""
    inputs = [layers.Input((8, 8, 3), name=left), layers.Input((8, 8, 3), name=face)]
    stem = layers.Conv2D(32, 3, strides=2, name="stem")
    binary = lq.layers.QuantConv2D(32, 3, **BINARY, name="binary")
    vectors = [layers.Flatten()(binary(stem(one))) for one in inputs]
    outputs = [layers.Dense(9, name=f"{name}_of_one")(vectors[0]) for name in ("z", "a")]
    outputs.append(layers.Subtract(name="difference")(vectors))
    return look_trained(tf.keras.Model(inputs, outputs))


@pytest.fixture(scope="module")
def network() -> Any:
    return _network()


def _convert(target: str, source: Path, out: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        app, ["convert", target, str(source), "-o", str(out), *FED, *words, "--json"]
    )
    assert done.exit_code == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def _require_order(path: Path, expected: Callable[..., list[Any]], *shapes: Any) -> None:
    """Of inputs in their order a file gives the source's outputs in theirs."""
    inputs = [RNG.normal(0, 1, (1, *shape)).astype(np.float32) for shape in shapes]
    for got, wanted in zip(
        Interpreter(ModelBundle.load(path)).run(*inputs), expected(*inputs), strict=True
    ):
        np.testing.assert_allclose(got, np.asarray(wanted), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("target", ["lce", "float32"])
def test_a_network_keeps_the_order_of_its_ports(network: Any, tmp_path: Path, target: str) -> None:
    network.save(tmp_path / "net.h5")
    record = _convert(target, tmp_path / "net.h5", tmp_path / "net.tflite", "--explain")
    assert record["parity"]["outputs_compared"] == 3
    _require_order(
        tmp_path / "net.tflite", lambda *given: network(list(given)), (8, 8, 3), (8, 8, 3)
    )
    rows = record["explanation"]["rows"]
    assert {"z_of_one", "a_of_one", "difference"} <= {row["layer"] for row in rows}


@pytest.mark.parametrize("names", [["in"], ["self"], ["gr\u00fcn"], ["a b"], ["self", "9 in"]])
def test_names_that_python_takes_for_no_argument_stay_those_of_the_file(
    tmp_path: Path, names: list[str]
) -> None:
    inputs = [layers.Input((12,), name=name) for name in names]
    outputs = [layers.Dense(9, name=f"out-{place}")(one) for place, one in enumerate(inputs)]
    model = look_trained(tf.keras.Model(inputs, outputs))
    path = tmp_path / "net.tflite"
    source = Source(Path("net"), KerasNetwork(model), "", other(None, None), documented=False)
    path.write_bytes(floating.convert(source, half=False).content)
    _require_order(path, lambda *given: tf.nest.flatten(model(list(given))), *[(12,)] * len(names))
    (signature,) = tf.lite.Interpreter(str(path)).get_signature_list().values()
    assert signature == {"inputs": sorted(names), "outputs": sorted(model.output_names)}


@pytest.mark.slow
def test_names_that_no_signature_takes_are_no_hindrance(tmp_path: Path) -> None:
    model = _network("input.1", "9 in")
    model.save(tmp_path / "net.keras")
    _convert("lce", tmp_path / "net.keras", tmp_path / "net.tflite")
    _require_order(tmp_path / "net.tflite", lambda *given: model(list(given)), (8, 8, 3), (8, 8, 3))


@pytest.mark.slow
def test_a_function_keeps_the_order_of_its_signature(network: Any, tmp_path: Path) -> None:
    """Larq Compute Engine's converter sorted them by names of its own: another network's file."""
    module = tf.Module()
    module.inner = network

    def run(zz: Any, aa: Any) -> Any:
        first, second, third = network([zz, aa], training=False)
        return {"b": first, "a": second, "c": third}

    specs = [tf.TensorSpec((None, 8, 8, 3), name=name) for name in ("zz", "aa")]
    module.run = tf.function(run)
    signature = module.run.get_concrete_function(*specs)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signature)
    _convert("lce", tmp_path / "saved", tmp_path / "net.tflite")

    def by_name(aa: Any, zz: Any) -> list[Any]:
        outputs = run(zz, aa)
        return [outputs[name] for name in sorted(outputs)]

    _require_order(tmp_path / "net.tflite", by_name, (8, 8, 3), (8, 8, 3))


def test_an_onnx_file_keeps_the_order_of_its_ports(tmp_path: Path) -> None:
    weights = RNG.normal(0, 1, (12, 12)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["input.9", "w"], ["product"]),
        helper.make_node("Add", ["product", "input.1"], ["z"]),
        helper.make_node("Sub", ["product", "input.1"], ["a"]),
    ]
    given, made = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 12)) for name in names]
        for names in (("input.9", "input.1"), ("z", "a"))
    )
    constants = [numpy_helper.from_array(weights, "w")]
    graph = helper.make_graph(nodes, "two", given, made, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save_model(model, tmp_path / "net.onnx")
    record = _convert("float32", tmp_path / "net.onnx", tmp_path / "net.tflite")
    assert record["parity"]["outputs_compared"] == 2
    _require_order(
        tmp_path / "net.tflite",
        lambda nine, one: [nine @ weights + one, nine @ weights - one],
        (12,),
        (12,),
    )


def test_one_output_of_several_that_tells_nothing_is_named(tmp_path: Path) -> None:
    image = layers.Input((8, 8, 3))
    vector = layers.Flatten()(image)
    first = layers.Dense(10)(vector)
    same = layers.Dense(10, kernel_initializer="zeros", bias_initializer="ones")(vector)
    tf.keras.Model(image, [first, same]).save(tmp_path / "net.h5")
    words = ["convert", "float32", str(tmp_path / "net.h5"), "-o", str(tmp_path / "net.tflite")]
    done = CliRunner().invoke(app, [*words, *FED])
    assert done.exit_code == 2
    assert "gives the same output number 2 dense" in done.stderr
    assert not (tmp_path / "net.tflite").exists()


class _WithMean(tf.Module):  # type: ignore[misc]
    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])  # type: ignore[untyped-decorator]
    def __call__(self, image: Any) -> dict[str, Any]:
        return {"each": tf.reduce_mean(image, (1, 2)), "whole": tf.reduce_mean(image)}


def _of_a_whole_batch(path: Path) -> Path:
    """A network with an output that has no axis for the batch."""
    image = layers.Input((8, 8, 3))
    each, whole = layers.Dense(9)(layers.Flatten()(image)), tf.reduce_mean(image)
    module = _WithMean()
    if path.suffix == ".h5":
        tf.keras.Model(image, [each, whole]).save(path)
    elif path.suffix == ".tflite":
        functions = [module.__call__.get_concrete_function()]
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions(functions).convert())
    else:
        tf.saved_model.save(module, str(path), signatures=module.__call__)
    return path


@pytest.mark.parametrize("name", ["net.h5", "saved", "net.tflite"])
def test_an_output_of_a_whole_batch_is_refused(tmp_path: Path, name: str) -> None:
    words = ["convert", "float32", str(_of_a_whole_batch(tmp_path / name)), *FED]
    done = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out.tflite"), "--no-verify"])
    assert done.exit_code == 2
    assert "gives a single number for a whole batch as its output" in done.stderr
    assert done.stderr.count("\n") == 1


def test_several_ports_are_no_recogniser(network: Any, tmp_path: Path) -> None:
    network.save(tmp_path / "net.h5")
    words = ["convert", "lce", str(tmp_path / "net.h5"), "-o", str(tmp_path / "net.tflite")]
    done = CliRunner().invoke(app, [*words, "--task", "recognition"])
    assert done.exit_code == 2
    assert "has 2 inputs and 3 outputs: a recognition model has one of each" in done.stderr
