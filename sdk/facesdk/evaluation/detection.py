"""How many faces a detector finds, and how many of its finds are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import overlaps
from facesdk.detection.detector import Detector
from facesdk.errors import InputError
from facesdk.evaluation.intervals import wilson
from facesdk.evaluation.sets.face_boxes import LabelledPhoto
from facesdk.images.decode import RgbImage
from facesdk.progress import Progress, unwatched
from facesdk.results import Face

SIZES = (0, 20, 30, 50, 100, 250)
"""Where ranges of a face's longer side begin, in pixels."""

ANGLES = (0, 10, 20, 30, 45, 60, 90)
"""Where ranges of a face's roll and yaw begin, in degrees to either side."""

SCORES = (0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999)
"""Least scores by which found faces and false finds are told: detectors find from 0.7 on."""

DEFAULT_OVERLAP = 0.5
"""Least overlap (intersection over union) of a find with the face that it is, as in WIDER FACE."""


@dataclass(frozen=True, slots=True)
class Range:
    """Faces of a range of sizes, or of angles.

    Attributes:
        least: Least longer side, in pixels, or least angle, in degrees.
        faces: How many there are.
        found: How many were found.
    """

    least: int
    faces: int
    found: int


@dataclass(frozen=True, slots=True)
class AtScore:
    """What finds of a score or more are: what `--min-score` would leave.

    Attributes:
        score: The least score.
        found: Faces that were found.
        false: Finds that are no face.
        false_in_faceless: Of these, those in photos without a face.
    """

    score: float
    found: int
    false: int
    false_in_faceless: int


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What a detector found in photos whose faces are known.

    Attributes:
        detector: Identifies it and its settings.
        overlap: Least overlap of a find with a face.
        photos: How many photos there are.
        faceless: How many of them have no face.
        faces: Faces that were to be found.
        scores: Of all finds that count, falling.
        hits: For each find whether it is a face.
        faceless_scores: Of the finds in photos without a face, in the order of the photos.
        sizes: Recall by size.
        rolls: Recall by how far heads are turned in the photo; empty where that is not known.
        yaws: Recall by how far they look to a side.
    """

    detector: str
    overlap: float
    photos: int
    faceless: int
    faces: int
    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    faceless_scores: NDArray[np.float64]
    sizes: tuple[Range, ...]
    rolls: tuple[Range, ...] = ()
    yaws: tuple[Range, ...] = ()

    @property
    def found(self) -> int:
        """Faces that were found."""
        return int(self.hits.sum())

    @property
    def false_in_faceless(self) -> int:
        """Finds in the photos without a face."""
        return len(self.faceless_scores)

    def at_scores(self) -> tuple[AtScore, ...]:
        """What finds of at least each of :data:`SCORES` are."""
        return tuple(
            AtScore(
                least,
                int(self.hits[self.scores >= least].sum()),
                int((~self.hits[self.scores >= least]).sum()),
                int((self.faceless_scores >= least).sum()),
            )
            for least in SCORES
        )

    @property
    def false(self) -> int:
        """Finds that are no face."""
        return len(self.hits) - self.found

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Recall and precision as the least score falls, a point per score of finds."""
        last = np.flatnonzero(np.diff(self.scores, append=-np.inf))
        hits = np.cumsum(self.hits)[last]
        return hits / max(self.faces, 1), hits / (last + 1)

    @property
    def average_precision(self) -> float:
        """Area under the curve, each precision raised to the best at any larger recall."""
        recall, precision = self.curve()
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float((np.diff(recall, prepend=0.0) * best).sum())

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk evaluate detection --json`` prints."""
        return {
            "detector": self.detector,
            "overlap": self.overlap,
            "photos": self.photos,
            "faceless_photos": self.faceless,
            "labelled": self.faces,
            "found": self.found,
            "recall": self.found / self.faces if self.faces else None,
            "recall_interval": _interval(self.found, self.faces),
            "false": self.false,
            "false_per_photo": self.false / self.photos,
            "false_in_faceless_photos": self.false_in_faceless,
            "average_precision": self.average_precision if self.faces else None,
            "at_scores": [
                {
                    "score": row.score,
                    "found": row.found,
                    "recall": row.found / self.faces if self.faces else None,
                    "false": row.false,
                    "false_in_faceless_photos": row.false_in_faceless,
                }
                for row in self.at_scores()
            ],
            "sizes": _records(self.sizes),
            "rolls": _records(self.rolls),
            "yaws": _records(self.yaws),
        }


def measure(
    photos: Sequence[LabelledPhoto],
    read: Callable[[str], RgbImage],
    detector: Detector,
    *,
    min_face: int = 0,
    overlap: float = DEFAULT_OVERLAP,
    progress: Progress = unwatched,
) -> DetectionResult:
    """Find all faces of photos, and compare.

    Finds are taken by score, each for the face that it overlaps with most among those that are not
    taken. One that overlaps only with a face that does not count is left out.

    Args:
        photos: The photos.
        read: Gives one by its name.
        detector: Finds faces.
        min_face: Faces of a smaller longer side do not count, nor do finds of them.
        overlap: Least overlap, above 0 and at most 1.
        progress: Told after each photo.

    Raises:
        InputError: A photo cannot be read, or an option is out of its range.
    """
    if not 0 < overlap <= 1:
        raise InputError(f"the overlap must be above 0 and at most 1, but got {overlap:g}")
    scores: list[float] = []
    hits: list[bool] = []
    sides: list[float] = []
    rolls: list[float] = []
    yaws: list[float] = []
    found: list[bool] = []
    faceless_scores: list[float] = []
    for number, photo in enumerate(photos, start=1):
        faces = detector.detect(read(photo.name))
        boxes = photo.boxes.astype(np.float64)
        longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
        counts = np.array(photo.valid, bool) & (longer >= min_face)
        taken, judged = match(faces, boxes, counts, overlap)
        scores += [face.score for face, hit in zip(faces, judged, strict=True) if hit is not None]
        hits += [hit for hit in judged if hit is not None]
        sides += longer[counts].tolist()
        rolls += _of_those(photo.rolls, counts)
        yaws += _of_those(photo.yaws, counts)
        found += taken[counts].tolist()
        if not len(boxes):
            faceless_scores += [face.score for face in faces]
        progress(number, len(photos), "photos")
    order = np.argsort(-np.array(scores), kind="stable").astype(np.intp)
    return DetectionResult(
        detector.id,
        overlap,
        len(photos),
        sum(not len(photo.boxes) for photo in photos),
        len(found),
        np.array(scores, np.float64)[order],
        np.array(hits, bool)[order],
        np.array(faceless_scores, np.float64),
        *(
            tuple(_ranges(starts, np.abs(values), np.array(found, bool)))
            for starts, values in ((SIZES, sides), (ANGLES, rolls), (ANGLES, yaws))
        ),
    )


def match(
    faces: Sequence[Face],
    boxes: NDArray[np.float64],
    counts: NDArray[np.bool_],
    overlap: float,
) -> tuple[NDArray[np.bool_], list[bool | None]]:
    """Which known faces were found, and which finds are faces.

    Args:
        faces: The finds of one photo.
        boxes: ``(n, 4)`` of the known faces.
        counts: ``(n,)``, which of them count.
        overlap: Least overlap.

    Returns:
        ``(n,)`` whether each known face was found, and for each find whether it is a face; None
        where it does not count.
    """
    taken = np.zeros(len(boxes), bool)
    judged: list[bool | None] = [False] * len(faces)
    if not len(boxes) or not faces:
        return taken, judged
    shares = overlaps(np.array([face.box for face in faces], dtype=np.float64), boxes)
    for number in sorted(range(len(faces)), key=lambda n: -faces[n].score):
        free = np.where(counts & ~taken, shares[number], -1.0)
        best = int(free.argmax())
        if free[best] >= overlap:
            taken[best] = judged[number] = True
        elif np.where(counts, -1.0, shares[number]).max() >= overlap:
            judged[number] = None
    return taken, judged


def _of_those(angles: tuple[float, ...], counts: NDArray[np.bool_]) -> list[float]:
    values: list[float] = np.array(angles or [nan] * len(counts), np.float64)[counts].tolist()
    return values


def _ranges(
    starts: tuple[int, ...], values: NDArray[np.float64], found: NDArray[np.bool_]
) -> list[Range]:
    """Of those values that are known: NaN is in no range."""
    rows = []
    for least, below in zip(starts, (*starts[1:], inf), strict=True):
        within = (values >= least) & (values < below)
        if within.any():
            rows.append(Range(least, int(within.sum()), int(found[within].sum())))
    return rows


def _records(rows: tuple[Range, ...]) -> list[dict[str, Any]]:
    return [
        {
            "least": row.least,
            "labelled": row.faces,
            "found": row.found,
            "recall_interval": _interval(row.found, row.faces),
        }
        for row in rows
    ]


def _interval(found: int, count: int) -> list[float] | None:
    return list(wilson(found / count, count)) if count else None
