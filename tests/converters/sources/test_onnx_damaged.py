"""ONNX files that are damaged, hostile or odd: one line with status 2, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from converters.onnx_graphs import Graph, random, require_equal
from facesdk.cli.main import app


def _convolution(path: Path, **attributes: Any) -> onnx.ModelProto:
    graph = Graph(1, 3, 8, 8)
    return onnx.load(graph.save(path, graph.conv("x", random(4, 3, 3, 3), **attributes)))


def _line(path: Path, model: onnx.ModelProto | bytes) -> str:
    """What the command says of a file that it must refuse."""
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    out = path.parent / "out"
    out.mkdir()
    words = ["convert", "float32", str(path), "-o", str(out / "net.tflite"), "--no-verify"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.exception
    assert list(out.iterdir()) == []
    (line,) = done.stderr.splitlines()
    out.rmdir()
    return str(line)


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    content = _convolution(path).SerializeToString()
    for length in [*range(0, len(content), 40), len(content) - 1]:
        assert "net.onnx" in _line(path, content[:length])


def _grown(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data += b"12345678"


def _huge(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 2**40


def _of_no_type(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


def _twice(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def _cyclic(model: onnx.ModelProto) -> None:
    (node,) = model.graph.node
    again = helper.make_node("Neg", node.output, ["z"])
    model.graph.node.append(again)
    node.input[0] = "z"


def _elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def _elsewhere_in_a_node(model: onnx.ModelProto) -> None:
    _elsewhere(model)
    value = onnx.TensorProto()
    value.CopyFrom(model.graph.initializer[0])
    del model.graph.initializer[:]
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c0"], value=value))


def _without_rows(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -1


def _of_bytes(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_grown, "not of their type and shape"),
        (_huge, "not of their type and shape"),
        (_of_no_type, "not of their type and shape"),
        (_twice, "breaks ONNX's rules"),
        (_cyclic, "breaks ONNX's rules"),
        (_elsewhere, "keeps weights in other files"),
        (_elsewhere_in_a_node, "points outside the directory"),
        (_without_rows, "inputs of variable size"),
        (_of_bytes, "takes an input that is not float32"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Any], None], words: str) -> None:
    path = tmp_path / "net.onnx"
    model = _convolution(path)
    damage(model)
    assert words in _line(path, model)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"auto_pad": "SAME"}, "which ONNX does not have"),
        ({"kernel_shape": [5, 5]}, "another kernel_shape"),
        ({"strides": [0, 1], "auto_pad": "SAME_UPPER"}, "node /Conv/0"),
        ({"strides": [2, 2], "dilations": [0, 1]}, "node /Conv/0"),
        ({"pads": [1, 1]}, "node /Conv/0"),
        ({"pads": [0, 0, 2**31, 2**31]}, "node /Conv/0"),
        ({"group": 7}, "node /Conv/0"),
    ],
)
def test_windows_that_are_none_are_named(
    tmp_path: Path, attributes: dict[str, Any], words: str
) -> None:
    path = tmp_path / "net.onnx"
    assert words in _line(path, _convolution(path, **attributes))


def _wide(kind: str, *values: Any, **attributes: Any) -> tuple[Graph, str]:
    graph = Graph(1, 3, 8, 8)
    inputs = [graph.constant(one) if one is not None else "" for one in values]
    return graph, str(graph.add(kind, "x", *inputs, **attributes))


def _constant(kind: str, *values: Any) -> tuple[Graph, str]:
    graph = Graph(1, 3, 8, 8)
    return graph, str(graph.add("Add", "x", graph.add(kind, *map(graph.constant, values))))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (_constant("ConstantOfShape", np.array([1, 3, 2**30, 8])), "more than 536,870,912 numbers"),
        (_constant("Range", *map(np.float32, (0, 1e12, 1))), "more than 536,870,912 numbers"),
        (_wide("Pad", np.array([0, 0, 0, 0, 0, 0, 2**30, 2**30])), "more than 536,870,912 numbers"),
        (_wide("Resize", None, np.array([1, 1, 1e7, 1e7])), "resizes to"),
        (_wide("Resize", None, np.array([1, 1, 0, 0])), "resizes to"),
        (_wide("Gather", np.array([99])), "that it does not have"),
        (_wide("Reshape", np.array([-1, -1])), "node /Reshape/0"),
        (_wide("Reshape", np.array([0, -1]), allowzero=1), "node /Reshape/0"),
        (_wide("QuantizeLinear", np.float32(0.1), np.int8(0)), "is QuantizeLinear"),
    ],
)
def test_what_no_device_holds_is_refused_before_it_is_made(
    tmp_path: Path, made: tuple[Graph, str], words: str
) -> None:
    graph, output = made
    path = tmp_path / "net.onnx"
    assert words in _line(path, onnx.load(graph.save(path, output)))


@pytest.mark.slow
def test_many_operators_behind_each_other(tmp_path: Path) -> None:
    """More than Python calls in each other."""
    graph = Graph("n", 4)
    x, half = "x", graph.constant(0.999)
    for _ in range(600):
        x = graph.add("Mul", graph.add("Neg", x), half)
    require_equal(graph.save(tmp_path / "net.onnx", x))


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 13, 17, 18, 21])
def test_every_opset_is_read(tmp_path: Path, opset: int) -> None:
    graph = Graph("n", 3, 6, 6, opset=opset)
    x = graph.conv("x", random(4, 3, 3, 3), pads=[1, 1, 1, 1])
    statistics = [graph.constant(np.abs(random(4)) + 0.5) for _ in range(4)]
    x = graph.add("Relu", graph.add("BatchNormalization", x, *statistics))
    x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    x = graph.add("Gemm", x, graph.constant(random(4, 6)), graph.constant(random(6)))
    require_equal(graph.save(tmp_path / "net.onnx", graph.add("Softmax", x)))


def test_sizes_below_one_are_open(tmp_path: Path) -> None:
    """Some exporters write -1 for a batch of any size."""
    graph = Graph("n", 3, 6, 6)
    path = graph.save(tmp_path / "net.onnx", graph.add("Relu", "x"))
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    path.write_bytes(model.SerializeToString())
    assert require_equal(path).batch is None
