from __future__ import annotations

import dataclasses
import hashlib
import struct
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ContractError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle, contract_offset
from facesdk.models.contract import Contract, InputSpec, Original, Threshold
from facesdk.models.contract_writer import derived, replace_contract
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.embedding import Embedder
from facesdk.recognition.matching import compare
from sdk.models.as_converted import as_converted

PATH = registry.resolve(registry.DEFAULT_RECOGNIZER)


BUNDLE = as_converted(PATH)
CONTENT = BUNDLE.content
CONTRACT = BUNDLE.contract


def changed(words: str) -> Contract:
    return dataclasses.replace(
        CONTRACT,
        thresholds=(Threshold(0.01, 0.25, 0.1, 300, 30_000),),
        thresholds_source=words,
    )


def written(words: str) -> Contract:
    """What a file says of itself that was given that contract."""
    (offset,) = struct.unpack_from("<I", CONTENT, contract_offset(BUNDLE))
    return dataclasses.replace(changed(words), original=Original(len(CONTENT), offset))


def test_only_the_offset_changes_and_the_contract_is_added() -> None:
    result = replace_contract(BUNDLE, changed("mine"))
    different = [n for n in range(len(CONTENT)) if result[n] != CONTENT[n]]
    assert 1 <= len(different) <= 4
    assert different[-1] - different[0] < 4
    assert result.endswith(written("mine").to_json().encode())
    assert len(result) <= len(CONTENT) + 16 + 4 + len(written("mine").to_json())


def test_the_file_reads_and_runs_as_before(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(replace_contract(BUNDLE, changed("mine")))
    bundle = ModelBundle.load(path)
    assert bundle.contract == written("mine")
    embedders = [Embedder.load(path), Embedder(BUNDLE, CONTRACT)]
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
            assert bytes(new.data) == written("mine").to_json().encode()
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
    assert (len(result) - len(written("mine").to_json().encode())) % 16 == 0


def test_a_model_without_a_contract_is_refused() -> None:
    tree = schema.ModelT.InitFromPackedBuf(CONTENT)
    tree.metadata = []
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    with pytest.raises(ContractError, match="facesdk convert"):
        replace_contract(ModelBundle.from_bytes(bytes(builder.Output()), "bare"), CONTRACT)


def test_another_contract_does_not_make_embeddings_another_models(tmp_path: Path) -> None:
    once = ModelBundle.from_bytes(replace_contract(BUNDLE, changed("first")), "once")
    again = ModelBundle.from_bytes(replace_contract(once, changed("second")), "again")
    assert once.sha256 != again.sha256
    assert once.model_id == again.model_id == BUNDLE.model_id
    path = tmp_path / "model.tflite"
    path.write_bytes(again.content)
    crop = np.zeros((*TEMPLATES["arcface-112x96"].size, 3), np.uint8)
    ours, theirs = (Embedder.load(each).embed_one(crop) for each in (path, PATH))
    found = compare(ours, theirs, threshold=0.5).similarity
    assert found == pytest.approx(float(np.linalg.norm(theirs.vector)))  # an unclear face


def test_the_id_is_the_digest_of_the_file_as_it_was() -> None:
    once = ModelBundle.from_bytes(replace_contract(BUNDLE, changed("mine")), "once")
    assert once.model_id == hashlib.sha256(CONTENT).hexdigest() == BUNDLE.sha256
    assert ModelBundle.load(PATH).model_id == BUNDLE.sha256


@pytest.mark.parametrize(
    "original",
    [Original(1 << 31, 4), Original(len(CONTENT), 1 << 31), Original(5000, 4), Original(3, 4)],
)
def test_an_original_that_is_not_there_is_refused(original: Original) -> None:
    content = replace_contract(BUNDLE, changed("mine"))
    said, lied = (
        dataclasses.replace(changed("mine"), original=each).to_json().encode()
        for each in (written("mine").original, original)
    )
    bundle = ModelBundle.from_bytes(replaced(content, said, lied), "lying")
    with pytest.raises(ContractError, match="does not hold"):
        bundle.model_id  # noqa: B018


def test_a_contract_of_another_network_is_refused() -> None:
    content = replace_contract(BUNDLE, changed("mine"))
    said = written("mine")
    lied = dataclasses.replace(said, input=InputSpec(112, 96, "BGR", 127.5, 128.0))
    bundle = ModelBundle.from_bytes(
        replaced(content, said.to_json().encode(), lied.to_json().encode()), "lying"
    )
    with pytest.raises(ContractError, match=r"another network \(input differ"):
        bundle.model_id  # noqa: B018


def replaced(content: bytes, said: bytes, lied: bytes) -> bytes:
    """A file with another text at its end, of whatever length."""
    assert content.endswith(said)
    start = len(content) - len(said)
    return content[: start - 4] + struct.pack("<I", len(lied)) + lied


def test_a_direction_makes_another_model_and_thresholds_do_not() -> None:
    direction = [float(x) for x in np.random.default_rng(2).uniform(-1, 1, CONTRACT.dim or 0)]
    other, third = (
        derived(BUNDLE, CONTRACT.with_removed_direction(row))
        for row in (direction, direction[::-1])
    )
    assert other.contract.removed_direction == tuple(direction)
    assert other.contract.thresholds == ()
    assert len({BUNDLE.model_id, other.model_id, third.model_id}) == 3
    rows = changed("").thresholds
    calibrated = replace_contract(other, dataclasses.replace(other.contract, thresholds=rows))
    again = ModelBundle.from_bytes(calibrated, PATH)
    assert (again.model_id, again.contract.thresholds) == (other.model_id, rows)
    taken = dataclasses.replace(again.contract, removed_direction=tuple(direction[::-1]))
    stolen = ModelBundle.from_bytes(replace_contract(again, taken), PATH)
    with pytest.raises(ContractError, match=r"another network \(removed_direction differ\)"):
        stolen.model_id  # noqa: B018


def test_a_direction_of_another_length_is_refused() -> None:
    with pytest.raises(ContractError, match="must have dim = 192 numbers, but has 3"):
        CONTRACT.with_removed_direction([1.0, 0.0, 0.0])
