"""What ``facesdk models show`` says, against LiteRT and its own schema classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import BIT, ModelDescription, describe
from facesdk.models.packed import pack

FLOAT = ["mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"]
NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
TYPES = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


def described(name: str) -> ModelDescription:
    return describe(ModelBundle.load(registry.resolve(name)))


@pytest.mark.parametrize("name", [*FLOAT, registry.DEFAULT_RECOGNIZER])
def test_operators_are_those_that_the_schema_classes_read(name: str) -> None:
    tree = schema.ModelT.InitFromPackedBuf(registry.resolve(name).read_bytes())
    builtin = [NAMES[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in tree.operatorCodes]
    custom = [code.customCode and code.customCode.decode() for code in tree.operatorCodes]
    codes = [name or other for name, other in zip(custom, builtin, strict=True)]
    expected = Counter(codes[operator.opcodeIndex] for operator in tree.subgraphs[0].operators)
    found: Counter[str] = Counter()
    for kind in described(name).operators:
        found[kind.name] += kind.count
    assert found == expected


@pytest.mark.parametrize("name", [*FLOAT, registry.DEFAULT_RECOGNIZER])
def test_constants_are_the_buffers(name: str) -> None:
    tree = schema.ModelT.InitFromPackedBuf(registry.resolve(name).read_bytes())
    expected: Counter[str] = Counter()
    for number, kind in {t.buffer: t.type for t in tree.subgraphs[0].tensors}.items():
        if tree.buffers[number].data is not None:
            expected[TYPES[kind].lower()] += len(tree.buffers[number].data)
    description = described(name)
    found = Counter(description.constants)
    found["int32"] += found.pop(BIT, 0)
    assert +found == +expected
    assert sum(expected.values()) + description.other_bytes == description.bytes


@pytest.mark.parametrize("name", FLOAT)
def test_inputs_and_outputs_are_those_of_the_runtime(name: str) -> None:
    interpreter = Interpreter(model_path=str(registry.resolve(name)))
    description = described(name)
    for ports, rows in (
        (description.inputs, interpreter.get_input_details()),
        (description.outputs, interpreter.get_output_details()),
    ):
        assert [(port.name, port.shape, port.dtype) for port in ports] == [
            (row["name"], tuple(row["shape"]), row["dtype"].__name__) for row in rows
        ]


def test_a_binary_model_needs_the_library_and_has_kernels_of_bits() -> None:
    description = described(registry.DEFAULT_RECOGNIZER)
    assert description.operator_library
    assert description.unknown_operators == ()
    assert ("LceBconv2d", "1x1") in {(kind.name, kind.bits) for kind in description.operators}
    assert description.constants[BIT] > 500_000
    assert description.contract is not None


def test_a_float_model_needs_no_library() -> None:
    description = described("mtcnn-onet")
    assert not description.operator_library
    assert BIT not in description.constants
    assert {kind.bits for kind in description.operators} == {None, "32x32"}


def test_operators_that_nobody_has_are_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    content = registry.resolve(registry.DEFAULT_RECOGNIZER).read_bytes()
    path.write_bytes(content.replace(b"LceBconv2d", b"MyBconv2d\0"))
    assert describe(ModelBundle.load(path)).unknown_operators == ("MyBconv2d\0",)


def test_a_packed_model_is_described_as_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite.pack"
    path.write_bytes(pack(registry.resolve("mtcnn-pnet").read_bytes()))
    packed, plain = describe(ModelBundle.load(path)).to_dict(), described("mtcnn-pnet").to_dict()
    assert packed.pop("packed_bytes") == path.stat().st_size
    assert plain.pop("packed_bytes") is None
    assert packed.pop("path") == str(path)
    del plain["path"]
    assert packed == plain
