"""What is measured: which kinds of model there are, and what goes with each."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from facesdk import samples
from facesdk.detection.registry import load_detector
from facesdk.errors import InputError, ModelError
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.subject import ALIGNED, Subject, embed, load_model
from facesdk.images import encode
from facesdk.models.registry import DEFAULT_RECOGNIZER
from facesdk.recognition.embedding import Embedder
from facesdk.recognition.saved_embeddings import SavedEmbeddings

PHOTOS = (samples.OBAMA, samples.OBAMA2, samples.BIDEN)


def pairs(contents: list[bytes], *, aligned: bool) -> VerificationSet:
    first, second = np.array([0, 0]), np.array([1, 2])
    names = tuple(path.name for path in PHOTOS)
    same, folds = np.array([True, False]), np.array([-1, -1])
    return VerificationSet(
        "few", names, first, second, same, folds, None, aligned, lambda number: contents[number]
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    vectors = np.eye(3, dtype=np.float32)
    path = tmp_path / "saved.npz"
    SavedEmbeddings(tuple(path.name for path in PHOTOS), vectors, "m", "0" * 64).save(path)
    return path


def test_photos_are_detected_embedded_and_cached(tmp_path: Path) -> None:
    model = load_model(DEFAULT_RECOGNIZER)
    assert isinstance(model, Embedder)
    test_set = pairs([path.read_bytes() for path in PHOTOS], aligned=False)
    steps: list[tuple[int, int, str]] = []
    subject, embedded = embed(
        test_set, model, cache=tmp_path / "cache", progress=lambda *step: steps.append(step)
    )
    assert subject == Subject(
        DEFAULT_RECOGNIZER,
        model.model_id,
        load_detector().id,
        model.template,
        model.contract.flip_concatenation,
    )
    assert steps == [(3, 3, "photos")]
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()) == [
        "embeddings",
        "landmarks",
    ]
    again = embed(test_set, model, cache=tmp_path / "cache")[1]
    np.testing.assert_array_equal(again.vectors, embedded.vectors)


def test_aligned_crops_need_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**_: object) -> None:
        raise AssertionError("a detector was loaded")

    monkeypatch.setattr("facesdk.evaluation.subject.load_detector", missing)
    model = load_model(DEFAULT_RECOGNIZER)
    assert isinstance(model, Embedder)
    crops = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    contents = [encode.to_bytes(crop, "PNG") for crop in crops]
    subject, embedded = embed(pairs(contents, aligned=True), model)
    assert subject.detector == ALIGNED
    height, width = 112, 96
    middles = crops[:, 8 : 8 + height, 16 : 16 + width]
    np.testing.assert_array_equal(embedded.vectors, model.embed(middles))


@pytest.mark.parametrize("suffix", [".npz", ".NPZ"])
def test_saved_embeddings_are_taken_as_they_are(saved: Path, tmp_path: Path, suffix: str) -> None:
    model = load_model(str(shutil.copyfile(saved, tmp_path / f"copy{suffix}")))
    assert isinstance(model, SavedEmbeddings)
    subject, embedded = embed(pairs([], aligned=False), model)
    assert subject == Subject("m", "0" * 64, "saved embeddings", "", None)
    np.testing.assert_array_equal(embedded.vectors, np.eye(3))
    assert embedded.crop is None


def test_what_does_not_go_with_a_model_is_refused(saved: Path) -> None:
    with pytest.raises(InputError, match="need neither --contract nor --flip"):
        load_model(str(saved), flip=True)
    with pytest.raises(InputError, match="--custom goes with a Keras model"):
        load_model(DEFAULT_RECOGNIZER, custom=["module:Name"])
    with pytest.raises(ModelError):
        load_model("no-such-model")


def test_flip_concatenation_is_as_asked() -> None:
    plain, flipped = (load_model(DEFAULT_RECOGNIZER, flip=flip) for flip in (False, True))
    assert isinstance(plain, Embedder)
    assert isinstance(flipped, Embedder)
    assert flipped.dim == 2 * plain.dim
    assert flipped.contract.thresholds == ()
