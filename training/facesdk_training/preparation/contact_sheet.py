"""Pictures of a prepared dataset for a person to look at."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facesdk.images import decode, drawing, pixels
from facesdk.images.photo_source import Photo
from facesdk_training.preparation.selection import Selection

Picture = NDArray[np.uint8]

ROWS, COLUMNS, PAIRS = 24, 12, 72
_SIDE, _GAP, _CAPTION, _PAPER = 80, 4, 14, 250


def sheet_of_people(
    selection: Selection, photos: Sequence[Photo], crop: Callable[[int], bytes]
) -> Picture | None:
    """A row for each of some people, their crops for training first; then some unlabelled crops.

    A face that stands out in its row has a wrong label. People are those whose crops come first in
    the dataset, which is at random.

    Args:
        selection: What was selected.
        photos: All photos.
        crop: Gives the encoded crop of a photo.

    Returns:
        uint8 RGB; None of an empty selection.
    """
    of_person: dict[str, list[int]] = defaultdict(list)
    for number in (*selection.train, *selection.validation):
        of_person[photos[number].identity].append(number)
    unlabelled = of_person.pop("", [])
    rows = [(name, numbers[:COLUMNS]) for name, numbers in of_person.items() if len(numbers) > 1]
    rows = rows[:ROWS]
    singles = [numbers[0] for numbers in of_person.values() if len(numbers) == 1] + unlabelled
    for start in range(0, COLUMNS * (ROWS - len(rows)), COLUMNS):
        if singles[start : start + COLUMNS]:
            rows.append(("alone or unlabelled", singles[start : start + COLUMNS]))
    return _sheet(rows, crop) if rows else None


def sheet_of_near_duplicates(
    selection: Selection, photos: Sequence[Photo], crop: Callable[[int], bytes]
) -> Picture | None:
    """Pairs of a crop that was kept and one that was dropped as a near duplicate of it.

    Two different photos in a pair mean that the limit of bits is too wide.

    Args and result as of :func:`sheet_of_people`; None if there is no near duplicate.
    """
    pairs = [(row.of, row.number) for row in selection.dropped if row.reason == "near_duplicate"]
    step = max(1, len(pairs) // PAIRS)
    chosen = [number for pair in pairs[::step][:PAIRS] for number in pair if number is not None]
    rows = [
        ("kept, dropped | kept, dropped | ...", chosen[start : start + COLUMNS])
        for start in range(0, len(chosen), COLUMNS)
    ]
    return _sheet(rows, crop) if rows else None


def _sheet(rows: Sequence[tuple[str, Sequence[int]]], crop: Callable[[int], bytes]) -> Picture:
    step = _SIDE + _GAP
    height = len(rows) * (step + _CAPTION) + _GAP
    canvas = np.full((height, COLUMNS * step + _GAP, 3), _PAPER, np.uint8)
    for row, (title, numbers) in enumerate(rows):
        top = row * (step + _CAPTION) + _GAP
        drawing.write(canvas, title, (_GAP, top + 10), 11, (33, 37, 41))
        for column, number in enumerate(numbers):
            image = decode.decode(io.BytesIO(crop(number)), name="a crop")
            left = column * step + _GAP
            canvas[top + _CAPTION : top + _CAPTION + _SIDE, left : left + _SIDE] = pixels.resize(
                image, _SIDE, _SIDE
            )
    return canvas
