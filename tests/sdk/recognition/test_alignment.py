"""Alignment against two independent estimators and against transforms that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from facesdk.errors import InputError
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.alignment import (
    align,
    central,
    similarity_transform,
    template_points,
)

TEMPLATE = template_points("arcface-112x112")


def known_transform(scale: float, degrees: float, dx: float, dy: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, dx], [s, c, dy]])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


transforms = st.builds(
    known_transform,
    st.floats(0.01, 100),
    st.floats(-180, 180),
    st.floats(-5000, 5000),
    st.floats(-5000, 5000),
)


@given(transforms)
def test_recovers_a_known_similarity(matrix):
    estimated = similarity_transform(TEMPLATE, apply(matrix, TEMPLATE))
    np.testing.assert_allclose(estimated, matrix, rtol=1e-9, atol=1e-7)


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")
@given(transforms, st.integers(0, 2**32 - 1))
def test_equals_scikit_image_on_noisy_points(matrix, seed):
    rng = np.random.default_rng(seed)
    source = apply(matrix, TEMPLATE + rng.normal(0, 3, TEMPLATE.shape))
    oracle = SimilarityTransform()
    assert oracle.estimate(source, TEMPLATE)
    np.testing.assert_allclose(
        apply(similarity_transform(source, TEMPLATE), source),
        apply(oracle.params[:2], source),
        atol=1e-5,
    )


@pytest.mark.parametrize("seed", range(20))
def test_equals_opencv_with_every_point_an_inlier(seed):
    rng = np.random.default_rng(seed)
    source = apply(known_transform(2.5, 30, 90, -40), TEMPLATE + rng.normal(0, 2, TEMPLATE.shape))
    oracle, inliers = cv2.estimateAffinePartial2D(
        source, TEMPLATE, method=cv2.RANSAC, ransacReprojThreshold=1e3, refineIters=100
    )
    assert inliers.all()
    # OpenCV refines iteratively in float32 points, hence the tolerance.
    np.testing.assert_allclose(
        apply(similarity_transform(source, TEMPLATE), source), apply(oracle, source), atol=0.02
    )


def test_no_other_similarity_fits_better():
    rng = np.random.default_rng(1)
    source = TEMPLATE * 3 + rng.normal(0, 8, TEMPLATE.shape)
    best = similarity_transform(source, TEMPLATE)
    error = np.square(apply(best, source) - TEMPLATE).sum()
    for change in rng.normal(0, 1e-3, (200, 4)) * [1, 1, 100, 100]:
        a, b, dx, dy = change
        other = best + [[a, -b, dx], [b, a, dy]]
        assert np.square(apply(other, source) - TEMPLATE).sum() > error


def test_mirrored_landmarks_are_fitted_without_reflection():
    matrix = similarity_transform((TEMPLATE - 56) * [-1, 1] + 56, TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_landmarks_at_the_template_leave_the_image_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align(image, TEMPLATE), image)


def test_the_narrow_crop_is_the_centre_of_the_square_one():
    rng = np.random.default_rng(3)
    image = cv2.blur(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), (5, 5))
    landmarks = apply(known_transform(1.7, -25, 120, 90), TEMPLATE + rng.normal(0, 2, (5, 2)))
    square = align(image, landmarks, "arcface-112x112")
    narrow = align(image, landmarks, "arcface-112x96")
    assert narrow.shape == (112, 96, 3)
    np.testing.assert_array_equal(narrow, square[:, 8:104])


def test_a_drawn_face_lands_on_the_template():
    image = np.zeros((400, 500, 3), dtype=np.uint8)
    landmarks = apply(known_transform(2.0, 40, 220, 20), TEMPLATE)
    for channel, point in zip((0, 1, 2, 0, 1), landmarks, strict=True):
        dot = np.zeros(image.shape[:2], dtype=np.uint8)
        cv2.circle(dot, tuple(round(16 * v) for v in point), 16 * 5, 255, -1, cv2.LINE_AA, 4)
        image[..., channel] = np.maximum(image[..., channel], dot)
    crop = align(image, landmarks)
    for index, (x, y) in enumerate(TEMPLATE):
        patch = crop[int(y) - 6 : int(y) + 8, int(x) - 6 : int(x) + 8, index % 3].astype(float)
        rows, columns = np.mgrid[int(y) - 6 : int(y) + 8, int(x) - 6 : int(x) + 8]
        centre = (patch * columns).sum() / patch.sum(), (patch * rows).sum() / patch.sum()
        assert np.hypot(centre[0] - x, centre[1] - y) < 0.15


def test_outside_the_photo_is_black():
    image = np.full((20, 20, 3), 255, dtype=np.uint8)
    crop = align(image, TEMPLATE)
    assert (crop[:20, :20] == 255).all()
    assert not crop[21:].any() and not crop[:, 21:].any()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_template_points_lie_in_their_crop(name):
    height, width = TEMPLATES[name].size
    points = template_points(name)
    assert (points > 0).all() and (points < [width, height]).all()


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.full((5, 2), 40.0), "coincide"),
        (np.full((5, 2), np.nan), "finite"),
        (np.zeros((4, 2)), "shape"),
        (np.zeros((5, 3)), "shape"),
    ],
)
def test_degenerate_landmarks_are_refused(landmarks, message):
    with pytest.raises(InputError, match=message):
        align(np.zeros((50, 50, 3), dtype=np.uint8), landmarks)


def test_points_without_any_similarity_are_refused():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    with pytest.raises(InputError, match="mirrored"):
        similarity_transform(square, square[[1, 0, 3, 2]])


def test_unknown_template_is_refused():
    with pytest.raises(InputError, match="arcface-112x112"):
        align(np.zeros((50, 50, 3), dtype=np.uint8), TEMPLATE, "dlib")


def test_a_face_in_a_very_long_image():
    """OpenCV warps none with more than 32,766 pixels."""
    image = np.random.default_rng(2).integers(0, 256, (112, 40_000, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align(image, TEMPLATE + [39_000, 0]), image[:, 39_000:39_112])


def test_landmarks_thousands_of_pixels_apart_are_refused():
    with pytest.raises(InputError, match="4096"):
        align(np.zeros((50, 50, 3), dtype=np.uint8), TEMPLATE * 10_000)


@pytest.mark.parametrize("image", [np.zeros((9, 9, 3)), np.zeros((9, 9), dtype=np.uint8)])
def test_other_images_are_refused(image):
    with pytest.raises(InputError, match="uint8"):
        align(image, TEMPLATE)


def test_the_middle_of_crops_of_any_margin_and_number():
    crops = np.arange(2 * 12 * 10 * 3).reshape(2, 12, 10, 3)
    middle = central(crops, 6, 4)
    np.testing.assert_array_equal(middle, crops[:, 3:9, 3:7])
    np.testing.assert_array_equal(central(crops[1], 6, 4), middle[1])
    assert central(crops, 12, 10).shape == crops.shape
    with pytest.raises(
        InputError, match=r"a\.png has 10x12 pixels, but an aligned crop needs 4x13"
    ):
        central(crops[0], 13, 4, name="a.png")


def test_a_small_template_is_the_middle_of_the_large_one():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    square = align(image, TEMPLATE + 40)
    np.testing.assert_array_equal(
        align(image, TEMPLATE + 40, "arcface-112x96"), central(square, 112, 96)
    )
