"""Photos with surroundings become small photos whose faces are known: MTCNN is the teacher.

Scenes are made from them (:mod:`facesdk_training.detector.scenes.scenes`); nothing of the originals
is kept. The order is random but always the same, so that the first photos are a fair choice.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.registry import load_detector
from facesdk.errors import InputError
from facesdk.images import decode, encode, pixels
from facesdk.images.photo_walk import PhotoFile, photo_files
from facesdk.progress import Progress
from facesdk.results import Face
from facesdk_training.detector.scenes.store import LabelledPhoto, Writer

SMALLEST_FACE = 20
"""The teacher looks for faces from that many pixels of the photo as it is given."""
_AHEAD = 4
"""Photos per thread that are under way."""


@dataclass(frozen=True, slots=True)
class LabellingOptions:
    """How photos become small ones.

    Attributes:
        side: Longer side of the small photos, in pixels, a multiple of 8.
        close: Share of photos that are cut to about twice their largest face first, so that large
            faces in scenes have the detail that large faces have.
        quality: Of the WebP files, 1 to 100.
        faceless: Whether the photos show no faces: then those are kept in which the teacher sees
            none; else those in which it sees one.
        limit: At most so many photos; None for all.
    """

    side: int = 224
    close: float = 0.4
    quality: int = 70
    faceless: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.side < 64 or self.side % 8:
            raise InputError(f"side must be a multiple of 8 from 64, but is {self.side}")
        if not 0 <= self.close <= 1:
            raise InputError(f"close must be from 0 to 1, but is {self.close}")
        if not 1 <= self.quality <= 100:
            raise InputError(f"quality must be from 1 to 100, but is {self.quality}")


@dataclass(frozen=True, slots=True)
class LabellingReport:
    """What is in a store after photos were added.

    Attributes:
        looked_at: Photos that were looked at, in this run and before.
        photos: Photos that are used.
        faces: Faces in them.
        unreadable: Photos of this run that could not be decoded.
    """

    looked_at: int
    photos: int
    faces: int
    unreadable: int

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a photo.

    Attributes:
        photo: The small photo; None if it is not used.
        readable: Whether it could be decoded.
    """

    photo: LabelledPhoto | None
    readable: bool


def label(
    photos: Path, out: Path, options: LabellingOptions, *, workers: int, progress: Progress
) -> LabellingReport:
    """Adds the photos of a folder to a store; those it has are not looked at again.

    Args:
        photos: The folder; everything below it is looked at.
        out: The store, made if needed.
        options: How.
        workers: Threads.
        progress: Told after each photo.

    Raises:
        InputError: There is no such folder, or the store cannot be written.
    """
    files, _ = photo_files(photos)
    files.sort(key=lambda file: hashlib.sha256(file.source.encode()).digest())
    files = files[: options.limit]
    labeller = Labeller(options, workers)
    unreadable = 0
    with Writer(out) as store:
        new = [file for file in files if file.source not in store.done]
        done = len(files) - len(new)
        for file, outcome in _in_order(labeller, new, workers):
            unreadable += not outcome.readable
            store.add(file.source, outcome.photo)
            done += 1
            progress(done, len(files), "label")
        return LabellingReport(len(store.done), store.photos, store.faces, unreadable)


class Labeller:
    """Makes the small photo of a file; threads may share one."""

    def __init__(self, options: LabellingOptions, workers: int) -> None:
        self._options = options
        self._teacher = load_detector(
            "mtcnn", min_face=SMALLEST_FACE, workers=workers, turned=False
        )

    def __call__(self, file: PhotoFile) -> Outcome:
        """Reads a photo and labels it."""
        try:
            image = decode.as_image(file.member)
        except InputError:
            return Outcome(None, readable=False)
        faces = self._teacher.detect(image)
        if bool(faces) == self._options.faceless:
            return Outcome(None, readable=True)
        return Outcome(self.made(image, faces, random.Random(file.source)), readable=True)

    def made(
        self, image: decode.RgbImage, faces: Sequence[Face], chance: random.Random
    ) -> LabelledPhoto:
        """The small photo of an image with known faces, the largest first."""
        boxes = np.array([face.box for face in faces], np.float64).reshape(-1, 4)
        points = np.array([face.landmarks for face in faces], np.float64).reshape(-1, 5, 2)
        scores = np.array([face.score for face in faces], np.float64)
        whole = not len(faces) or chance.random() >= self._options.close
        if not whole:
            image, corner = _close_cut(image, boxes[0], chance)
            boxes, points = boxes - np.tile(corner, 2), points - corner
        scale = self._options.side / max(image.shape[:2])
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        small = pixels.resize(image, height, width)
        boxes, points = boxes * scale, points * scale
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((middle > 0) & (middle < [width, height])).all(axis=1)
        return LabelledPhoto(
            encode.to_bytes(small, "WEBP", quality=self._options.quality),
            height,
            width,
            whole,
            scores[inside].astype(np.float32),
            boxes[inside].astype(np.float32),
            points[inside].astype(np.float32),
        )


def _close_cut(
    image: decode.RgbImage, box: NDArray[np.float64], chance: random.Random
) -> tuple[decode.RgbImage, NDArray[np.int64]]:
    """The part of a photo around a face, and its upper left corner."""
    side = max(box[2:] - box[:2]) * chance.uniform(1.5, 2.4)
    shift = np.array([chance.uniform(-0.15, 0.15), chance.uniform(-0.15, 0.15)]) * side
    middle = (box[:2] + box[2:]) / 2 + shift
    size = np.array(image.shape[1::-1])
    low = np.clip(np.round(middle - side / 2), 0, size - 1).astype(np.int64)
    high = np.clip(np.round(middle + side / 2), low + 1, size).astype(np.int64)
    return np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), low


def _in_order(
    labeller: Labeller, files: Iterable[PhotoFile], workers: int
) -> Iterator[tuple[PhotoFile, Outcome]]:
    """Outcomes in the order of the files, a few photos ahead."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[PhotoFile, Future[Outcome]]] = deque()
        try:
            for file in files:
                waiting.append((file, pool.submit(labeller, file)))
                if len(waiting) >= _AHEAD * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
