"""Finds of a low score are left out, and others take their places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.detection.detector import Detector
from facesdk.detection.least_score import LeastScore
from facesdk.detection.registry import load_detector
from facesdk.detection.turns import AnyTurn, upright_only
from facesdk.errors import InputError
from facesdk.results import Face

PHOTO = np.zeros((10, 10, 3), np.uint8)


class Fake:
    """A detector of faces of given scores, the largest first."""

    id = "fake"

    def __init__(self, scores: list[float]) -> None:
        self.faces = [
            Face(np.array([0, 0, 100 - n, 100 - n], "f4"), score, np.zeros((5, 2), "f4"))
            for n, score in enumerate(scores)
        ]

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        return self.faces[:max_faces]


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0, 1), st.none() | st.integers(1, 4))
def test_it_returns_the_largest_of_those_with_enough(
    scores: list[float], least: float, limit: int | None
) -> None:
    fake: Detector = Fake(scores)
    wanted = [face for face in fake.detect(PHOTO) if face.score >= least][:limit]
    assert LeastScore(fake, least).detect(PHOTO, limit) == wanted
    assert LeastScore(fake, least, max_faces=limit).detect(PHOTO) == wanted


def test_a_detector_says_its_least_score() -> None:
    detector = load_detector("mtcnn", min_score=0.9, max_faces=2)
    assert "min_score=0.9 max_faces=2" in detector.id
    upright = upright_only(detector)
    assert isinstance(upright, LeastScore)
    assert (upright.score, upright.limit) == (0.9, 2)
    assert not isinstance(upright.detector, AnyTurn)
    assert "min_score" not in load_detector("mtcnn").id


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_that_cannot_be_is_refused(score: float) -> None:
    with pytest.raises(InputError, match="min_score must be 0 to 1"):
        load_detector("mtcnn", min_score=score)
