from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.recognition.embedding import Embedder
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.teacher import teacher_embeddings
from training.faces import write_data, write_teacher


class CountingEmbedder(Embedder):
    """An embedder that counts the crops it was given."""

    crops = 0

    def embed(self, crops: np.ndarray) -> np.ndarray:
        self.crops += len(crops)
        return super().embed(crops)


@pytest.fixture
def teacher(tmp_path: Path) -> CountingEmbedder:
    return CountingEmbedder.load(write_teacher(tmp_path / "teacher.tflite", 24))


def test_the_target_is_the_mean_direction_of_crop_and_mirror(
    tmp_path: Path, teacher: CountingEmbedder
) -> None:
    crops = FaceCrops(write_data(tmp_path / "data", {"a": 5}))
    targets = teacher_embeddings(teacher, crops, None)
    for row in range(len(crops)):
        image = crops.image(row)
        both = teacher.embed(np.stack([image, np.flip(image, axis=1)]))
        expected = both[0] + both[1]
        np.testing.assert_allclose(targets[row], expected / np.linalg.norm(expected), atol=1e-6)


def test_a_cached_crop_is_not_embedded_again(tmp_path: Path, teacher: CountingEmbedder) -> None:
    few = FaceCrops(write_data(tmp_path / "few", {"a": 5}))
    many = FaceCrops(write_data(tmp_path / "many", {"a": 5, "b": 2}))
    first = teacher_embeddings(teacher, few, tmp_path / "cache")
    assert teacher.crops == 2 * len(few)
    second = teacher_embeddings(teacher, many, tmp_path / "cache")
    assert teacher.crops == 2 * len(many)
    np.testing.assert_array_equal(second[: len(few)], first)


def test_another_teacher_does_not_get_the_first_ones_rows(
    tmp_path: Path, teacher: CountingEmbedder
) -> None:
    crops = FaceCrops(write_data(tmp_path / "data", {"a": 5}))
    teacher_embeddings(teacher, crops, tmp_path / "cache")
    other = CountingEmbedder.load(write_teacher(tmp_path / "other.tflite", 32))
    assert teacher_embeddings(other, crops, tmp_path / "cache").shape == (len(crops), 32)
    assert other.crops == 2 * len(crops)


def test_progress_reaches_the_total(tmp_path: Path, teacher: CountingEmbedder) -> None:
    crops = FaceCrops(write_data(tmp_path / "data", {"a": 9}))
    seen: list[tuple[int, int]] = []
    teacher_embeddings(teacher, crops, None, lambda done, total, what: seen.append((done, total)))
    assert seen[0] == (0, len(crops))
    assert seen[-1] == (len(crops), len(crops))
    assert seen == sorted(seen)
