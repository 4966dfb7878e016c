"""The one crop that a test photo is decided from.

A photo without a detected face is still decided, from a fixed crop around its middle, and counted.
"""

from __future__ import annotations

import numpy as np

from facesdk.detection.detector import Detector
from facesdk.images import decode, pixels
from facesdk.models.templates import TEMPLATES
from facesdk.quality import selection
from facesdk.recognition.alignment import align
from facesdk.results import FloatArray

CENTRE_SHARE = 0.5
"""Height of the fixed crop of an undetected photo, as a share of the photo's shorter side.

LFW's photos are 2.2 times the box of a frontal face detector; a crop shows a little more than that.
"""


def undetected_crop(image: decode.RgbImage, template: str) -> decode.RgbImage:
    """What stands for an aligned crop where no face was detected.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        template: A key of :data:`facesdk.models.templates.TEMPLATES`.

    Returns:
        uint8 RGB, the middle of the photo (:data:`CENTRE_SHARE` of its shorter side high, in the
        template's proportions), scaled to the template's size.
    """
    rows, columns = TEMPLATES[template].size
    height, width = image.shape[:2]
    scale = CENTRE_SHARE * min(height, width) / rows
    top, left = _margin(height, rows * scale), _margin(width, columns * scale)
    return pixels.resize(image[top : height - top, left : width - left], rows, columns)


def _margin(side: int, patch: float) -> int:
    """What is left on either side of about so many pixels, so that they are in the middle."""
    return min(round((side - patch) / 2), (side - 1) // 2)


def method(detector: Detector) -> str:
    """How :func:`locate` finds a face: equal texts give equal landmarks."""
    return f"{detector.id} selection={selection.REVISION}"


def locate(detector: Detector, image: decode.RgbImage) -> FloatArray:
    """The ten landmark coordinates of the photo's person; NaN where there is no face."""
    choice = selection.select(detector, image, of_one_person=True)
    if choice is None:
        return np.full(10, np.nan, np.float32)
    return choice.face.landmarks.reshape(10)


def located_crop(image: decode.RgbImage, landmarks: FloatArray, template: str) -> decode.RgbImage:
    """The crop at what :func:`locate` found; from the middle of the photo if that is nothing."""
    if np.isnan(landmarks).any():
        return undetected_crop(image, template)
    return align(image, landmarks.reshape(5, 2), template)
