from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.results import (
    Detections,
    Embedding,
    Face,
    Match,
    Quality,
    Timings,
    Verification,
    side_by_side,
)

QUALITY = Quality(0.9, (), 40, 0.2, 0.3, 0.3, 130, 40, 1, 5, 0, 0, 1, 2, 3, 0.999)
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


@pytest.mark.parametrize(("scale", "clear"), [(1.0, True), (1.0009, True), (0.99, False)])
def test_an_embedding_of_norm_1_is_of_a_clear_face(scale: float, clear: bool) -> None:
    embedding = Embedding(scale * np.array([0.6, 0.8]), "m", "id")
    assert (embedding.dim, embedding.is_clear) == (2, clear)


@pytest.mark.parametrize("vector", [np.ones(4), np.zeros(4), np.empty(0)])
def test_an_embedding_has_a_direction_and_is_not_longer_than_1(vector: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a norm above 0, at most 1"):
        Embedding(vector, "m", "id")


def test_verification_has_the_keys_of_the_contract() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    verification = Verification(
        Match(True, 0.5, 0.3, 0.001, "m"),
        (FACE, FACE),
        ("the only face", "the largest face"),
        (QUALITY, QUALITY),
        (crop, crop),
        Timings(1, 2, 3, 4),
    )
    record = json.loads(json.dumps(verification.to_dict()))
    assert set(record) == {
        "same",
        "similarity",
        "threshold",
        "fmr",
        "model",
        "confidence",
        "note",
        "faces",
        "timings_ms",
    }
    assert [face["reason"] for face in record["faces"]] == ["the only face", "the largest face"]
    assert record["faces"][0]["quality"]["acceptable"] is True
    assert record["timings_ms"] == {
        "detect": 1,
        "align": 2,
        "embed": 3,
        "match": 4,
        "total": 10,
    }
    assert set(record["faces"][0]) == {"box", "score", "landmarks", "reason", "quality"}


def test_detections_have_the_keys_of_the_contract() -> None:
    record = Detections("a.jpg", 20, 10, (FACE,), detector="mtcnn 1234").to_dict()
    assert set(record) == {"image", "width", "height", "detector", "faces"}
    assert record["detector"] == "mtcnn 1234"
    assert record["faces"][0]["score"] == 0.9877
    assert record["faces"][0]["chosen"] is False
    chosen = Detections("a.jpg", 20, 10, (FACE, FACE), 1, "it is sharp").to_dict()["faces"]
    assert [face["chosen"] for face in chosen] == [False, True]
    assert [face.get("reason") for face in chosen] == [None, "it is sharp"]


def verification(same: bool = True, shade: int = 0, score: float = 0.98765) -> Verification:
    crop = np.full((112, 112, 3), shade, np.uint8)
    face = Face(FACE.box, score, FACE.landmarks)
    match = Match(same, 0.5, 0.3 if same else 0.6, 0.001, "m")
    reasons, quality = ("the only face",) * 2, (QUALITY,) * 2
    return Verification(match, (face, FACE), reasons, quality, (crop, crop), Timings(1, 2, 3, 4))


EMBEDDING = Embedding(np.array([0.6, 0.8, 0, 0, 0, 0]), "m", "abc")
RESULTS = (
    FACE,
    EMBEDDING,
    Detections("a.jpg", 20, 10, (FACE,) * 6),
    Timings(1, 2, 3, 4),
    QUALITY,
    verification().match,
    verification(),
)


@pytest.mark.parametrize("same", [True, False])
def test_a_verdict_has_the_truth_value_of_its_verdict(same: bool) -> None:
    """`if engine.verify(a, b):` was true for everybody."""
    assert bool(verification(same)) is same
    assert bool(verification(same).match) is same


def test_detections_are_true_where_there_is_a_face() -> None:
    found, none = Detections("a.jpg", 20, 10, (FACE, FACE)), Detections("b.jpg", 20, 10, ())
    assert found and not none
    assert (len(found), len(none), list(found)) == (2, 0, [FACE, FACE])


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_results_are_shown_in_one_short_line(result: object) -> None:
    shown = repr(result)
    assert shown.startswith(f"{type(result).__name__}(")
    assert "\n" not in shown and len(shown) < 500


def test_arrays_are_shown_shortened() -> None:
    assert repr(QUALITY) == "Quality(score=0.9, reasons=[], <14 measures>)"
    assert len(QUALITY.measures()) == 14
    assert repr(EMBEDDING) == (
        "Embedding(vector=[0.6, 0.8, 0, 0, ... 6 in all], model='m', model_id='abc')"
    )
    assert repr(FACE) == "Face(box=[1, 2, 11, 22], score=0.98765, landmarks=<float32 5x2>)"


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))]
)
def test_results_pickle_and_compare(result: object, again: object) -> None:
    loaded = again(result)  # type: ignore[operator]
    assert loaded == result
    assert hash(loaded) == hash(result)
    assert loaded is not result


def test_what_is_unpickled_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pickle.loads(pickle.dumps(EMBEDDING)).vector[0] = 1


def test_results_that_differ_anywhere_differ() -> None:
    assert verification() == verification()
    for other in (verification(False), verification(shade=1), verification(score=0.5)):
        assert other != verification()
    assert Embedding(EMBEDDING.vector, "m", "other") != EMBEDDING
    assert Embedding(-EMBEDDING.vector, "m", "abc") != EMBEDDING
    assert Embedding([0.6, 0.8, 0, 0, 0, -0.0], "m", "abc") == EMBEDDING
    assert EMBEDDING != FACE


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_similarity_below_its_threshold_never_looks_as_if_it_reached_it(
    similarity: float, threshold: float
) -> None:
    first, second = side_by_side(similarity, threshold)
    assert (float(first) >= float(second)) == (similarity >= threshold)


def test_no_more_digits_than_it_takes() -> None:
    assert side_by_side(0.4166999, 0.4167123) == ("0.41670", "0.41671")
    assert side_by_side(0.41671, 0.41671) == ("0.4167", "0.4167")
