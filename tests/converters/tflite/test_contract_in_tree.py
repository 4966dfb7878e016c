"""The contract in a model file, read by everything that may read the file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import METADATA_NAME, Contract, InputSpec
from facesdk.models.contract_writer import replace_contract
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.verifier import verify
from facesdk_converters.tflite.chain import Chain
from facesdk_converters.tflite.tree import Tree, write_contract
from runtimes import RUNTIMES

CONTRACT = Contract(
    name="née",  # not ASCII
    task="detection",
    architecture="Test",
    variant="float",
    input=InputSpec(height=4, width=5, color="RGB", mean=0.0, scale=1.0),
    license="MIT",
    source="a test",
    source_sha256="0" * 64,
)


@pytest.fixture(scope="module")
def model() -> bytes:
    rng = np.random.default_rng(0)
    chain = Chain("pixels", (1, 4, 5, 3), (0,), description="test")
    chain.conv2d(rng.normal(size=(3, 3, 3, 8)), rng.normal(size=8))
    chain.prelu(rng.normal(size=8))
    chain.dense(rng.normal(size=(48, 7)), rng.normal(size=7))
    return chain.to_bytes()


def with_contract(content: bytes, contract: Contract = CONTRACT) -> bytes:
    return write_contract(ModelBundle.from_bytes(content, "test.tflite"), contract)


def tree_without_contract(content: bytes) -> object:
    """Everything in a file but the contract, as nested plain values."""
    tree = schema.ModelT.InitFromPackedBuf(content)
    entries = tree.metadata or []
    tree.buffers = [
        buffer
        for index, buffer in enumerate(tree.buffers)
        if index not in {entry.buffer for entry in entries if entry.name == METADATA_NAME.encode()}
    ]
    tree.metadata = [entry for entry in entries if entry.name != METADATA_NAME.encode()]
    return plain(tree)


def plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {key: plain(item) for key, item in vars(value).items()}
    return value


def buffers(content: bytes) -> list[tuple[int, int]]:
    """Start and length of the data of each buffer in the file."""
    found = []
    for buffer in verify(content).tables("buffers"):
        assert isinstance(buffer, Table)
        found.append(buffer.vector("data"))
    return found


def test_the_contract_comes_back(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(with_contract(model))
    assert ModelBundle.load(path).contract == CONTRACT


def test_the_rest_of_the_file_is_equal(model):
    assert tree_without_contract(with_contract(model)) == tree_without_contract(model)


def test_equal_input_gives_equal_bytes(model):
    assert with_contract(model) == with_contract(model)


def test_a_contract_is_replaced(model, tmp_path):
    other = dataclasses.replace(CONTRACT, name="a longer name than before", license="Apache-2.0")
    twice = with_contract(with_contract(model), other)
    assert twice == with_contract(model, other)


@pytest.mark.parametrize("words", ["", "x" * 999, "née"])
def test_both_writers_are_read_back_alike(model, words):
    """A new tree, and four changed bytes of a file that has a contract."""
    other = dataclasses.replace(CONTRACT, source=words)
    before = ModelBundle.from_bytes(with_contract(model), "test.tflite")
    whole, changed = write_contract(before, other), replace_contract(before, other)
    assert tree_without_contract(changed) == tree_without_contract(whole)
    contracts = [ModelBundle.from_bytes(row, "test.tflite").contract for row in (whole, changed)]
    assert [dataclasses.replace(row, original=None) for row in contracts] == [other, other]
    assert contracts[0].original is None
    assert contracts[1].original is not None


def test_other_metadata_is_kept(model):
    tree = Tree.of(ModelBundle.from_bytes(model, "test.tflite"))
    tree.model.metadata = [schema.MetadataT(b"somebody else's", 0)]
    content = with_contract(tree.to_bytes())
    names = [entry.bytes("name") for entry in verify(content).tables("metadata")]
    assert names == [b"somebody else's", METADATA_NAME.encode()]


@pytest.mark.parametrize("length", range(16))
def test_buffers_stay_aligned_whatever_the_length_of_the_contract(model, length):
    content = with_contract(model, dataclasses.replace(CONTRACT, source="x" * length))
    assert all(start % 16 == 0 for start, count in buffers(content) if count)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes_compute_the_same_with_it(model, tmp_path, monkeypatch, runtime):
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)
    outputs = []
    for name, content in (("without", model), ("with", with_contract(model))):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content)
        interpreter = Interpreter(ModelBundle.load(path), input_shapes=[pixels.shape])
        outputs.append(interpreter.run(pixels)[0])
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_larq_compute_engine_runs_it(model):
    import larq_compute_engine as lce

    pixels = np.random.default_rng(1).uniform(0, 255, (1, 4, 5, 3)).astype(np.float32)
    outputs = [
        lce.testing.Interpreter(content).predict(pixels)
        for content in (model, with_contract(model))
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
