"""Labelled photos in two files that grow together: what ``facesdk data scenes`` writes.

``photos.bin`` holds small WebP files one after the other, ``labels.jsonl`` a line per photo that
was looked at::

    {"source": "val/1.jpg", "at": 0, "bytes": 5700, "size": [224, 201], "whole": true,
     "scores": [0.9998], "boxes": [[l, t, r, b]], "points": [[[x, y], ...five]]}

``size`` is height and width, boxes and points are pixels of the small photo and may reach beyond
it; the points are the eye on the left of the photo, the other eye, nose, corners of the mouth.
``whole`` is false for a photo that was cut around a face first. ``boxes`` is empty for a photo
without a face. A line with ``source`` alone is a photo that is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.files import make_folder

PHOTOS, LABELS = "photos.bin", "labels.jsonl"


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A small photo, still encoded, and the faces in it.

    Attributes:
        content: A WebP file.
        height: Of the photo, in pixels.
        width: Likewise.
        whole: Whether it shows all that the photo it came from shows.
        scores: The teacher's, float32 ``(m,)``.
        boxes: Left, top, right, bottom, float32 ``(m, 4)``.
        points: Float32 ``(m, 5, 2)``.
    """

    content: bytes
    height: int
    width: int
    whole: bool
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    points: NDArray[np.float32]


def read(folder: Path) -> Iterator[LabelledPhoto]:
    """The photos of a store, in the order in which they were added.

    Raises:
        InputError: The folder is no store, or its files do not belong together.
    """
    try:
        with (folder / PHOTOS).open("rb") as photos:
            for row in _rows(folder):
                if "at" in row:
                    photos.seek(row["at"])
                    yield _photo(row, photos.read(row["bytes"]))
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{folder / LABELS} is damaged ({error!r}): prepare it again") from None


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    """All lines but one that an interruption left without its end."""
    with (folder / LABELS).open(encoding="utf-8") as labels:
        for line in labels:
            if line.endswith("\n"):
                yield json.loads(line)


def _photo(row: dict[str, Any], content: bytes) -> LabelledPhoto:
    if len(content) != row["bytes"]:
        raise ValueError(f"{row['source']} is not in {PHOTOS}")
    height, width = row["size"]
    count = len(row["boxes"])
    return LabelledPhoto(
        content,
        height,
        width,
        row["whole"],
        np.array(row["scores"], np.float32).reshape(count),
        np.array(row["boxes"], np.float32).reshape(count, 4),
        np.array(row["points"], np.float32).reshape(count, 5, 2),
    )


class Writer:
    """Adds photos to a store; a context manager.

    An interrupted store goes on after its last complete photo.

    Attributes:
        done: Sources that the store has, used or not.
        faces: Faces in it.
        photos: Photos in it that are used.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.done: set[str] = set()
        self.faces = self.photos = end = kept = 0
        labels = folder / LABELS
        if labels.exists():
            for row in _rows(folder):
                self.done.add(row["source"])
                if "at" in row:
                    self.photos += 1
                    self.faces += len(row["boxes"])
                    end = row["at"] + row["bytes"]
            content = labels.read_bytes()
            kept = content.rfind(b"\n") + 1
        self._photos: BinaryIO = (folder / PHOTOS).open("ab")
        self._labels: TextIO = labels.open("a", encoding="utf-8")
        self._photos.truncate(end)
        self._labels.truncate(kept)
        self._end = end

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._photos.close()
        self._labels.close()

    def add(self, source: str, photo: LabelledPhoto | None) -> None:
        """Adds a photo, or that a source is not used."""
        row: dict[str, Any] = {"source": source}
        if photo is not None:
            self._photos.write(photo.content)
            self._photos.flush()
            row |= {
                "at": self._end,
                "bytes": len(photo.content),
                "size": [photo.height, photo.width],
                "whole": photo.whole,
                "scores": [round(float(score), 4) for score in photo.scores],
                "boxes": photo.boxes.astype(float).round(2).tolist(),
                "points": photo.points.astype(float).round(2).tolist(),
            }
            self._end += len(photo.content)
            self.photos += 1
            self.faces += len(photo.boxes)
        self._labels.write(json.dumps(row) + "\n")
        self._labels.flush()
        self.done.add(source)
