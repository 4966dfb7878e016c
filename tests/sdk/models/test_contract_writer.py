from __future__ import annotations

import dataclasses
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ContractError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, Threshold
from facesdk.models.contract_writer import replace_contract
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.embedding import Embedder

PATH = registry.resolve(registry.DEFAULT_RECOGNIZER)
BUNDLE = ModelBundle.load(PATH)
CONTENT = BUNDLE.content
CONTRACT = BUNDLE.contract


def changed(words: str) -> Contract:
    return dataclasses.replace(
        CONTRACT,
        thresholds=(Threshold(0.01, 0.25, 0.1, 300, 30_000),),
        thresholds_source=words,
    )


def test_only_the_offset_changes_and_the_contract_is_added() -> None:
    result = replace_contract(BUNDLE, changed("mine"))
    different = [n for n in range(len(CONTENT)) if result[n] != CONTENT[n]]
    assert 1 <= len(different) <= 4
    assert different[-1] - different[0] < 4
    assert result.endswith(changed("mine").to_json().encode())
    assert len(result) <= len(CONTENT) + 16 + 4 + len(changed("mine").to_json())


def test_the_file_reads_and_runs_as_before(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(replace_contract(BUNDLE, changed("mine")))
    bundle = ModelBundle.load(path)
    assert bundle.contract == changed("mine")
    embedders = [Embedder.load(path), Embedder.load(PATH)]
    shape = (2, *TEMPLATES[embedders[0].template].size, 3)
    crops = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(*(embedder.embed(crops) for embedder in embedders))


def test_an_independent_reader_sees_equal_tensors_and_the_new_contract() -> None:
    before, after = (
        schema.ModelT.InitFromPackedBuf(content)
        for content in (CONTENT, replace_contract(BUNDLE, changed("mine")))
    )
    assert len(before.buffers) == len(after.buffers)
    (entry,) = (row for row in after.metadata if row.name == b"facesdk.json")
    for number, (old, new) in enumerate(zip(before.buffers, after.buffers, strict=True)):
        if number == entry.buffer:
            assert bytes(new.data) == changed("mine").to_json().encode()
        elif old.data is None:
            assert new.data is None
        else:
            np.testing.assert_array_equal(old.data, new.data)


@pytest.mark.parametrize("words", ["", "x" * 1000, "é" * 7])
def test_a_file_grows_once(words: str) -> None:
    once = ModelBundle.from_bytes(replace_contract(BUNDLE, changed("first")), "once")
    assert replace_contract(once, changed(words)) == replace_contract(BUNDLE, changed(words))


def test_the_new_contract_is_aligned() -> None:
    result = replace_contract(BUNDLE, changed("mine"))
    assert (len(result) - len(changed("mine").to_json().encode())) % 16 == 0


def test_a_model_without_a_contract_is_refused() -> None:
    tree = schema.ModelT.InitFromPackedBuf(CONTENT)
    tree.metadata = []
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    with pytest.raises(ContractError, match="facesdk convert"):
        replace_contract(ModelBundle.from_bytes(bytes(builder.Output()), "bare"), CONTRACT)
