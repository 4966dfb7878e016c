from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import ContractError, ModelError
from facesdk.models import registry
from facesdk.runtime.bundle import ModelBundle
from facesdk.runtime.flatbuffer import FlatbufferError, verify

MODEL = registry.resolve("mtcnn-pnet")
CONTENT = MODEL.read_bytes()


def test_a_packaged_model_loads_with_its_contract() -> None:
    bundle = ModelBundle.load(MODEL)
    assert bundle.contract.task == "detection"
    assert bundle.custom_ops == ()
    assert bundle.sha256 == hashlib.sha256(CONTENT).hexdigest()


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
