"""Real aligned faces: what conversions are proven, and fixed-point ranges found, on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk import samples
from facesdk.detection.detector import Detector
from facesdk.detection.registry import load_detector
from facesdk.errors import InputError
from facesdk.images import decode, pixels
from facesdk.images.photo_source import PhotoReader, open_photos
from facesdk.models.templates import SQUARE, template_of
from facesdk.recognition.alignment import align_square, central

Crops = NDArray[np.uint8]


def load(folder: Path | None = None, *, limit: int | None = None) -> Crops:
    """Aligned crops of the packaged sample photos, and of a folder or zip file.

    Every face of every photo is taken, and its mirror image. An image of the size of a template is
    taken for an aligned crop, any other for a photo.

    Args:
        folder: Photos or crops to take as well.
        limit: Most photos of the folder to take, evenly spaced in the order of their names.

    Returns:
        uint8 RGB ``(N, 112, 112, 3)``, in the same order for the same files.

    Raises:
        InputError: The folder cannot be read, or none of its photos shows a face.
    """
    found = list(_of_samples())
    if folder is not None:
        given = list(_of_folder(folder, load_detector(), limit))
        if not given:
            raise InputError(f"no photo of {folder} shows a face: give photos or aligned crops")
        found += given
    crops = np.stack(found)
    return np.concatenate([crops, crops[:, :, ::-1]])


def fit(crops: Crops, height: int, width: int, channels: int) -> Crops:
    """Crops in the size of a network's input.

    Args:
        crops: As :func:`load` returns them.
        height: Rows of the input.
        width: Columns of the input.
        channels: 3, or 1 for grey.

    Returns:
        uint8 ``(N, height, width, channels)``: the middle of the crop in a template's size, the
        crop resized in any other.
    """
    if template_of((height, width)) is not None:
        sized = central(crops, height, width)
    else:
        sized = np.stack([pixels.resize(crop, height, width) for crop in crops])
    if channels == 1:
        sized = np.stack([pixels.grey(crop) for crop in sized])[..., np.newaxis]
    return np.ascontiguousarray(sized)


@cache
def _of_samples() -> tuple[Crops, ...]:
    detector = load_detector()
    photos = (samples.OBAMA, samples.OBAMA2, samples.BIDEN)
    return tuple(crop for path in photos for crop in _crops(decode.load(path), detector))


def _of_folder(folder: Path, detector: Detector, limit: int | None) -> Iterator[Crops]:
    reader = PhotoReader()
    photos = open_photos(folder).photos
    if limit is not None and len(photos) > limit:
        photos = tuple(photos[number * len(photos) // limit] for number in range(limit))
    for photo in photos:
        image = decode.decode(io.BytesIO(reader.read(photo)), name=f"{folder}: {photo.source}")
        yield from _crops(image, detector)


def _crops(image: decode.RgbImage, detector: Detector) -> Iterator[Crops]:
    if template_of(image.shape[:2]) is not None:
        margin = SQUARE.width - image.shape[1]
        yield np.pad(image, ((0, 0), (margin // 2, margin // 2), (0, 0)), mode="edge")
        return
    for face in detector.detect(image):
        yield align_square(image, face.landmarks, SQUARE.width)
