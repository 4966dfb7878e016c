from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike

from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.tflite.prelu import merge_prelu
from facesdk_converters.tflite.tree import Tree


def decomposed(slopes: ArrayLike, shape: tuple[int, ...] = (1, 4, 4, 3)) -> Tree:
    """relu(x) + slope / 2 (x - |x|), as TensorFlow 1 wrote PReLU."""
    tree = Tree.empty("decomposed PReLU")
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


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 1), (1, 1, 4, 1), (4, 4, 4), (1, 4, 1, 4)])
def test_slopes_of_places_stay_as_they_were_written(shape: tuple[int, ...]) -> None:
    """Also where there are as many of them as channels."""
    tree = decomposed(np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape), (1, 4, 4, 4))
    assert merge_prelu(tree) == 0


def test_one_slope_is_that_of_every_channel() -> None:
    tree = decomposed([0.25])
    assert merge_prelu(tree) == 1
    np.testing.assert_array_equal(tree.values(int(tree.operators[0].inputs[1])), [[[0.25] * 3]])
