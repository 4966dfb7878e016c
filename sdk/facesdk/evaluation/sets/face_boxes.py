"""Photos with the boxes of their faces, in the format of WIDER FACE's annotations.

S. Yang, P. Luo, C. C. Loy, X. Tang, "WIDER FACE: A Face Detection Benchmark", CVPR 2016: for each
photo a line with its path, one with the number of faces, and one per face with left, top, width and
height in pixels; six attributes may follow, of which the fourth says that the box is invalid. A
photo without faces has the number 0, and may have one line of zeros.

Two numbers of ours may follow the attributes: the face's roll and yaw in degrees, as
:class:`facesdk.quality.pose.Pose` has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np

from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk.results import FloatArray

_INVALID = 7
"""Place of the attribute that says so, among the numbers of a face."""

_ROLL, _YAW = 10, 11
"""Places of the angles."""


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and where its faces are.

    Attributes:
        name: Path of the photo in the folder.
        boxes: ``(n, 4)`` left, top, right and bottom in pixels of the photo.
        valid: ``(n,)``: those that are not valid are neither to be found nor false finds.
        rolls: ``(n,)`` degrees by which each head is turned in the photo, NaN where that is not
            known; empty where it is known of none.
        yaws: Likewise, how far each looks to a side.
    """

    name: str
    boxes: FloatArray
    valid: tuple[bool, ...]
    rolls: tuple[float, ...] = ()
    yaws: tuple[float, ...] = ()


def read_boxes(path: Path) -> list[LabelledPhoto]:
    """Read the boxes of many photos.

    Raises:
        InputError: The file cannot be read, or a line is not what the format says.
    """
    try:
        lines = read_regular(path).decode().splitlines()
    except OSError as error:
        raise InputError(f"cannot read the boxes {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file") from None
    found, place = [], 0
    while place < len(lines):
        name = lines[place].strip()
        place += 1
        if not name:
            continue
        count = _count(lines, place, path)
        place += 1
        rows = [_numbers(lines, place + number, path) for number in range(count)]
        place += count
        if count == 0 and place < len(lines) and not lines[place].replace("0", "").strip():
            place += 1
        boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        invalid = [len(row) > _INVALID and row[_INVALID] != 0 for row in rows]
        empty = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
        valid = tuple(not (a or b) for a, b in zip(invalid, empty.tolist(), strict=True))
        rolls, yaws = (
            tuple(row[at] if len(row) > at else nan for row in rows) for at in (_ROLL, _YAW)
        )
        found.append(LabelledPhoto(name, boxes, valid, rolls, yaws))
    if not found:
        raise InputError(f"{path} names no photo")
    return found


def _count(lines: list[str], place: int, path: Path) -> int:
    text = lines[place].strip() if place < len(lines) else ""
    if not text.isdecimal():
        raise InputError(f"line {place + 1} of {path} must be a number of faces, but got {text!r}")
    return int(text)


def _numbers(lines: list[str], place: int, path: Path) -> list[float]:
    text = lines[place] if place < len(lines) else ""
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) < 4 or not np.isfinite(numbers).all():
        raise InputError(
            f"line {place + 1} of {path} must be left, top, width and height of a face, but got "
            f"{text!r}"
        )
    return numbers
