"""The shards of prepared data: what is written is read, and damage is seen."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.errors import InputError
from facesdk_training.data.records import (
    DATASET,
    UNLABELLED,
    FaceDataset,
    FaceRecord,
    read_records,
    tf_dataset,
    write_shard,
)

SIZE = 16


def record(number: int, kind: str = "PNG") -> FaceRecord:
    pixels = np.random.default_rng(number).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    label = number % 3 if number % 4 else UNLABELLED
    return FaceRecord(
        stream.getvalue(),
        label,
        "" if label == UNLABELLED else f"person {label} é",
        f"person {label}/\udce9{number}.jpg",
        hashlib.sha256(stream.getvalue()).digest(),
        0.25 * number if number % 2 else float("nan"),
    )


@pytest.fixture
def dataset(tmp_path: Path) -> FaceDataset:
    rows = [record(number) for number in range(10)]
    train = tuple(
        write_shard(tmp_path / f"train-{part}.tfrecord", rows[4 * part : 4 * part + 4])
        for part in range(2)
    )
    validation = (write_shard(tmp_path / "validation-0.tfrecord", rows[8:]),)
    names = ("person 0 é", "person 1 é", "person 2 é")
    made = FaceDataset(tmp_path, SIZE, names, {"train": train, "validation": validation})
    made.save()
    return made


def test_records_come_back_as_they_were_written(dataset: FaceDataset) -> None:
    opened = FaceDataset.open(dataset.folder)
    assert opened == dataset
    assert (opened.count("train"), opened.count("validation")) == (8, 2)
    for split, numbers in (("train", range(8)), ("validation", range(8, 10))):
        for got, number in zip(read_records(opened, split), numbers, strict=True):
            wanted = record(number)
            np.testing.assert_equal(dataclasses.asdict(got), dataclasses.asdict(wanted))


def test_tensorflow_sees_the_pixels(dataset: FaceDataset) -> None:
    elements = list(tf_dataset(dataset, "train").as_numpy_iterator())
    for number, element in enumerate(elements):
        pixels = np.asarray(Image.open(io.BytesIO(record(number).image)))
        np.testing.assert_array_equal(element["image"], pixels)
        assert element["label"] == record(number).label
        assert element["sha256"] == record(number).sha256
    assert len(elements) == 8
    batch = next(iter(tf_dataset(dataset, "train").batch(8)))
    assert batch["image"].shape == (8, SIZE, SIZE, 3)


def test_equal_content_gives_equal_bytes_and_digest(dataset: FaceDataset, tmp_path: Path) -> None:
    again = write_shard(tmp_path / "train-0.tfrecord", [record(number) for number in range(4)])
    assert again == dataset.splits["train"][0]
    other = dataclasses.replace(dataset, identities=("a", "b", "c"))
    assert FaceDataset.open(dataset.folder).digest == dataset.digest != other.digest


def test_a_changed_shard_is_seen(dataset: FaceDataset) -> None:
    dataset.verify()
    path = Path(dataset.paths("train")[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train-1\.tfrecord is damaged"):
        FaceDataset.open(dataset.folder).verify()
    with pytest.raises(InputError, match="is damaged"):
        list(read_records(dataset, "train"))
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"train-1\.tfrecord is missing or has not"):
        FaceDataset.open(dataset.folder)


def test_unusable_folders_are_one_clear_error(dataset: FaceDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="facesdk data prepare"):
        FaceDataset.open(tmp_path / "nothing")
    path = dataset.folder / DATASET
    good = json.loads(path.read_text())
    for bad, message in (
        ("{", "not valid JSON"),
        ("[]", "not of format"),
        (json.dumps({**good, "version": 99}), "not of format"),
        (json.dumps({**good, "splits": {"train": []}}), "is damaged"),
        (json.dumps({**good, "size": None}), "is damaged"),
    ):
        path.write_text(bad)
        with pytest.raises(InputError, match=message):
            FaceDataset.open(dataset.folder)
