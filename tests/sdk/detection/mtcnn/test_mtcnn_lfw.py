"""The detector on LFW: against an independent MTCNN, on close-ups, and on every fourth photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import lfw
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.results import Face

from .mtcnn_oracle import OracleMTCNN, iou

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN.load()


def central(faces: list[Face], side: int = 250) -> Face:
    """The face nearest to the centre: in LFW, the person the photo is named after."""
    return min(faces, key=lambda face: np.abs((face.box[:2] + face.box[2:]) / 2 - side / 2).sum())


@pytest.mark.slow
def test_the_same_faces_as_an_independent_mtcnn(detector):
    """220 photos: every face of the other, landmarks closer than 1 px in the median.

    Ours may find more: those that the border of the photo cuts.
    """
    oracle = OracleMTCNN()
    distances: list[float] = []
    missing: list[str] = []
    inner_extra: list[str] = []
    total = 0
    for name, image in lfw.photos(step=35):
        ours, theirs = detector.detect(image), oracle.detect(image)
        total += len(theirs)
        for face in theirs:
            match = max(ours, key=lambda other: iou(other, face), default=None)
            if match is None or iou(match, face) < 0.5:
                missing.append(name)
            else:
                distances += np.linalg.norm(match.landmarks - face.landmarks, axis=1).tolist()
        for face in ours:
            inside = face.box.min() >= 5 and face.box.max() <= 245
            if inside and max((iou(face, other) for other in theirs), default=0) < 0.5:
                inner_extra.append(name)
    assert total >= 220
    assert len(missing) <= total // 100, missing
    assert len(inner_extra) <= total // 50, inner_extra
    assert np.median(distances) < 0.5
    assert np.percentile(distances, 90) < 2


@pytest.mark.parametrize(
    ("share", "least"),
    [
        (0.8, 57),
        pytest.param(1.0, 58, marks=pytest.mark.slow),
        pytest.param(0.6, 54, marks=pytest.mark.slow),
    ],
)
def test_close_ups_are_found(detector, share, least):
    """60 faces, cropped to their box or tighter, still have their landmarks in place."""
    found = 0
    for _, image in lfw.photos(step=128):
        expected = central(detector.detect(image))
        centre = (expected.box[:2] + expected.box[2:]) / 2
        half = share / 2 * np.array([expected.width, expected.height])
        left, top = np.maximum(centre - half, 0).astype(int)
        right, bottom = np.ceil(centre + half).astype(int)
        crop = image[top:bottom, left:right]
        eyes = np.linalg.norm(expected.landmarks[1] - expected.landmarks[0])
        for face in detector.detect(crop)[:1]:
            error = np.linalg.norm(face.landmarks + [left, top] - expected.landmarks, axis=1)
            found += error.mean() < 0.15 * eyes
    assert found >= least


def test_a_close_up_of_any_resolution_is_found(detector):
    for _, image in lfw.photos(step=1500):
        expected = central(detector.detect(image))
        left, top, right, bottom = np.maximum(expected.box, 0).astype(int)
        crop = image[top:bottom, left:right]
        for scale in (0.5, 2, 8):
            resized = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            face = detector.detect(resized)[0]
            expected_points = (expected.landmarks - [left, top]) * scale
            error = np.linalg.norm(face.landmarks - expected_points, axis=1).mean()
            assert error < 0.1 * expected.width * scale


@pytest.mark.slow
def test_every_fourth_lfw_photo_has_a_face(detector):
    photos = lfw.photos(step=4)
    without = [name for name, image in photos if not detector.detect(image, max_faces=1)]
    assert len(without) <= 1, without
