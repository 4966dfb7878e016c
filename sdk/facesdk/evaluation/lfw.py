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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import facesdk
from facesdk import images
from facesdk.alignment import align
from facesdk.contract import TEMPLATES
from facesdk.detection.detector import Detector
from facesdk.embedding import Embedder
from facesdk.evaluation.cache import RowCache
from facesdk.evaluation.photos import LfwPhotos
from facesdk.evaluation.protocol import Protocol
from facesdk.evaluation.verification import (
    ErrorRates,
    OperatingPoint,
    cross_validate,
    equal_error_rate,
    error_curve,
    error_rates,
    tar_at_far,
)
from facesdk.results import Face, FloatArray

FARS = (1e-2, 1e-3, 1e-4)
"""False accept rates that are reported, as far as the number of negative pairs supports them."""

CENTRE_SHARE = 0.5
"""Height of the fixed crop of an undetected photo, as a share of the photo's shorter side.

LFW's photos are 2.2 times the box of a frontal face detector; a crop shows a little more than that.
"""

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
        recommended: For each threshold of the model's contract, the false match rate it was
            calibrated for and the rates it has on these pairs.
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
    recommended: tuple[tuple[float, ErrorRates], ...]

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
            "at_recommended_thresholds": {
                f"{aimed:g}": {
                    "threshold": round(rates.threshold, 6),
                    "fmr": round(rates.fmr, 6),
                    "fnmr": round(rates.fnmr, 6),
                }
                for aimed, rates in self.recommended
            },
        }


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
    landmarks = RowCache(_folder(cache, "landmarks", detector_id), 10)
    identity = (detector_id, embedder.model_id, embedder.contract.to_json())
    embeddings = RowCache(_folder(cache, "embeddings", *identity), embedder.dim)
    try:
        digests = _embed_all(photos, detector, embedder, landmarks, embeddings, progress)
    finally:
        landmarks.save()
        embeddings.save()
    vectors = {name: embeddings[digest].astype(np.float64) for name, digest in digests.items()}
    similarities = np.array([vectors[p.first] @ vectors[p.second] for p in protocol.pairs])
    same = np.array([pair.same for pair in protocol.pairs])
    folds = np.repeat(np.arange(len(protocol.folds)), [len(fold) for fold in protocol.folds])
    validation = cross_validate(similarities, same, folds)
    curve = error_curve(similarities, same)
    return LfwResult(
        model=embedder.name,
        model_id=embedder.model_id,
        detector=detector_id,
        template=embedder.template,
        flip=embedder.contract.flip_concatenation,
        accuracies=tuple(validation.accuracies.tolist()),
        thresholds=tuple(validation.thresholds.tolist()),
        pairs=len(protocol.pairs),
        photos=len(digests),
        undetected=sum(bool(np.isnan(landmarks[digest]).any()) for digest in digests.values()),
        equal_error_rate=equal_error_rate(curve),
        tar_at_far=tar_at_far(curve, FARS),
        recommended=tuple(
            (row.fmr, error_rates(curve, row.similarity)) for row in embedder.contract.thresholds
        ),
    )


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
    landmarks: RowCache,
    embeddings: RowCache,
    progress: Progress | None,
) -> dict[str, bytes]:
    """Have every photo in both caches; returns the digest of each photo's file."""
    digests: dict[str, bytes] = {}
    for start in range(0, len(photos.names), _BATCH):
        crops: dict[bytes, images.RgbImage] = {}
        for name in photos.names[start : start + _BATCH]:
            data = photos.read(name)
            digest = digests[name] = hashlib.sha256(data).digest()
            if digest in landmarks and digest in embeddings:
                continue
            image = images.decode(io.BytesIO(data), name=name)
            if digest not in landmarks:
                landmarks[digest] = _locate(detector, image)
            if digest not in embeddings:
                crops[digest] = _crop(image, landmarks[digest].reshape(5, 2), embedder.template)
        if crops:
            vectors = embedder.embed(np.stack(list(crops.values())))
            for digest, vector in zip(crops, vectors, strict=True):
                embeddings[digest] = vector
        if progress is not None:
            progress(len(digests), len(photos.names))
    return digests


def _locate(detector: Detector, image: images.RgbImage) -> FloatArray:
    """The ten landmark coordinates of the central face; NaN where there is no face."""
    face = central_face(detector.detect(image), *image.shape[:2])
    return np.full(10, np.nan, np.float32) if face is None else face.landmarks.reshape(10)


def _crop(image: images.RgbImage, landmarks: FloatArray, template: str) -> images.RgbImage:
    if np.isnan(landmarks).any():
        return centre_crop(image, template)
    return align(image, landmarks, template)


def _folder(cache: Path | None, kind: str, *identity: str) -> Path | None:
    """A folder for what is computed alike: by this version, with equal ``identity``."""
    if cache is None:
        return None
    text = "\n".join((facesdk.__version__, *identity))
    return cache / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
