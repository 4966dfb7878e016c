"""The pictures that detectors are compared on hold the face where they say."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.results import Face
from tools.experiments import compare_detectors as compare

BOX = np.array([80.0, 60.0, 160.0, 180.0])
POINTS = np.array([[100.0, 100.0], [140.0, 100.0], [120.0, 125.0], [105.0, 150.0], [135.0, 150.0]])


@pytest.fixture
def truth() -> compare.Truth:
    """A photo whose colours say where each pixel was."""
    image = np.zeros((250, 250, 3), np.uint8)
    image[..., 0] = np.arange(250)[None]
    image[..., 1] = np.arange(250)[:, None]
    return compare.Truth(image, BOX, POINTS)


@pytest.mark.parametrize("height", [30, 120, 400])
def test_a_placed_face_has_the_asked_height_and_its_points(truth, height):
    check(compare.placed(truth, height), height / 120)


@pytest.mark.parametrize(("share", "side", "offset"), [what[1:] for what in compare.CLOSE_UPS])
def test_a_close_up_shows_the_asked_part(truth, share, side, offset):
    case = compare.close_up(truth, share, side, offset)
    assert case.image.shape == (side, side, 3)
    assert case.height == pytest.approx(side / share)
    check(case, side / share / 120)


def check(case: compare.Case, scale: float) -> None:
    height, width = case.image.shape[:2]
    inside = [p for p in case.points if (p > 2).all() and p[0] < width - 2 and p[1] < height - 2]
    for point in inside:
        number = int(np.flatnonzero((case.points == point).all(1))[0])
        column, row = np.round(point).astype(int)
        red, green = case.image[row, column, :2].astype(float)
        assert abs(red - POINTS[number, 0]) <= 1.5 + 1 / scale
        assert abs(green - POINTS[number, 1]) <= 1.5 + 1 / scale


def face(points: np.ndarray, height: float) -> Face:
    middle = points.mean(0)
    box = [middle[0] - height / 3, middle[1] - height / 2, middle[0] + height / 3]
    return Face(np.array([*box, middle[1] + height / 2]), 0.9, points)


def test_the_distance_is_that_of_the_best_face_that_fits():
    case = compare.Case(np.zeros((9, 9, 3), np.uint8), POINTS, 120.0)
    near, nearer = face(POINTS + [8, 0], 120), face(POINTS + [4, 0], 110)
    assert compare.distance([near, nearer], case) == pytest.approx(0.1)
    assert compare.distance([face(POINTS, 300), face(POINTS + 99, 120)], case) is None
    assert compare.distance([], case) is None
    assert compare.row(lambda image: [near], [case, case]) == "2 (0.200)"
