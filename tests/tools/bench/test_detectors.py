"""Photos that detectors are measured on: faces where they are said to be, and nothing where not."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk import samples
from facesdk.detection.registry import load_detector
from facesdk.images import decode
from facesdk.quality.pose import pose
from facesdk.recognition.alignment import align
from tools.bench.detectors import collages, faceless, verification
from tools.bench.detectors.scenes import placed

GREY = np.full((480, 640, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    photo = decode.load(samples.OBAMA2)
    (face,) = load_detector().detect(photo, 1)
    return align(photo, face.landmarks, "arcface-112x112")


@pytest.mark.parametrize(
    ("side", "degrees", "place"),
    [(60, 0, (100, 400)), (112, 20, (320, 240)), (150.5, -15, (500, 130)), (300, 5, (320, 240))],
)
def test_a_crop_stands_where_it_is_said_to_stand(crop, side, degrees, place) -> None:
    photo, placement = placed(crop, GREY, side, degrees, np.array(place, float))
    (face,) = load_detector(turned=False).detect(photo)
    points = placement.points()
    eyes = np.linalg.norm(points[1] - points[0])
    assert np.linalg.norm(face.landmarks - points, axis=1).mean() < 0.12 * eyes
    assert pose(points).roll == pytest.approx(degrees, abs=0.1)
    box = placement.box()
    assert np.abs(face.box - box).max() < 0.25 * (box[3] - box[1])
    assert (GREY == 127).all()


def test_a_small_crop_is_where_a_large_one_is(crop) -> None:
    """It is averaged before it is moved; half a pixel there would be a tenth of a small face."""
    middles = []
    for side in (112.0, 28.0):
        photo, _ = placed(crop, np.zeros_like(GREY), side, 0, np.array([320.0, 240.0]))
        drawn = (photo.sum(axis=2) > 0).astype(float)
        rows, columns = np.nonzero(drawn)
        middles.append((columns.mean(), rows.mean()))
    np.testing.assert_allclose(middles, [(320, 240), (320, 240)], atol=0.3)


def test_photos_without_a_face_are_the_same_each_time_and_differ_by_number() -> None:
    first, again = faceless.photos(6, seed=3), faceless.photos(6, seed=3)
    for one, other in zip(first, again, strict=True):
        assert one.shape == (480, 640, 3)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)
    assert len({photo.tobytes() for photo in first}) == 6
    assert all(photo.std() > 1 for photo in first)
    assert faceless.photos(1, seed=4)[0].tobytes() != first[0].tobytes()


def test_the_landmarks_of_a_collage_are_those_of_its_largest_face(crop) -> None:
    for number in range(4):
        photo, points = collages.collage([crop], GREY, np.random.default_rng(number))
        largest = load_detector(turned=False).detect(photo)[0]
        eyes = np.linalg.norm(points[1] - points[0])
        assert np.linalg.norm(largest.landmarks - points, axis=1).mean() < collages.NEAR * eyes


def test_pairs_without_a_find_are_rejected_and_counted() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 0], [0, 1]], np.float32)
    found = verification.similarities(vectors)
    assert found[2].tolist() == found[:, 2].tolist() == [-1] * 4
    assert found[0, 1] == pytest.approx(0.6)


def test_the_interval_keeps_the_pairs_of_a_person_together() -> None:
    """Of two people with a hundred equal pairs each, only their mean is known."""
    person = np.repeat([0, 1], 100)
    assert verification.interval(person.astype(float), person) == (0, 1)
    low, high = verification.interval(np.tile([0.0, 1.0], 100), np.arange(200))
    assert 0.42 < low < 0.46
    assert 0.54 < high < 0.58
