"""Embeddings that go out and come back are the same, and stay those of their model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facesdk import Embedding, SavedEmbeddings, compare
from facesdk.errors import EmbeddingMismatchError, InputError


def embeddings(count: int, model_id: str = "1" * 64) -> dict[str, Embedding]:
    vectors = np.random.default_rng(0).normal(size=(count, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {f"{n}.jpg": Embedding(row, "m", model_id) for n, row in enumerate(vectors)}


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    """To the bit: to normalise a unit vector again moves its last bits."""
    path = tmp_path / "people.npz"
    saved = embeddings(200)
    SavedEmbeddings.collect(saved).save(str(path))
    assert SavedEmbeddings.load(path).embeddings() == saved


def test_which_images_had_no_detected_face_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    vectors, faceless = np.eye(3, dtype=np.float32), np.array([False, True, True])
    SavedEmbeddings(("a", "b", "c"), vectors, "m", "1" * 64, faceless).save(path)
    found = SavedEmbeddings.load(path).faceless_of(["b", "a"])
    assert found is not None
    assert found.tolist() == [True, False]
    SavedEmbeddings(("a", "b", "c"), vectors).save(path)
    assert SavedEmbeddings.load(path).faceless_of(["b", "a"]) is None


@pytest.mark.parametrize("undetected", [np.array(2), np.array([0, 1]), np.array([True])])
def test_what_says_not_of_each_image_whether_it_has_a_face_is_refused(
    undetected: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "people.npz"
    np.savez(path, names=np.array(["a", "b"]), embeddings=np.eye(2), undetected=undetected)
    with pytest.raises(InputError, match="undetected must be truth values"):
        SavedEmbeddings.load(path)


@pytest.mark.parametrize(("model_id", "second"), [("", [0.6, 0.8]), ("1" * 64, [0.3, 0.4])])
def test_other_vectors_are_normalised(tmp_path: Path, model_id: str, second: list[float]) -> None:
    """Those of a model may be shorter than 1."""
    path = tmp_path / "people.npz"
    given = np.array([[3.0, 4.0], [0.3, 0.4]])
    np.savez(path, names=np.array(["a", "b"]), embeddings=given, model_id=np.array(model_id))
    np.testing.assert_allclose(SavedEmbeddings.load(path).vectors, [[0.6, 0.8], second])


def test_a_file_is_of_one_model() -> None:
    mixed = {**embeddings(1), "other": embeddings(1, "2" * 64)["0.jpg"]}
    with pytest.raises(EmbeddingMismatchError, match="different models do not compare"):
        SavedEmbeddings.collect(mixed)
    with pytest.raises(InputError, match="there is no embedding to save"):
        SavedEmbeddings.collect({})


def test_a_record_gives_back_the_embedding() -> None:
    (embedding,) = embeddings(1).values()
    record = json.loads(json.dumps({"image": "a.jpg", **embedding.to_dict()}))
    assert Embedding.from_dict(record) == embedding


def test_a_record_keeps_its_model() -> None:
    (ours,), (other,) = embeddings(1).values(), embeddings(1, "2" * 64).values()
    with pytest.raises(EmbeddingMismatchError):
        compare(ours, Embedding.from_dict(other.to_dict()), threshold=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_id": None}, "must have the key 'model_id'"),
        ({"embedding": [1.0, 1.0]}, "a norm above 0, at most 1"),
        ({"embedding": ["a"]}, "no record of an embedding"),
        ({"embedding": None}, "must have the key 'embedding'"),
        ({"model": 3}, "must be text"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, object], message: str) -> None:
    (embedding,) = embeddings(1).values()
    record = {**embedding.to_dict(), **change}
    record = {key: value for key, value in record.items() if value is not None}
    with pytest.raises(InputError, match=message):
        Embedding.from_dict(record)


def test_a_name_with_a_nul_is_not_saved() -> None:
    one = Embedding(np.array([1.0, 0.0], np.float32), "m", "0" * 64)
    with pytest.raises(InputError, match=r"no NUL, but got 'ada\\x00'"):
        SavedEmbeddings.collect({"ada": one, "ada\0": one})
