"""Labeled Faces in the Wild: 6,000 pairs of photos in 10 folds, "same person or not?".

Protocol: G. Huang et al., "Labeled Faces in the Wild", UMass Amherst TR 07-49, 2007, View 2. Each
photo is detected, aligned and embedded by the same code that verifies photos, then the pairs are
scored by cosine similarity.

A photo of LFW is about the person in its middle, so of several faces the one with the largest
``area - 2 * distance**2`` is taken, with the distance from the middle of the photo to that of the
box (the rule of David Sandberg's FaceNet, ``align_dataset_mtcnn.py``). A photo without a detected
face is still decided, from a fixed crop around its middle, and counted in ``undetected``.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import facesdk
from facesdk import images
from facesdk.alignment import align
from facesdk.contract import TEMPLATES
from facesdk.detection.detector import Detector
from facesdk.embedding import Embedder
from facesdk.errors import InputError
from facesdk.evaluation.cache import RowCache
from facesdk.evaluation.protocol import Protocol
from facesdk.evaluation.verification import (
    OperatingPoint,
    cross_validate,
    equal_error_rate,
    error_curve,
    tar_at_far,
)
from facesdk.results import Face, FloatArray

FARS = (1e-2, 1e-3, 1e-4)
"""False accept rates that are reported, as far as the number of negative pairs supports them."""

CENTRE_SHARE = 0.58
"""Height of the fixed crop of an undetected photo, as a share of the photo's shorter side."""

_BATCH = 32

Progress = Callable[[int, int], None]
"""Called with the number of photos done and the number of all."""


