"""The one crop that a test photo is decided from.

A photo of LFW is about the person in its middle, so of several faces the one with the largest
``area - 2 * distance**2`` is taken, with the distance from the middle of the photo to that of the
box (the rule of David Sandberg's FaceNet, ``align_dataset_mtcnn.py``). A photo without a detected
face is still decided, from a fixed crop around its middle, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from facesdk.detection.detector import Detector
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.alignment import align
from facesdk.results import Face, FloatArray

CENTRE_SHARE = 0.5
"""Height of the fixed crop of an undetected photo, as a share of the photo's shorter side.

LFW's photos are 2.2 times the box of a frontal face detector; a crop shows a little more than that.
"""


def central_face(faces: Iterable[Face], height: int, width: int) -> Face | None:
    """The face a photo is about: large and near the middle (see the module); None of no faces."""

    def prominence(face: Face) -> float:
        middle = (face.box[:2] + face.box[2:]) / 2
        offset = middle - (width / 2, height / 2)
        return face.area - 2 * float(offset @ offset)

    return max(faces, key=prominence, default=None)


def centre_crop(image: decode.RgbImage, template: str) -> decode.RgbImage:
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
    patch = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    middle = ((width - 1) / 2, (height - 1) / 2)
    crop = cv2.getRectSubPix(image, patch, middle)
    return np.asarray(cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def aligned_crop(image: decode.RgbImage, template: str, *, name: str) -> decode.RgbImage:
    """The middle of a crop that was aligned to the 112x112 template, with any margin around it.

    Args:
        image: uint8 RGB ``(H, W, 3)``, at least as large as the template.
        template: A key of :data:`facesdk.models.templates.TEMPLATES`.
        name: What error messages call the image.

    Raises:
        InputError: The image is smaller than the template.
    """
    rows, columns = TEMPLATES[template].size
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    if top < 0 or left < 0:
        raise InputError(
            f"{name} has {image.shape[1]}x{image.shape[0]} pixels, but an aligned crop needs "
            f"{columns}x{rows}"
        )
    return np.ascontiguousarray(image[top : top + rows, left : left + columns])


def locate(detector: Detector, image: decode.RgbImage) -> FloatArray:
    """The ten landmark coordinates of the central face; NaN where there is no face."""
    face = central_face(detector.detect(image), *image.shape[:2])
    return np.full(10, np.nan, np.float32) if face is None else face.landmarks.reshape(10)


def located_crop(image: decode.RgbImage, landmarks: FloatArray, template: str) -> decode.RgbImage:
    """The crop at what :func:`locate` found; from the middle of the photo if that is nothing."""
    if np.isnan(landmarks).any():
        return centre_crop(image, template)
    return align(image, landmarks.reshape(5, 2), template)
