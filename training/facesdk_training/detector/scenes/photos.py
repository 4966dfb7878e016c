"""Labelled photos as one table of packed pixels on the device that trains."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from facesdk.errors import InputError
from facesdk_training.detector.scenes import store
from facesdk_training.detector.scenes.store import LabelledPhoto

LEVELS = 4
"""A photo and how often it is halved: small faces are taken from small copies."""
MOST_FACES = 4
"""Faces of a photo; photos with more are left out."""
HELD_OUT = 10
"""Every tenth photo is held out."""
QUIET_SIDE = 64
"""Side of the squares of photos with faces that touch none, in pixels."""
_ALIGNED = 2 ** (LEVELS - 1)
_CHUNK = 256


class Address(NamedTuple):
    """Where pixels lie in the table.

    Attributes:
        base: Index of the first pixel of a photo's level, border included, int64.
        pitch: Pixels from row to row.
        ratio: Pixels of that level per pixel of the photo.
    """

    base: Tensor
    pitch: Tensor
    ratio: Tensor


class Photos:
    """Photos with faces first, then those without, with all that a scene needs to know of them.

    Attributes:
        pixels: RGB and a zero byte as one int32 per pixel, all levels of all photos; each level is
            a square with a border of one pixel.
        faces: Photos with faces.
        count: Photos in all.
        boxes: ``(count, 4, 4)``; where a photo has fewer faces the rest is 0. The first box of a
            photo without a face is a square in its middle, with score 0.
        points: ``(count, 4, 5, 2)``.
        scores: The teacher's, 0 where there is no face, ``(count, 4)``.
        sizes: Width and height, ``(count, 2)``.
        quiet: Parts without a face: photo, left, top, width, height, ``(q, 5)``.
    """

    def __init__(self, folders: Sequence[Path], *, held: bool, device: torch.device) -> None:
        rows = [row for folder in folders for row in _chosen(folder, held)]
        rows.sort(key=lambda photo: len(photo.boxes) == 0)
        self.count = len(rows)
        self.faces = sum(len(photo.boxes) > 0 for photo in rows)
        if not self.faces:
            raise InputError(
                f"{', '.join(map(str, folders))}: too few photos with faces; at least "
                f"{HELD_OUT} are needed, since every tenth is held out"
            )
        side = max(max(photo.height, photo.width) for photo in rows)
        side = -(-side // _ALIGNED) * _ALIGNED
        self._sides = torch.tensor([side // 2**n + 2 for n in range(LEVELS)], device=device)
        areas = self._sides**2 * self.count
        self._starts = torch.cumsum(areas, 0) - areas
        self.pixels = _table(rows, side, int(areas.sum()), self._starts.tolist(), device)
        boxes = np.zeros((self.count, MOST_FACES, 4), np.float32)
        points = np.zeros((self.count, MOST_FACES, 5, 2), np.float32)
        scores = np.zeros((self.count, MOST_FACES), np.float32)
        for number, photo in enumerate(rows):
            known = len(photo.boxes)
            if known:
                boxes[number, :known], points[number, :known] = photo.boxes, photo.points
                scores[number, :known] = photo.scores
            else:
                middle = np.array([photo.width, photo.height] * 2) / 2
                half = min(photo.height, photo.width) / 4
                boxes[number, 0] = middle + half * np.array([-1, -1, 1, 1])
        sizes = np.array([[photo.width, photo.height] for photo in rows], np.float32)
        quiet = [
            (number, *part) for number, photo in enumerate(rows) for part in quiet_parts(photo)
        ]

        def put(array: NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(array).to(device)

        self.boxes, self.points, self.scores = put(boxes), put(points), put(scores)
        self.sizes = put(sizes)
        self.quiet = put(np.array(quiet, np.float32).reshape(-1, 5))

    def address(self, photo: Tensor, level: Tensor) -> Address:
        """Where levels of photos lie; both int64 of the same shape."""
        sides = self._sides[level]
        return Address(
            self._starts[level] + photo * sides * sides, sides, torch.exp2(-level.float())
        )


def _chosen(folder: Path, held: bool) -> Iterator[LabelledPhoto]:
    for number, photo in enumerate(store.read(folder)):
        if len(photo.boxes) <= MOST_FACES and (number % HELD_OUT == 0) == held:
            yield photo


def _table(
    rows: Sequence[LabelledPhoto],
    side: int,
    length: int,
    starts: Sequence[int],
    device: torch.device,
) -> Tensor:
    table = torch.empty(length, dtype=torch.int32, device=device)
    with ThreadPoolExecutor() as pool:
        for first in range(0, len(rows), _CHUNK):
            chunk = rows[first : first + _CHUNK]
            squares = np.stack(list(pool.map(lambda photo: _square(photo, side), chunk)))
            level = torch.from_numpy(squares).to(device).permute(0, 3, 1, 2).float()
            for number, start in enumerate(starts):
                if number:
                    level = functional.avg_pool2d(level, 2)
                packed = _packed(functional.pad(level, (1, 1, 1, 1), mode="replicate"))
                area = packed.shape[1]
                table[start + first * area : start + (first + len(chunk)) * area] = packed.flatten()
    return table


def _square(photo: LabelledPhoto, side: int) -> NDArray[np.uint8]:
    """The decoded photo, its last row and column repeated to a square."""
    with Image.open(io.BytesIO(photo.content)) as opened:
        image = np.asarray(opened.convert("RGB"))
    height, width = image.shape[:2]
    if (height, width) != (photo.height, photo.width):
        raise InputError(f"a photo has {width}x{height} pixels where its label says otherwise")
    return np.pad(image, [(0, side - height), (0, side - width), (0, 0)], "edge")


def _packed(level: Tensor) -> Tensor:
    """``(n, 3, s, s)`` from 0 to 255 to int32 ``(n, s * s)``."""
    whole = level.round().to(torch.uint8)
    whole = torch.cat([whole, torch.zeros_like(whole[:, :1])], 1)
    return whole.permute(0, 2, 3, 1).contiguous().view(torch.int32).flatten(1)


def quiet_parts(photo: LabelledPhoto) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, width and height of parts without a face.

    A photo without a face is one part. Of a photo with faces, squares that keep a quarter of a
    face's size away from every box; none of one that was cut around a face, since what the cut
    left out of the teacher's sight may be in it.
    """
    height, width = photo.height, photo.width
    if not len(photo.boxes):
        yield 0, 0, width, height
    elif photo.whole and min(height, width) >= QUIET_SIDE:
        sides = np.tile(photo.boxes[:, 2:] - photo.boxes[:, :2], 2)
        grown = photo.boxes + 0.25 * sides * [-1, -1, 1, 1]
        for left in np.linspace(0, width - QUIET_SIDE, 4).astype(int).tolist():
            for top in np.linspace(0, height - QUIET_SIDE, 4).astype(int).tolist():
                beside = (grown[:, 2] < left) | (grown[:, 0] > left + QUIET_SIDE)
                above = (grown[:, 3] < top) | (grown[:, 1] > top + QUIET_SIDE)
                if (beside | above).all():
                    yield left, top, QUIET_SIDE, QUIET_SIDE