@dataclass(frozen=True, slots=True)
class LfwResult:
    """How well a model verifies the faces of LFW. Rates are 0 to 1.

    Attributes:
        model: Name of the model.
        model_id: SHA-256 (hex) of the model file.
        detector: Identifies the detector and its settings.
        template: Alignment template of the crops.
        flip: Whether an embedding is that of the crop and of its mirror image, concatenated.
        accuracies: Share of right decisions on each fold, at a threshold from the other folds.
        thresholds: The threshold used on each fold.
        pairs: Number of pairs.
        photos: Number of different photos in them.
        undetected: Number of photos without a detected face.
        equal_error_rate: Where FMR and FNMR meet, over all pairs.
        tar_at_far: True accept rates over all pairs.
    """

    model: str
    model_id: str
    detector: str
    template: str
    flip: bool
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    pairs: int
    photos: int
    undetected: int
    equal_error_rate: float
    tar_at_far: tuple[OperatingPoint, ...]

    @property
    def accuracy(self) -> float:
        """Mean accuracy of the folds."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation of the folds' accuracies (divided by the number of folds)."""
        return float(np.std(self.accuracies))

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk evaluate lfw --json`` prints."""
        return {
            "model": self.model,
            "model_id": self.model_id,
            "detector": self.detector,
            "template": self.template,
            "flip": self.flip,
            "accuracy": round(self.accuracy, 6),
            "std": round(self.std, 6),
            "folds": len(self.accuracies),
            "fold_accuracies": [round(value, 6) for value in self.accuracies],
            "threshold_mean": round(float(np.mean(self.thresholds)), 6),
            "threshold_std": round(float(np.std(self.thresholds)), 6),
            "pairs": self.pairs,
            "photos": self.photos,
            "undetected": self.undetected,
            "equal_error_rate": round(self.equal_error_rate, 6),
            "tar_at_far": {f"{point.far:g}": round(point.tar, 6) for point in self.tar_at_far},
        }


class LfwPhotos:
    """The photos of LFW in a folder or a zip file, by their LFW name ``Name/Name_0001.jpg``.

    They may lie in a folder of the folder, as in ``lfw.zip`` with all names under ``lfw/``.

    Args:
        path: The folder or the zip file.
        names: The photos that are needed.

    Raises:
        InputError: Neither folder nor zip, or a photo is missing.
    """

    def __init__(self, path: str | os.PathLike[str], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._path = Path(path)
        self._root = self._find(self._open(), self.names[0])
        missing = [name for name in self.names if not self._root.joinpath(name).is_file()]
        if missing:
            raise InputError(
                f"{path} lacks {len(missing)} of the {len(self.names)} photos that the pairs need, "
                f"the first is {missing[0]}"
            )

    def read(self, name: str) -> bytes:
        """The content of a photo's file.

        Raises:
            InputError: It cannot be read.
        """
        try:
            return self._root.joinpath(name).read_bytes()
        except (OSError, RuntimeError, zipfile.BadZipFile) as error:
            raise InputError(f"cannot read {name} in {self._path}: {error}") from None

    def _open(self) -> Path | zipfile.Path:
        if self._path.is_dir():
            return self._path
        try:
            return zipfile.Path(self._path)
        except OSError as error:
            raise InputError(f"cannot read the photos {self._path}: {error.strerror}") from None
        except zipfile.BadZipFile:
            raise InputError(
                f"{self._path} is neither a folder nor a zip file: give LFW's photos"
            ) from None

    def _find(self, root: Path | zipfile.Path, name: str) -> Path | zipfile.Path:
        inner = (child for child in root.iterdir() if child.is_dir())
        for folder in (root, *inner):
            if folder.joinpath(name).is_file():
                return folder
        raise InputError(
            f"{self._path} has no {name}, nor has a folder in it: give the folder or zip file that "
            "has LFW's photos as Name/Name_0001.jpg"
        )


def evaluate_lfw(
    embedder: Embedder,
    detector: Detector,
    photos: LfwPhotos,
    protocol: Protocol,
    *,
    detector_id: str,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> LfwResult:
    """Run the whole protocol.

    Args:
        embedder: The recognition model.
        detector: Finds the faces.
        photos: Where the photos are; all that ``protocol`` needs.
        protocol: The pairs.
        detector_id: Names the detector, its weights and settings; cached landmarks are used again
            for an equal one.
        cache: Folder that keeps landmarks and embeddings between runs; None for none.
        progress: Told after each photo.

    Raises:
        InputError: A photo cannot be read, or the cache cannot be read or written.
        ModelError: The model fails on a crop.
    """
    located = RowCache(_folder(cache, "landmarks", detector_id), 10)
    identity = (detector_id, embedder.model_id, embedder.contract.to_json())
    embedded = RowCache(_folder(cache, "embeddings", *identity), embedder.dim)
    try:
        keys = _embed_all(photos, detector, embedder, located, embedded, progress)
    finally:
        located.save()
        embedded.save()
    vectors = {name: embedded.get(key) for name, key in keys.items()}
    undetected = sum(not np.isfinite(_known(located, key)).all() for key in keys.values())
    return _score(embedder, detector_id, protocol, vectors, undetected)


def central_face(faces: Iterable[Face], height: int, width: int) -> Face | None:
    """The face a photo is about: large and near the middle (see the module); None of no faces."""

    def prominence(face: Face) -> float:
        middle = (face.box[:2] + face.box[2:]) / 2
        offset = middle - (width / 2, height / 2)
        return face.area - 2 * float(offset @ offset)

    return max(faces, key=prominence, default=None)


def centre_crop(image: images.RgbImage, template: str) -> images.RgbImage:
    """What stands for an aligned crop where no face was detected.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        template: A key of :data:`facesdk.contract.TEMPLATES`.

    Returns:
        uint8 RGB, the middle of the photo (:data:`CENTRE_SHARE` of its shorter side high, in the
        template's proportions), scaled to the template's size.
    """
    rows, columns = TEMPLATES[template]
    height, width = image.shape[:2]
    scale = CENTRE_SHARE * min(height, width) / rows
    patch = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    middle = ((width - 1) / 2, (height - 1) / 2)
    crop = cv2.getRectSubPix(image, patch, middle)
    return np.asarray(cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def _embed_all(
    photos: LfwPhotos,
    detector: Detector,
    embedder: Embedder,
    located: RowCache,
    embedded: RowCache,
    progress: Progress | None,
) -> dict[str, bytes]:
    """Fill both caches for every photo; returns the digest of each photo's file."""
    keys: dict[str, bytes] = {}
    waiting: dict[bytes, NDArray[np.uint8]] = {}
    for done, name in enumerate(photos.names, start=1):
        data = photos.read(name)
        key = keys[name] = hashlib.sha256(data).digest()
        if located.get(key) is None or (embedded.get(key) is None and key not in waiting):
            image = images.decode(io.BytesIO(data), name=name)
            if located.get(key) is None:
                located.put(key, _locate(detector, image))
            waiting[key] = _crop(image, _known(located, key), embedder.template)
        if len(waiting) == _BATCH or done == len(photos.names):
            _embed_waiting(embedder, waiting, embedded)
        if progress is not None:
            progress(done, len(photos.names))
    return keys
