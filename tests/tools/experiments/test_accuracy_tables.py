"""What the tables of accuracy are made of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facesdk.evaluation.calibration import PairSimilarities
from facesdk.models.contract import Probability
from tools.experiments import accuracy_tables


def test_rates_are_those_of_counting() -> None:
    pairs = PairSimilarities(np.float32([0.1, 0.5, 0.9]), np.float32([0.0, 0.5, 0.4, 0.6]))
    assert accuracy_tables.rates(pairs, 0.5) == (0.5, pytest.approx(1 / 3))


def test_one_spoilt_photo_of_two_counts_strangers_both_ways() -> None:
    people = accuracy_tables.HeldOut(np.zeros((3, 112, 112, 3), np.uint8), np.array([0, 0, 1]))
    clean, spoilt = np.float32([[1, 0], [1, 0], [0, 1]]), np.float32([[0, 1], [1, 0], [0, 1]])
    assert accuracy_tables.mixed_fmr(clean, spoilt, people, 0.5) == pytest.approx(1 / 4)


def test_what_was_said_is_set_against_what_was() -> None:
    curve = Probability(10.0, -5.0, 100, 100)
    similarity = np.array([0.9, 0.8, 0.78, 0.1])
    rows = accuracy_tables.reliability("m", curve, similarity, np.array([True, True, False, False]))
    assert [row[2:] for row in rows] == [("1", "0.000"), ("3", "0.667")]
    assert rows[1][1].startswith("0.9 to 0.99 (mean 0.9")


def test_photos_of_each_group_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "age", "gender", "race", "service_test"])
        for number in range(1000):
            writer.writerow([f"val/{number}.jpg", "9-Mar", "Male", "AB"[number % 2], "TRUE"])
    rows = accuracy_tables._labelled(path)
    assert len(rows) == 2 * accuracy_tables.PER_GROUP
    assert [row["file"] for row in rows[:2]] == ["val/0.jpg", "val/2.jpg"]


def test_other_crops_of_one_name_are_not_taken_from_the_cache(tmp_path: Path) -> None:
    model = accuracy_tables.load("compactfacenet-qb", tmp_path)
    crops = np.random.default_rng(0).integers(0, 256, (2, 2, 112, 112, 3), np.uint8)
    found = [model.vectors("some", some) for some in (*crops, crops[0])]
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(found[0], found[2])
    for vectors, some in zip(found, crops, strict=False):
        np.testing.assert_array_equal(vectors, model.embedder.embed(some[:, :, 8:104]))
