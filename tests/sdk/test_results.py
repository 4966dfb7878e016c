from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from facesdk.results import Detections, Embedding, Face, Match, Timings, Verification

FACE = Face([1, 2, 11, 22], 0.98765, np.arange(10).reshape(5, 2))


def test_face_measures_its_box() -> None:
    assert (FACE.width, FACE.height, FACE.area) == (10, 20, 200)


@pytest.mark.parametrize(
    ("box", "landmarks", "message"),
    [
        ([1, 2, 3], np.zeros((5, 2)), r"box must be a float array with shape \(4,\)"),
        ([1, 2, 3, 4], np.zeros((2, 5)), r"landmarks must be a float array with shape \(5, 2\)"),
        ([1, 2, 3, np.nan], np.zeros((5, 2)), "box must be finite"),
    ],
)
def test_face_refuses_other_shapes(box: list, landmarks: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Face(box, 1.0, landmarks)


def test_results_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACE.score = 0.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        FACE.box[0] = 0


def test_embedding_must_be_a_unit_vector() -> None:
    with pytest.raises(ValueError, match="norm 1"):
        Embedding(np.ones(4), "m", "id")
    assert Embedding(np.array([0.6, 0.8]), "m", "id").dim == 2


def test_verification_has_the_keys_of_the_contract() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    verification = Verification(
        Match(True, 0.5, 0.3, 0.001, "m"), (FACE, FACE), (crop, crop), Timings(1, 2, 3, 4)
    )
    record = json.loads(json.dumps(verification.to_dict()))
    assert set(record) == {
        "same",
        "similarity",
        "threshold",
        "fmr",
        "model",
        "faces",
        "timings_ms",
    }
    assert record["timings_ms"] == {
        "detect": 1,
        "align": 2,
        "embed": 3,
        "match": 4,
        "total": 10,
    }
    assert set(record["faces"][0]) == {"box", "score", "landmarks"}


def test_detections_have_the_keys_of_the_contract() -> None:
    record = Detections("a.jpg", 20, 10, (FACE,)).to_dict()
    assert set(record) == {"image", "width", "height", "faces"}
    assert record["faces"][0]["score"] == 0.9877
