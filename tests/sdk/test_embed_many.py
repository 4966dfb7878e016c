"""Many photos, in threads: in their order, each with its own result."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facesdk import FaceEngine
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.samples import BIDEN, OBAMA, OBAMA2

PHOTOS = [OBAMA, BIDEN, OBAMA2]
BLANK = np.full((60, 60, 3), 200, np.uint8)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(workers=2, min_face=150)


def test_a_crop_is_embedded_as_it_is(engine: FaceEngine, tmp_path: Path) -> None:
    """Where a face was looked for in it again, the cosine to the photo's embedding was 0.91."""
    crop = engine.align(OBAMA)
    assert engine.embed_aligned(crop) == engine.embed(OBAMA)
    assert engine.embed_aligned(crop[..., ::-1], color="BGR") == engine.embed(OBAMA)
    with pytest.raises(InputError, match="crops must be a uint8 array"):
        engine.embed_aligned(crop[:100])


def test_opencv_arrays_give_what_files_give(engine: FaceEngine) -> None:
    bgr = [decode.load(photo)[..., ::-1] for photo in (OBAMA, BIDEN)]
    by_path = engine.verify(OBAMA, BIDEN)
    by_array = engine.verify(*bgr, color="BGR")
    assert (by_array.match, by_array.faces) == (by_path.match, by_path.faces)
    assert engine.detect(bgr[0], color="BGR").faces == engine.detect(OBAMA).faces


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_photos(engine: FaceEngine, workers: int) -> None:
    told: list[tuple[int, int, str]] = []
    photos = [*PHOTOS, BLANK, "nowhere.jpg", *PHOTOS]
    found = list(
        engine.embed_many(photos, workers=workers, progress=lambda *step: told.append(step))
    )
    expected = [engine.embed(photo) for photo in PHOTOS]
    assert [row.embedding for row in found] == [*expected, None, None, *expected]
    assert [bool(row) for row in found] == [True] * 3 + [False] * 2 + [True] * 3
    assert [row.image for row in found[:1] + found[3:5]] == [
        str(OBAMA),
        "the array (60x60)",
        "nowhere.jpg",
    ]
    assert "no face found" in found[3].error and "does not exist" in found[4].error
    assert found[4].to_dict() == {"image": "nowhere.jpg", "error": found[4].error}
    assert told == [(n + 1, 8, "photos") for n in range(8)]


def test_few_photos_are_at_hand_at_a_time(engine: FaceEngine) -> None:
    taken = 0

    def photos() -> Iterator[np.ndarray]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield BLANK

    results = engine.embed_many(photos(), workers=2)
    for done in range(1, 6):
        next(results)
        assert taken <= done + 4
    results.close()  # type: ignore[attr-defined]
    assert taken < 12
    assert not [row for row in threading.enumerate() if "ThreadPoolExecutor" in row.name]


@pytest.mark.parametrize("photos", [OBAMA, str(OBAMA), b"", BLANK])
def test_a_single_photo_is_not_many(engine: FaceEngine, photos: object) -> None:
    with pytest.raises(InputError, match="photos must be a list of photos"):
        engine.embed_many(photos)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 65}, {"color": "GRB"}])
def test_options_out_of_range_are_told_at_once(engine: FaceEngine, options: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        engine.embed_many([], **options)
