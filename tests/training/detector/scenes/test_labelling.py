"""Photos become small photos whose faces are where the teacher sees them."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.progress import unwatched
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA
from facesdk_training.detector.scenes import store
from facesdk_training.detector.scenes.labelling import Labeller, LabellingOptions, label

POINTS = np.array([[90, 80], [130, 80], [110, 105], [95, 130], [125, 130]], np.float32)
FACE = Face(np.array([70, 50, 150, 160], np.float32), 0.99, POINTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo with one face, one without and one that is damaged."""
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.open(OBAMA).resize((360, 440)).save(photos / "face.png")
    noise = np.random.default_rng(0).integers(100, 120, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(photos / "none.png")
    (photos / "damaged.jpg").write_bytes(BIDEN.read_bytes()[:2000])
    return photos


def test_faces_and_photos_are_counted_and_nothing_is_looked_at_twice(folder, tmp_path):
    told = []
    report = label(
        folder,
        tmp_path / "out",
        LabellingOptions(close=0.0),
        workers=2,
        progress=lambda done, total, what: told.append((done, total)),
    )
    assert report.to_dict() == {"looked_at": 3, "photos": 1, "faces": 1, "unreadable": 1}
    assert told == [(1, 3), (2, 3), (3, 3)]
    (row,) = store.read(tmp_path / "out")
    assert (max(row.height, row.width), row.whole, len(row.points)) == (224, True, 1)
    assert Image.open(io.BytesIO(row.content)).size == (row.width, row.height)
    left, top, right, bottom = row.boxes[0]
    assert left < row.points[0, :, 0].min() < row.points[0, :, 0].max() < right
    assert top < row.points[0, :, 1].min() < row.points[0, :, 1].max() < bottom
    again = label(folder, tmp_path / "out", LabellingOptions(), workers=1, progress=unwatched)
    assert again.to_dict() == {"looked_at": 3, "photos": 1, "faces": 1, "unreadable": 0}


def test_photos_without_faces_are_kept_when_asked_for(folder, tmp_path):
    options = LabellingOptions(faceless=True)
    report = label(folder, tmp_path / "out", options, workers=1, progress=unwatched)
    assert (report.photos, report.faces) == (1, 0)
    (row,) = store.read(tmp_path / "out")
    assert (row.height, row.width) == (149, 224)


@pytest.mark.parametrize("close", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_face_is_where_its_label_says(close, seed):
    image = np.zeros((220, 260, 3), np.uint8)
    left, top, right, bottom = FACE.box.astype(int)
    image[top:bottom, left:right] = 255
    made = Labeller(LabellingOptions(close=close, quality=95), 1).made(
        image, [FACE], random.Random(seed)
    )
    assert made.whole is (close == 0)
    small = decode.as_image(np.asarray(Image.open(io.BytesIO(made.content)).convert("RGB")))
    bright = small[..., 0] > 127
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    expected = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    clipped = np.clip(made.boxes[0], 0, [made.width, made.height] * 2)
    np.testing.assert_allclose(clipped, expected, atol=1.6)
    scale = (made.boxes[0, 2] - made.boxes[0, 0]) / (right - left)
    np.testing.assert_allclose(
        made.points[0] - made.boxes[0, :2], (POINTS - FACE.box[:2]) * scale, atol=1e-3
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"side": 100}, "multiple of 8"), ({"close": 2.0}, "from 0 to 1"), ({"quality": 0}, "100")],
)
def test_options_out_of_range_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        LabellingOptions(**wrong)
