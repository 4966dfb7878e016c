"""One number with reasons, and the table of floors behind it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from facesdk import FaceEngine
from facesdk.errors import NoFaceError
from facesdk.images import decode
from facesdk.quality.assessment import FLOORS, assess
from facesdk.results import Face, Quality
from facesdk.samples import BIDEN, OBAMA, OBAMA2


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load()


@pytest.fixture(scope="module")
def found(engine: FaceEngine) -> tuple[np.ndarray, Face]:
    photo = decode.load(OBAMA2)
    return photo, engine.detect(photo, 1).faces[0]


@pytest.mark.parametrize("photo", [OBAMA, OBAMA2, BIDEN])
def test_portraits_are_acceptable(engine: FaceEngine, photo: object) -> None:
    quality = engine.quality(photo)
    assert quality
    assert quality.acceptable
    assert quality.reasons == ()
    assert quality.score > 0.85
    assert quality.eye_distance > 100
    assert abs(quality.roll) < 15


def blur(photo: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(25)))


def noise(photo: np.ndarray) -> np.ndarray:
    dim = photo * 0.1
    return np.clip(dim + np.random.default_rng(1).normal(0, 40, photo.shape), 0, 255).astype("u1")


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (blur, "blurred"),
        (lambda photo: photo // 32, "dark"),
        (noise, "noisy"),
        (lambda photo: np.clip(photo.astype(int) * 4, 0, 255).astype("u1"), "overexposed"),
        (lambda photo: (photo // 64 + 100).astype("u1"), "no contrast"),
    ],
)
def test_what_is_wrong_is_said(found: tuple[np.ndarray, Face], damage, word: str) -> None:
    photo, face = found
    quality = assess(damage(photo), face)
    assert not quality
    assert any(word in reason for reason in quality.reasons)
    assert quality.score < 0.5 < assess(photo, face).score


def test_small_and_doubtful_faces(found: tuple[np.ndarray, Face]) -> None:
    photo, face = found
    step = 20
    small = Face(face.box / step, face.score, face.landmarks / step)
    quality = assess(photo[::step, ::step], small)
    assert any("small" in reason for reason in quality.reasons)
    assert quality.eye_distance == pytest.approx(assess(photo, face).eye_distance / step)
    doubtful = assess(photo, Face(face.box, 0.7, face.landmarks))
    assert doubtful.reasons == (
        "this may be no face (score of the detector): 0.7, must be at least "
        f"{FLOORS['detector_score'].floor:.3g}",
    )


def test_the_worst_is_said_first(found: tuple[np.ndarray, Face]) -> None:
    photo, face = found
    quality = assess(blur(photo // 16), Face(face.box, 0.61, face.landmarks))
    values = {name: getattr(quality, name) for name in quality.to_dict()["measures"]}
    grades = {floor.reason: floor.grade(floor.of(values)) for floor in FLOORS.values()}
    said = [grades[reason.rpartition(": ")[0]] for reason in quality.reasons]
    assert len(said) >= 3
    assert said == sorted(said)
    assert quality.score == said[0]


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(FLOORS)), value=st.floats(-1e6, 1e6))
def test_half_a_score_is_the_floor(name: str, value: float) -> None:
    floor = FLOORS[name]
    grade = floor.grade(value)
    assert 0 <= grade <= 1
    assert floor.fails(value) == (grade < 0.5)
    assert [floor.grade(at) for at in (floor.worst, floor.floor, floor.best)] == [0, 0.5, 1]


def test_quality_is_a_result(engine: FaceEngine) -> None:
    quality = engine.quality(OBAMA)
    record = json.loads(json.dumps(quality.to_dict()))
    assert set(record) == {"score", "acceptable", "reasons", "measures"}
    assert set(record["measures"]) >= set(FLOORS)
    assert pickle.loads(pickle.dumps(quality)) == quality
    refused = replace(quality, reasons=("the face is dark",))
    assert not refused
    assert isinstance(refused, Quality)
    assert "\n" not in repr(quality)


def test_the_quality_of_another_face(engine: FaceEngine) -> None:
    with pytest.raises(NoFaceError):
        engine.quality(np.zeros((60, 60, 3), np.uint8))
    face = engine.detect(BIDEN, 1).faces[0]
    assert engine.quality(BIDEN, face) == engine.quality(BIDEN)
