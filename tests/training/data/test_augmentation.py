from __future__ import annotations

import numpy as np
import pytest

from facesdk_training.config.run import AugmentationConfig
from facesdk_training.data.augmentation import augmented

STILL = AugmentationConfig(0, 0, 0, 0, 0, 0, 0)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(112, 96), (112, 112), (96, 80)])
def test_without_distortion_the_crop_is_the_centre_or_its_mirror(height: int, width: int) -> None:
    top, left = (112 - height) // 2, (112 - width) // 2
    centre = image()[top : top + height, left : left + width]
    rng = np.random.default_rng(1)
    results = [augmented(image(), STILL, height, width, rng) for _ in range(40)]
    plain = [np.array_equal(result, centre) for result in results]
    mirrored = [np.array_equal(result, centre[:, ::-1]) for result in results]
    assert all(a != b for a, b in zip(plain, mirrored, strict=True))
    assert 5 < sum(mirrored) < 35


def test_the_same_random_state_gives_the_same_crop() -> None:
    config = AugmentationConfig()
    one, two = (augmented(image(), config, 112, 96, np.random.default_rng(5)) for _ in "ab")
    other = augmented(image(), config, 112, 96, np.random.default_rng(6))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_distortions_keep_to_their_limits() -> None:
    flat = np.full((112, 112, 3), 100, np.uint8)
    config = AugmentationConfig(brightness=20, contrast=0.25)
    rng = np.random.default_rng(2)
    levels = np.array([augmented(flat, config, 112, 96, rng)[0, 0, 0] for _ in range(400)], float)
    limit = 20 + 0.25 * (127.5 - 100)
    assert 0.75 * limit < 100 - levels.min() <= limit + 1
    assert 0.75 * limit < levels.max() - 100 <= limit + 1
