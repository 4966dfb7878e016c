"""Distortions of aligned crops that leave the person recognisable."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk_training.config.run import AugmentationConfig
from facesdk_training.data.crops import INPUT


def augmented(
    image: NDArray[np.uint8],
    config: AugmentationConfig,
    height: int,
    width: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Distorts an aligned crop and cuts a window out of it.

    Args:
        image: uint8 [S, S, 3].
        config: How much.
        height: Rows of the result.
        width: Columns of the result.
        rng: Source of all randomness; the same state gives the same result.

    Returns:
        uint8 [height, width, 3].
    """
    u = rng.uniform(-1.0, 1.0, 6)
    chance = rng.uniform(0.0, 1.0, 6)
    full = image.shape[0]
    if chance[0] < config.low_resolution:
        size = round(full * (0.35 + 0.55 * chance[1]))
        small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (full, full), interpolation=cv2.INTER_LINEAR)
    centre = (full - 1) / 2.0
    matrix = cv2.getRotationMatrix2D(
        (centre, centre), config.rotation * u[0], 1.0 + config.scale * u[1]
    )
    left, top = (full - width) / 2.0, (full - height) / 2.0
    if config.random_crop:
        left, top = (int(chance[4] * (2 * left + 1)), int(chance[5] * (2 * top + 1)))
    matrix[:, 2] += (config.shift * u[2] - left, config.shift * u[3] - top)
    if chance[2] < 0.5:
        matrix[0] *= -1.0
        matrix[0, 2] += width - 1.0
    image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    if chance[3] < config.grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    gain = 1.0 + config.contrast * u[4]
    offset = config.brightness * u[5] + (1.0 - gain) * INPUT.mean
    levels = np.clip(np.arange(256) * gain + offset, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.LUT(image, levels), np.uint8)
