from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import ContractError, ModelError
from facesdk.models import packed, registry
from facesdk.models.bundle import ModelBundle
from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.schema import TABLES
from facesdk.tflite.verifier import verify

MODEL = registry.resolve("mtcnn-pnet")
CONTENT = MODEL.read_bytes()


def test_a_packaged_model_loads_with_its_contract() -> None:
    bundle = ModelBundle.load(MODEL)
    assert bundle.contract.task == "detection"
    assert bundle.custom_ops == ()
    assert bundle.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_model_in_memory_is_the_one_on_disk() -> None:
    bundle = ModelBundle.from_bytes(CONTENT, "from memory")
    assert bundle.path == Path("from memory")
    assert bundle.contract == ModelBundle.load(MODEL).contract
    assert ModelBundle.from_bytes(packed.pack(CONTENT), "packed").content == CONTENT


def test_damaged_bytes_are_refused_under_their_name() -> None:
    with pytest.raises(ModelError, match="the network is not a usable TFLite model"):
        ModelBundle.from_bytes(CONTENT[:-1000], "the network")


def test_a_binary_model_names_its_custom_operators() -> None:
    bundle = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    assert {"LceBconv2d", "LceQuantize"} <= set(bundle.custom_ops)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"hello, this is text" * 10, bytes(1000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a usable TFLite model"):
        ModelBundle.load(path)


def test_missing_directory_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        ModelBundle.load(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="is a directory"):
        ModelBundle.load(tmp_path)
    with pytest.raises(ModelError, match="cannot read"):
        ModelBundle.load(tmp_path / ("x" * 300))


def test_a_sparse_giant_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "giant.tflite"
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), 1 << 40)
    with pytest.raises(ModelError, match="at most"):
        ModelBundle.load(path)


def test_a_model_without_contract_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(CONTENT.replace(b"facesdk.json", b"another.json"))
    bundle = ModelBundle.load(path)
    assert bundle.embedded_contract is None
    with pytest.raises(ContractError, match="carries no facesdk contract"):
        _ = bundle.contract


def test_an_unknown_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "future.tflite"
    changed = CONTENT.replace(b'"schema_version": 1', b'"schema_version": 7')
    assert changed != CONTENT
    path.write_bytes(changed)
    with pytest.raises(ContractError, match="schema version 7"):
        ModelBundle.load(path)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(CONTENT) - 1))
def test_every_truncation_is_found(length: int) -> None:
    with pytest.raises(FlatbufferError):
        verify(CONTENT[:length])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), max_size=8))
def test_damage_raises_nothing_but_flatbuffer_errors(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(CONTENT)
    for position, value in changes:
        damaged[position] = value
    with suppress(FlatbufferError):
        verify(bytes(damaged))


def changed(content: bytes, table: Table, field: str, element: int, value: int) -> bytes:
    """A copy with another element of a vector of int32; element -1 is the vector's length."""
    start, _ = table.vector(field)
    result = bytearray(content)
    struct.pack_into("<i", result, start + 4 * element, value)
    return bytes(result)


GRAPH = next(verify(CONTENT).tables("subgraphs"))
FIRST, SECOND = list(GRAPH.tables("operators"))[:2]
IMAGE, RESULT = GRAPH.integers("inputs")[0], GRAPH.integers("outputs")[0]


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (changed(CONTENT, FIRST, "inputs", 0, RESULT), "reads tensor .* before it is written"),
        (changed(CONTENT, FIRST, "outputs", 0, IMAGE), "written twice, or is a constant or input"),
        (
            changed(CONTENT, FIRST, "outputs", 0, FIRST.integers("inputs")[1]),
            "is a constant or input",
        ),
        (changed(CONTENT, SECOND, "outputs", 0, FIRST.integers("outputs")[0]), "is written twice"),
        (changed(CONTENT, SECOND, "outputs", 0, -1), "refers to number -1"),
        (changed(CONTENT, FIRST, "inputs", 0, -1), "refers to number -1"),
        (changed(CONTENT, GRAPH, "inputs", -1, 0), f"reads tensor {IMAGE} before it is written"),
    ],
)
def test_a_tensor_is_written_once_and_before_it_is_read(damaged: bytes, message: str) -> None:
    with pytest.raises(FlatbufferError, match=message):
        verify(damaged)


def test_a_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(FlatbufferError, match="is not UTF-8"):
        verify(CONTENT.replace(b"facesdk.json", b"\xf9acesdk.json"))


def test_an_output_that_nothing_writes_is_refused() -> None:
    *_, last = GRAPH.tables("operators")
    with pytest.raises(FlatbufferError, match=f"output tensor {RESULT} is never written"):
        verify(changed(CONTENT, last, "outputs", -1, 0))


def test_inputs_are_left_out_only_where_runtimes_allow_it() -> None:
    content = registry.resolve("mtcnn-rnet").read_bytes()
    *_, dense, _gather = next(verify(content).tables("subgraphs")).tables("operators")
    verify(changed(content, dense, "inputs", 2, -1))
    with pytest.raises(FlatbufferError, match="FULLY_CONNECTED has a required input left out"):
        verify(changed(content, dense, "inputs", 1, -1))


@pytest.mark.parametrize("field", TABLES["Pool2DOptions"])
@pytest.mark.parametrize("value", [-16_777_213, 0, 65_537])
def test_an_absurd_pooling_window_is_refused(field: str, value: int) -> None:
    every = [row.table("builtin_options") for row in GRAPH.tables("operators")]
    options = next(row for row in every if row is not None and row.kind == "Pool2DOptions")
    at = options.position_of(field)
    assert at is not None
    damaged = bytearray(CONTENT)
    struct.pack_into("<i", damaged, at, value)
    with pytest.raises(FlatbufferError, match=f"a pooling window has .*{value}"):
        verify(bytes(damaged))


def test_a_depthwise_convolution_without_bias_is_refused() -> None:
    content = registry.resolve(registry.DEFAULT_RECOGNIZER).read_bytes()
    model = verify(content)
    codes = [code.scalar("builtin_code") for code in model.tables("operator_codes")]
    operators = next(model.tables("subgraphs")).tables("operators")
    depthwise = next(row for row in operators if codes[row.scalar("opcode_index")] == 4)
    with pytest.raises(FlatbufferError, match="DEPTHWISE_CONV_2D has 2 inputs"):
        verify(changed(content, depthwise, "inputs", -1, 2))
