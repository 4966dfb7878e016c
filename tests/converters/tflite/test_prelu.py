from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.tflite.prelu import merge_prelu
from facesdk_converters.tflite.tree import Tree


def decomposed(slopes: list[float]) -> Tree:
    """relu(x) + slope / 2 (x - |x|), as TensorFlow 1 wrote PReLU."""
    tree = Tree.empty("decomposed PReLU")
    shape = (1, 4, 4, len(slopes))
    x, relu, magnitude, difference, product, y = (tree.add_activation(n, shape) for n in "xrasmy")
    factor = tree.add_constant("c", np.asarray(slopes, np.float32) / 2)
    tree.inputs, tree.outputs = [x], [y]
    tree.operators = [
        schema.OperatorT(opcodeIndex=tree.code(kind), inputs=given, outputs=[output])
        for kind, given, output in (
            ("RELU", [x], relu),
            ("ABS", [x], magnitude),
            ("SUB", [x, magnitude], difference),
            ("MUL", [factor, difference], product),
            ("ADD", [relu, product], y),
        )
    ]
    return tree


def test_a_decomposed_prelu_becomes_one_operator() -> None:
    slopes = [0.25, -0.5, 1.5]
    tree = decomposed(slopes)
    original = ModelBundle.from_bytes(tree.to_bytes(), "original")
    assert merge_prelu(tree) == 1
    tree.compact()
    merged = ModelBundle.from_bytes(tree.to_bytes(), "merged")
    assert [operator.name for operator in merged.graph.operators] == ["PRELU"]
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    expected = np.where(x > 0, x, x * np.asarray(slopes, np.float32))
    for bundle in (original, merged):
        (got,) = Interpreter(bundle, input_shapes=[x.shape]).run(x)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_a_prelu_whose_parts_are_read_elsewhere_stays() -> None:
    tree = decomposed([0.25, 0.5, 0.75])
    tree.outputs = [*tree.outputs, int(tree.operators[1].outputs[0])]
    assert merge_prelu(tree) == 0
    assert len(tree.operators) == 5
