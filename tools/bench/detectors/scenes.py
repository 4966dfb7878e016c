"""Photos of 640x480 made of aligned crops of people whom no network here was trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.recognition.alignment import template_points
from facesdk_training.data.crops import CROP_SIZE, FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo

RUN = Path(__file__).parents[3] / "training/runs/recogniser/config.json"
"""The run of the packaged recogniser; it says whose people were held out."""

TEMPLATE = "arcface-112x112"

BOX = (17.0, 11.25, 95.0, 115.5)
"""MTCNN's box of a face in its aligned crop, left, top, right and bottom: the median of 200."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a crop is in a photo.

    Attributes:
        turn: ``(2, 2)``: scales and turns pixels of the crop.
        move: ``(2,)``: added after that.
        side: Side of the crop in the photo, in pixels.
    """

    turn: NDArray[np.float64]
    move: NDArray[np.float64]
    side: float

    def points(self) -> NDArray[np.float64]:
        """The five landmarks that the crop was aligned by, in the photo."""
        return template_points(TEMPLATE) @ self.turn.T + self.move

    def box(self) -> NDArray[np.float64]:
        """An upright box, as detectors draw them: :data:`BOX`, moved and scaled, not turned."""
        corners = np.array(BOX).reshape(2, 2)
        middle = self.turn @ corners.mean(axis=0) + self.move
        half = (corners[1] - corners[0]) / 2 * self.side / CROP_SIZE
        return np.concatenate([middle - half, middle + half])


def people(folder: Path, most: int) -> tuple[list[Photo], NDArray[np.int64]]:
    """Crops of the held-out people, at most so many of each, and the number of the person.

    Those of whom there is one crop alone are left out.

    Args:
        folder: ``manifest.csv`` and a zip of aligned crops per set.
        most: Crops of a person.
    """
    held_out = json.loads(RUN.read_text())["config"]["validation"]
    sets, share = tuple(held_out["sets"]), held_out["share"]
    crops = FaceCrops(folder, sets, labelled_only=True)
    split = split_by_identity(crops.records, None, validation_sets=sets, validation_share=share)
    rows: list[int] = []
    numbers: list[int] = []
    for person in range(int(split.validation_identities.max()) + 1):
        of_one = split.validation[split.validation_identities == person][:most].tolist()
        if len(of_one) > 1:
            rows += of_one
            numbers += [person] * len(of_one)
    return [crops.image(row) for row in rows], np.array(numbers, np.int64)


def placed(
    crop: Photo, photo: Photo, side: float, degrees: float, place: NDArray[np.float64]
) -> tuple[Photo, Placement]:
    """A photo with a crop set into it.

    Args:
        crop: Aligned, ``(112, 112, 3)``.
        photo: uint8 RGB ``(480, 640, 3)``; not changed.
        side: Of the crop in the photo, in pixels.
        degrees: By which it is turned, clockwise.
        place: Column and row of its middle.
    """
    angle, scale = np.deg2rad(degrees), side / len(crop)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    move = place - turn @ np.full(2, (len(crop) - 1) / 2)
    small, matrix = crop, np.hstack([turn, move[:, None]])
    if scale < 1:  # the mean of areas first: a warp takes single pixels
        small = cv2.resize(crop, (round(side), round(side)), interpolation=cv2.INTER_AREA)
        ratio = len(small) / len(crop)
        # Pixels have their middles at halves: x of the small one is (x + 0.5) * ratio - 0.5.
        shift = turn @ np.full(2, (0.5 * ratio - 0.5) / ratio)
        matrix = np.hstack([turn / ratio, (move - shift)[:, None]])
    size = (WIDTH, HEIGHT)
    drawn = cv2.warpAffine(small, matrix, size, flags=cv2.INTER_LINEAR)
    inside = np.zeros(small.shape[:2], np.float32)
    inside[1:-1, 1:-1] = 1
    alpha = cv2.warpAffine(inside, matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    mixed = np.round(alpha * drawn + (1 - alpha) * photo).astype(np.uint8)
    return mixed, Placement(turn, move, side)
