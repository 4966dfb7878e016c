"""OpenCV, which the extra `camera` brings: cameras, streams and video files, and nothing else."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from facesdk.errors import InputError, require_extra
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


def opencv_name(name: str, shown: str) -> str:
    """A path or an address as OpenCV takes it: in UTF-8, as any other text crashes it.

    Args:
        name: The path or the address.
        shown: The same as messages may have it.

    Raises:
        InputError: Its bytes are not UTF-8.
    """
    try:
        return os.fsencode(name).decode()
    except UnicodeError:
        raise InputError(f"OpenCV opens only what has a name in UTF-8: rename {shown}") from None


def as_rgb(picture: Any) -> RgbImage:
    """A picture of OpenCV's, uint8 BGR ``(H, W, 3)``, as RGB."""
    return pixels.swap_channels(np.asarray(picture, np.uint8))
