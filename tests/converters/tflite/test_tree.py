"""The editable tree: what is added, what is dropped, and what stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from contracts import other
from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite import weights
from facesdk_converters.tflite.tree import Tree, write_contract

CONTRACT = other(None, None)


def sums() -> Tree:
    """x + 1 and, from a second constant, x + 2."""
    tree = Tree.empty("sums")
    x, first, second = (tree.add_activation(name, (1, 3)) for name in ("x", "first", "second"))
    tree.inputs, tree.outputs = [x], [first, second]
    for output, number in ((first, 1), (second, 2)):
        constant = tree.add_constant(f"constant_{number}", np.full(3, number, np.float32))
        add = schema.OperatorT(tree.code("ADD"), [x, constant], [output])
        tree.operators = [*tree.operators, add]
    return tree


def bundle_of(tree: Tree) -> ModelBundle:
    return ModelBundle.from_bytes(tree.to_bytes(), "test")


def test_what_is_written_runs_and_can_be_read() -> None:
    bundle = bundle_of(sums())
    x = np.array([[1, -2, 0.5]], np.float32)
    first, second = Interpreter(bundle).run(x)
    np.testing.assert_array_equal(first, x + 1)
    np.testing.assert_array_equal(second, x + 2)
    again = Tree.of(bundle)
    assert again.to_bytes() == bundle.content
    assert [again.kind(operator) for operator in again.operators] == ["ADD", "ADD"]
    assert [again.name(tensor) for tensor in again.inputs] == ["x"]
    assert again.values(3).tolist() == [1, 1, 1]


def test_an_operator_code_is_there_once_whoever_wrote_it() -> None:
    """Files of before 2020 have the code in a field of 8 bits only."""
    tree = sums()
    places = [
        tree.code(name) for name in ("ADD", "MUL", "FacesdkBinaryDense", "MUL", "LceQuantize")
    ]
    assert places == [0, 1, 2, 1, 3]
    tree.model.operatorCodes[1].builtinCode = 0
    assert [tree.code(name) for name in ("MUL", "FacesdkBinaryDense", "ADD")] == [1, 2, 0]
    assert tree.code("MUL", 2) == 4, "another version is another code"


def test_codes_beyond_8_bits_are_marked_for_old_readers() -> None:
    tree = Tree.empty("test")
    code = tree.model.operatorCodes[tree.code("GELU")]
    assert code.deprecatedBuiltinCode == 127
    assert code.builtinCode == schema.BuiltinOperator.GELU
    assert tree.code("GELU") == 0


@pytest.mark.parametrize("type_name", ["int8", "int4", "int2"])
def test_packed_constants_are_read_as_they_were_given(type_name: str) -> None:
    tree = sums()
    codes = np.array([[1, -2, 0], [-1, 1, -2]], np.int32)
    bits = {"int8": 8, "int4": 4, "int2": 2}[type_name]
    packed = weights.pack_integers(codes, bits)
    tree.add_constant("codes", packed, type_name=type_name, shape=codes.shape)
    tensor = bundle_of(tree).graph.tensors[-1]
    assert (tensor.name, tensor.dtype, tensor.shape) == ("codes", type_name, (2, 3))
    np.testing.assert_array_equal(weights.values(tensor), codes)


def test_compacting_drops_what_nothing_refers_to_and_nothing_else() -> None:
    tree = sums()
    kept = tree.copy()
    tree.operators, tree.outputs = tree.operators[1:], tree.outputs[1:]
    tree.code("MUL")
    tree.compact()
    assert [tree.name(number) for number in range(len(tree.tensors))] == [
        "x",
        "second",
        "constant_2",
    ]
    assert len(tree.model.buffers) == 2 and len(tree.model.operatorCodes) == 1
    (got,) = Interpreter(bundle_of(tree)).run(np.zeros((1, 3), np.float32))
    assert got.tolist() == [[2, 2, 2]]
    assert len(kept.operators) == 2, "a copy is not touched"


def test_compacting_keeps_the_notes_of_old_converters() -> None:
    """``metadata_buffer`` of the schema's first versions numbers buffers, as metadata does."""
    tree = sums()
    tree.model.buffers.append(schema.BufferT(np.frombuffer(b"a note", np.uint8)))
    tree.model.metadataBuffer = [len(tree.model.buffers) - 1]
    tree.operators, tree.outputs = tree.operators[1:], tree.outputs[1:]
    tree.compact()
    (number,) = tree.model.metadataBuffer
    assert bytes(tree.model.buffers[number].data) == b"a note"


def test_constants_of_one_buffer_can_be_changed_apart() -> None:
    tree = sums()
    first, second = tree.operators
    second.inputs = [second.inputs[0], first.inputs[1]]
    tree.unshare_constants()
    tree.set_constant(int(second.inputs[1]), [5, 6, 7])
    assert tree.values(int(first.inputs[1])).tolist() == [1, 1, 1]
    assert tree.values(int(second.inputs[1])).tolist() == [5, 6, 7]


def test_a_model_of_several_subgraphs_takes_a_contract_but_no_edit() -> None:
    tree = sums()
    tree.model.subgraphs = [*tree.model.subgraphs, *sums().model.subgraphs]
    bundle = bundle_of(tree)
    again = ModelBundle.from_bytes(write_contract(bundle, CONTRACT), "test")
    assert again.contract == CONTRACT
    with pytest.raises(ModelError, match="several subgraphs"):
        Tree.of(bundle).operators  # noqa: B018


def test_the_contract_is_the_only_metadata_that_is_counted_and_dropped() -> None:
    tree = sums()
    assert tree.metadata_bytes == 0
    tree.set_contract(CONTRACT)
    assert tree.metadata_bytes == len(CONTRACT.to_json())
    assert bundle_of(tree).graph.metadata_bytes == tree.metadata_bytes
    tree.drop_metadata()
    tree.compact()
    assert tree.to_bytes() == sums().to_bytes()
