from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk_converters.inspection.explanation import explain
from facesdk_converters.inspection.explanation_text import as_text
from facesdk_converters.tflite.tree import Tree


def test_an_operator_without_outputs_has_a_row_too() -> None:
    """Networks with state have such: ASSIGN_VARIABLE writes no tensor."""
    tree = Tree.empty("state")
    x, y = (tree.add_activation(name, (1, 4)) for name in "xy")
    tree.inputs, tree.outputs = [x], [y]
    tree.operators = [
        schema.OperatorT(tree.code("ASSIGN_VARIABLE"), [x, x], []),
        schema.OperatorT(tree.code("RELU"), [x], [y]),
    ]
    explanation = explain(ModelBundle.from_bytes(tree.to_bytes(), "state").graph)
    assert [row.operator for row in explanation.rows] == ["ASSIGN_VARIABLE", "RELU"]
    assert (explanation.rows[0].layer, explanation.rows[0].output_shape) == ("", ())
    assert "ASSIGN_VARIABLE" in as_text(explanation)


def test_bytes_and_multiply_adds_are_those_of_the_definition() -> None:
    tree = Tree.empty("dense")
    x, y = tree.add_activation("x", (2, 3)), tree.add_activation("y", (2, 5))
    matrix = tree.add_constant("matrix", np.ones((5, 3), np.float32))
    tree.inputs, tree.outputs = [x], [y]
    options = schema.FullyConnectedOptionsT()
    kind = schema.BuiltinOptions.FullyConnectedOptions
    tree.operators = [
        schema.OperatorT(
            tree.code("FULLY_CONNECTED"), [x, matrix, -1], [y],
            builtinOptionsType=kind, builtinOptions=options,
        )
    ]  # fmt: skip
    content = tree.to_bytes()
    explanation = explain(ModelBundle.from_bytes(content, "dense").graph)
    assert explanation.multiply_adds == {"32x32": 15}, "of one input, whatever the batch"
    assert explanation.bytes_by_kind["32-bit weights"] == 60
    assert sum(explanation.bytes_by_kind.values()) == explanation.file_bytes == len(content)


def test_a_model_file_is_explained_without_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from facesdk_converters.cli.convert import app\n"
        "try: app(['explain', sys.argv[1]])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'tf_keras', 'larq', 'larq_compute_engine'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    model = registry.resolve("compactfacenet-qb")
    done = subprocess.run([sys.executable, "-c", code, model], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "LceBconv2d" in done.stdout
