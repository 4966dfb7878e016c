"""Stores of labelled photos: what is written is read, and an interruption costs one photo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.detector.scenes import store
from facesdk_training.detector.scenes.store import LABELS, PHOTOS, Writer
from tests.training.detector.small_photos import photo


def filled(folder: Path, count: int = 3) -> Path:
    with Writer(folder) as writer:
        for number in range(count):
            writer.add(f"{number}.png", photo(number, number))
        writer.add("unused.png", None)
    return folder


def test_photos_come_back_as_they_were_added(tmp_path: Path) -> None:
    read = list(store.read(filled(tmp_path)))
    assert len(read) == 3
    for number, (got, given) in enumerate(zip(read, (photo(n, n) for n in range(3)), strict=True)):
        assert (got.content, got.height, got.width) == (given.content, given.height, given.width)
        assert len(got.boxes) == number
        np.testing.assert_array_equal(got.boxes, given.boxes)
        np.testing.assert_array_equal(got.points, given.points)
        np.testing.assert_allclose(got.scores, given.scores, atol=1e-4)


def test_a_store_goes_on_after_its_last_whole_photo(tmp_path: Path) -> None:
    filled(tmp_path)
    with (tmp_path / PHOTOS).open("ab") as photos:
        photos.write(b"half a photo")
    with (tmp_path / LABELS).open("a") as labels:
        labels.write('{"source": "3.png", "at": 99')
    with Writer(tmp_path) as writer:
        assert writer.done == {"0.png", "1.png", "2.png", "unused.png"}
        assert (writer.photos, writer.faces) == (3, 3)
        writer.add("3.png", photo(3))
    read = list(store.read(tmp_path))
    assert [len(row.boxes) for row in read] == [0, 1, 2, 1]
    assert read[3].content == photo(3).content


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot read {tmp_path / PHOTOS}"):
        list(store.read(tmp_path))


@pytest.mark.parametrize("change", [{"bytes": 10**9}, {"size": None}, {"boxes": [[1, 2]]}])
def test_files_that_do_not_belong_together_are_damaged(tmp_path: Path, change: dict) -> None:
    labels = filled(tmp_path) / LABELS
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    rows[2] |= change
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match="damaged"):
        list(store.read(tmp_path))
