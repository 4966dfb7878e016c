"""Writes ONNX files, and compares what becomes of them with ONNX's reference implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facesdk_converters.sources.onnx import network as onnx_network
from facesdk_training.keras import loading

RNG = np.random.default_rng(11)


class Graph:
    """Writes a graph, node by node; each result is named t0, t1, ..."""

    def __init__(self, *shape: int | str, opset: int = 15) -> None:
        self.shape, self.opset = shape, opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"t{len(self.nodes)}_{number}" for number in range(outputs)]
        node = helper.make_node(kind, inputs, names, f"/{kind}/{len(self.nodes)}", **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def conv(self, x: str, kernel: Any, bias: Any = None, **attributes: Any) -> str:
        weights = [self.constant(kernel), *([] if bias is None else [self.constant(bias)])]
        return str(self.add("Conv", x, *weights, **attributes))

    def save(self, path: Path, *outputs: str) -> Path:
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "net",
            [info("x", TensorProto.FLOAT, self.shape)],
            [info(name, TensorProto.FLOAT, None) for name in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        for output in model.graph.output:
            if not output.type.tensor_type.HasField("shape"):
                output.type.tensor_type.shape.dim.add().dim_param = "n"
                output.type.tensor_type.shape.dim.add().dim_param = "m"
        onnx.save(model, path)
        return path


def both(path: Path, count: int = 2) -> tuple[Any, Any, Any]:
    """The network, what ONNX's reference computes, and what the translation computes."""
    network = onnx_network.load(path)
    inputs = RNG.normal(0, 1, (network.batch or count, *network.input_shapes[0])).astype(np.float32)
    return network, network.predict(inputs)[0], loading.predict(network.model, inputs)


def require_equal(path: Path, rounding: float = 3e-6) -> Any:
    network, expected, got = both(path)
    assert expected.shape == got.shape
    np.testing.assert_allclose(got, expected, atol=rounding * max(1, np.abs(expected).max()))
    return network


def kinds(network: Any) -> list[str]:
    return [type(row).__name__ for row in network.layers]


def random(*shape: int, scale: float = 1.0) -> Any:
    return RNG.normal(0, scale, shape).astype(np.float32)
