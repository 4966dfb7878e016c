"""OpenCV, which the extra `camera` brings: cameras, streams and video files, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from facesdk.errors import require_extra
from facesdk.images import pixels
from facesdk.images.decode import RgbImage


def opencv() -> Any:
    """The module.

    Raises:
        DependencyError: It is not installed; the message names the pip line.
    """
    require_extra("cv2", extra="camera")
    import cv2

    return cv2


def as_rgb(picture: Any) -> RgbImage:
    """A picture of OpenCV's, uint8 BGR ``(H, W, 3)``, as RGB."""
    return pixels.swap_channels(np.asarray(picture, np.uint8))
