"""One photo becomes one aligned crop, or a reason why not."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesdk.detection.registry import load_detector
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.images.photo_source import Photo, PhotoReader
from facesdk.quality import selection
from facesdk.recognition.alignment import align_square

ENCODINGS = {
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "png": {"format": "PNG"},
}
"""How crops are stored: Pillow's options by name."""

HASH_SIDE = 16
"""A perceptual hash has that many bits squared."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How photos become crops.

    Attributes:
        size: Side of the crops, in pixels.
        encoding: A key of :data:`ENCODINGS`.
        aligned: Whether the photos are aligned crops already.
        min_face: Side of the smallest face to find, in pixels.
    """

    size: int
    encoding: str
    aligned: bool
    min_face: int


@dataclass(frozen=True, slots=True)
class CropOutcome:
    """What became of a photo.

    Attributes:
        reason: Why there is no crop: "unreadable", "undetected" or "wrong_size"; else empty.
        detail: The reason in words.
        sha256: Digest of the photo's file; empty if it could not be read.
        perceptual: Perceptual hash of the crop, packed bits; empty without a crop.
        crop: The encoded crop; empty without one.
    """

    reason: str
    detail: str = ""
    sha256: bytes = b""
    perceptual: bytes = b""
    crop: bytes = b""


class Cropper:
    """Turns photos into crops; one per process, single-threaded."""

    def __init__(self, settings: CropSettings) -> None:
        self._settings = settings
        self._reader = PhotoReader()
        self._detector = (
            None if settings.aligned else load_detector(min_face=settings.min_face, threads=1)
        )

    def crop(self, photo: Photo) -> CropOutcome:
        """Read, detect, align and encode the face of a photo's person."""
        try:
            content = self._reader.read(photo)
        except InputError as error:
            return CropOutcome("unreadable", str(error))
        digest = hashlib.sha256(content).digest()
        try:
            image = decode.decode(io.BytesIO(content), name="the file")
        except InputError as error:
            return CropOutcome("unreadable", str(error), digest)
        size = self._settings.size
        if self._detector is None:
            if image.shape != (size, size, 3):
                height, width = image.shape[:2]
                return CropOutcome("wrong_size", f"{width}x{height} pixels", digest)
            crop = image
        else:
            choice = selection.select(self._detector, image, of_one_person=True)
            if choice is None:
                return CropOutcome("undetected", "no face found", digest)
            crop = align_square(image, choice.face.landmarks, size)
        return CropOutcome("", "", digest, perceptual_hash(crop), self._encode(crop))

    def _encode(self, crop: NDArray[np.uint8]) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, **ENCODINGS[self._settings.encoding])
        return stream.getvalue()


def perceptual_hash(crop: NDArray[np.uint8]) -> bytes:
    """The pHash of a crop: signs of its low-frequency cosine coefficients about their median.

    By the library imagehash, after C. Zauner, "Implementation and Benchmarking of Perceptual Image
    Hash Functions", 2010.

    Args:
        crop: uint8 RGB ``(H, W, 3)``.

    Returns:
        ``HASH_SIDE ** 2`` bits, packed.
    """
    bits = imagehash.phash(Image.fromarray(crop), hash_size=HASH_SIDE).hash
    return np.packbits(bits).tobytes()
