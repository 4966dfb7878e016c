from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from facesdk.recognition.alignment import similarity_transform, template_points
from facesdk_training.config.distortions import (
    KINDS,
    SPOT,
    STRIPES,
    DistortionConfig,
    double_kernel,
    motion_kernel,
)
from facesdk_training.data.distortions import distorted


def crop() -> np.ndarray:
    """A smooth pattern."""
    small = np.random.default_rng(3).uniform(0, 255, (9, 9, 3))
    return np.clip(cv2.resize(small, (112, 112)), 0, 255).astype(np.uint8)


def apply(*rows: DistortionConfig, seed: int = 1, progress: float = 0.0) -> np.ndarray:
    return distorted(crop(), rows, 112, 112, progress, np.random.default_rng(seed))


def test_no_rows_cut_the_middle_out() -> None:
    window = distorted(crop(), (), 112, 96, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(window, crop()[:, 8:104])


@pytest.mark.parametrize("name", KINDS)
def test_every_name_changes_the_crop_until_its_time_is_over(name: str) -> None:
    row = DistortionConfig(name, late=0.0)
    assert not np.array_equal(apply(row), crop())
    np.testing.assert_array_equal(apply(row), apply(row))
    np.testing.assert_array_equal(apply(row, progress=1.0), crop())


def test_a_share_is_a_share_of_the_crops() -> None:
    row = DistortionConfig("mirror", share=0.3)
    mirrored = [np.array_equal(apply(row, seed=n), crop()[:, ::-1]) for n in range(300)]
    assert 60 < sum(mirrored) < 120


def leaning(image: np.ndarray, strength: float) -> np.ndarray:
    """By the four corners, the edge of the first and last pixels."""
    near, far = max(strength, 0), max(-strength, 0)
    corners = np.array([(-0.5, -0.5), (111.5, -0.5), (111.5, 111.5), (-0.5, 111.5)], np.float32)
    moved = corners + np.array([(near, 0), (-near, 0), (-far, 0), (far, 0)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return cv2.warpPerspective(image, matrix, (112, 112), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("strength", [-40, -7.5, 12, 40])
def test_a_keystone_moves_the_corners(strength: float) -> None:
    half = DistortionConfig("keystone", least=strength / 2, most=strength / 2)
    whole = DistortionConfig("keystone", least=strength, most=strength)
    expected = leaning(crop(), strength)
    np.testing.assert_allclose(apply(whole).astype(int), expected, atol=2)
    np.testing.assert_array_equal(apply(half, half), apply(whole))
    window = distorted(crop(), (whole,), 112, 96, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(window.astype(int), expected[:, 8:104], atol=2)
    most = DistortionConfig("keystone", least=np.sign(strength) * 40, most=np.sign(strength) * 40)
    np.testing.assert_array_equal(apply(most, whole), apply(most))


def stretched(image: np.ndarray, times: float) -> np.ndarray:
    """A picture of other sides, aligned anew by its five points, which are stretched with it."""
    points = template_points("arcface-112x112")
    wide = cv2.resize(image, (round(112 * times), 112), interpolation=cv2.INTER_LINEAR)
    there = (points + 0.5) * (wide.shape[1] / 112, 1) - 0.5
    matrix = similarity_transform(there, points)
    return cv2.warpAffine(wide, matrix, (112, 112), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("times", [0.5, 0.75, 0.875, 1.25, 2])
def test_aspect_is_what_aligning_a_stretched_picture_gives(times: float) -> None:
    row = DistortionConfig("aspect", least=math.log(times), most=math.log(times))
    apart = abs(apply(row).astype(int) - stretched(crop(), times))
    assert apart.mean() < 1.2  # the other is resampled twice
    assert apart.max() < 15
    half = DistortionConfig("aspect", least=math.log(times) / 2, most=math.log(times) / 2)
    np.testing.assert_array_equal(apply(half, half), apply(row))


@pytest.mark.parametrize("pixels", [1, 4, 9.5, 30])
@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
@pytest.mark.parametrize(("kernel_of", "places"), [(motion_kernel, 241), (double_kernel, 2)])
def test_pictures_along_a_line_are_their_mean(
    pixels: float,
    degrees: float,
    kernel_of: Callable[[float, float], np.ndarray],
    places: int,
) -> None:
    """Shifted copies, each interpolated, away from the border."""
    angle = np.radians(degrees)
    steps = np.linspace(-pixels / 2, pixels / 2, places)
    image = crop().astype(np.float32)
    copies = [
        cv2.warpAffine(
            image,
            np.array([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]], np.float32),
            (112, 112),
        )
        for step in steps
    ]
    kernel = kernel_of(pixels, float(angle))
    assert kernel.shape[0] == kernel.shape[1] == 2 * np.ceil(pixels / 2) + 1
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    moved = cv2.filter2D(image, -1, kernel)[16:-16, 16:-16]
    np.testing.assert_allclose(moved, np.mean(copies, axis=0)[16:-16, 16:-16], atol=1.5)


def test_a_spot_is_round_adds_its_levels_in_the_middle_and_lies_on_the_face() -> None:
    row = DistortionConfig("spot", least=100, most=100)
    (narrowest, widest), (left, right), (highest, lowest) = SPOT
    for seed in range(12):
        image = distorted(flat(0), (row,), 112, 112, 0.0, np.random.default_rng(seed))[..., 1]
        light = image.astype(float)
        down, across = np.unravel_index(light.argmax(), light.shape)
        assert 99 <= light.max() <= 100
        assert highest - 1 <= down <= lowest + 1
        assert 55.5 + left - 1 <= across <= 55.5 + right + 1
        half = [np.count_nonzero(line >= 50) for line in (light[down], light[:, across])]
        assert 2.355 * narrowest - 2 <= min(half) <= max(half) <= 2.355 * widest + 2
        assert max(half) - min(half) <= 2 or down > 90


@pytest.mark.parametrize(("strength", "level"), [(0.25, 25), (0.5, 50)])
def test_darkness_is_a_factor(strength: float, level: int) -> None:
    flat = np.full((112, 112, 3), 100, np.uint8)
    row = DistortionConfig("darkness", least=strength, most=strength)
    dark = distorted(flat, (row,), 112, 96, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(dark, np.full((112, 96, 3), level))


def test_blocks_round_the_coefficients_of_the_cosine_transform() -> None:
    row = DistortionConfig("blocks", least=40, most=40)
    result = apply(row).astype(np.float32)
    own = np.round(cv2.dct(crop()[8:16, 16:24, 1].astype(np.float32)) / 40) * 40
    expected = np.clip(cv2.idct(own), 0, 255)
    np.testing.assert_allclose(result[8:16, 16:24, 1], expected, atol=0.51)


def flat(level: int = 100) -> np.ndarray:
    return np.full((112, 112, 3), level, np.uint8)


@pytest.mark.parametrize("squares", [8, 14, 28])
def test_a_mosaic_is_the_crop_shrunk_by_areas_and_enlarged_by_pixels(squares: int) -> None:
    row = DistortionConfig("mosaic", least=squares, most=squares)
    small = cv2.resize(crop(), (squares, squares), interpolation=cv2.INTER_AREA)
    expected = small.repeat(112 // squares, axis=0).repeat(112 // squares, axis=1)
    np.testing.assert_allclose(apply(row).astype(int), expected, atol=1)
    window = distorted(crop(), (row,), 112, 96, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(window[:, 6:90].astype(int), expected[:, 14:98], atol=1)


def test_squares_of_a_mosaic_may_be_any_number() -> None:
    row = DistortionConfig("mosaic", least=17.3, most=17.3)
    edges = np.flatnonzero(np.diff(apply(row)[0].astype(int), axis=0).any(axis=1)) + 1
    np.testing.assert_array_equal(edges, np.ceil(np.arange(1, 18) * 112 / 17.3 - 0.5))


def test_stripes_change_the_light_by_their_depth_and_repeat() -> None:
    row = DistortionConfig("stripes", least=0.3, most=0.3)
    for seed in range(8):
        image = distorted(flat(), (row,), 112, 112, 0.0, np.random.default_rng(seed))
        assert 70 <= image.min() < 72
        assert 128 < image.max() <= 130
        power = np.abs(np.fft.fft2(image[..., 0] - image[..., 0].mean()))
        down, across = np.unravel_index(power.argmax(), power.shape)
        waves = np.hypot(min(down, 112 - down), min(across, 112 - across))
        assert STRIPES[0] * 0.95 < 112 / waves < STRIPES[1] * 1.05


@pytest.mark.parametrize(("share", "columns"), [(0.25, 28), (0.5, 56)])
def test_a_cover_hides_a_share_of_the_width_from_either_side(share: float, columns: int) -> None:
    row = DistortionConfig("cover", least=share, most=share)
    sides = set()
    for seed in range(8):
        hidden = (apply(row, seed=seed) != crop()).any(axis=(0, 2))
        assert abs(hidden.sum() - columns) <= 1
        sides.add("left" if hidden[0] else "right")
        window = distorted(crop(), (row,), 112, 96, 0.0, np.random.default_rng(seed))
        seen = (window != crop()[:, 8:104]).any(axis=(0, 2))
        assert abs(seen.sum() - (columns - 8)) <= 1
    assert sides == {"left", "right"}
