"""What small children share is taken out of a run's map, and nothing else."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from converters.finished_runs import finished_run
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras.loading import load, predict
from facesdk_training.keras.weights import save_latent
from facesdk_training.runs import folder as run_folder
from tools.experiments import mean_of_children
from tools.experiments.package_recogniser import COMPENSATION
from tools.experiments.recogniser.photo_order import Placement

NETWORK = CompactFaceNetConfig(stem_channels=(4, 32), stages=((32, 1),), embedding_length=24)
AGES = ("9-Mar", "20-29", "0-2", "0-2", "70+", "0-2", "19-Oct", "9-Mar", "9-Mar", "9-Mar")
"""As FairFace's table has them, in which a spreadsheet made dates of some."""
UNCERTAIN = 5
CHILDREN = [0, 2, 3, 7, 8, 9]


def test_nothing_is_left_along_the_mean_and_all_across_it() -> None:
    rng = np.random.default_rng(1)
    vectors = (rng.normal(size=(30, 6)) + [4, 0, 0, 0, 0, 0]) * rng.uniform(1, 9, size=(30, 1))
    found = mean_of_children.projection(vectors.astype(np.float32))
    mean = np.mean([row / np.linalg.norm(row) for row in vectors], axis=0)
    np.testing.assert_allclose(mean @ found, 0, atol=1e-6)
    across = rng.normal(size=6)
    across -= mean * (across @ mean) / (mean @ mean)
    np.testing.assert_allclose(across @ found, across, atol=1e-6)


@pytest.fixture
def faces(tmp_path: Path) -> dict[str, np.ndarray]:
    """An archive of patterns and a table of their ages; the patterns, RGB."""
    rng = np.random.default_rng(2)
    images = {}
    with zipfile.ZipFile(tmp_path / "val.zip", "w") as archive:
        for number in range(len(AGES)):
            small = rng.integers(0, 256, (7, 7, 3), np.uint8)
            image = cv2.resize(small, (112, 112), interpolation=cv2.INTER_NEAREST)
            images[f"{number}.png"] = image
            archive.writestr(f"{number}.png", cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    with (tmp_path / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("file", "age", "gender", "race"))
        for number, age in enumerate(AGES):
            table.writerow((f"val/{number}.jpg", age, "Male", "White"))
    return images


def test_the_map_of_a_run_loses_the_mean_of_those_who_are_surely_children(
    tmp_path: Path, faces: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run(tmp_path / "run", NETWORK)
    model = load(run).model
    save_latent(run / run_folder.LATENT, model)
    length = NETWORK.embedding_length
    before = np.eye(length) + 0.1 * np.random.default_rng(3).normal(size=(length, length))
    np.savez(run / COMPENSATION, compensation=before.astype(np.float32))
    certainty = np.ones(len(AGES))
    certainty[UNCERTAIN] = 0.5
    placed = Placement(np.arange(len(AGES)), certainty, 1.0)
    monkeypatch.setattr(mean_of_children, "place", lambda *_: placed)
    mean_of_children.main(
        [str(run), "--placed-by", "compactfacenet-qb", "--crops", str(tmp_path / "val.zip"),
         "--labels", str(tmp_path / "labels.csv"), "--cache", str(tmp_path / "cache")]
    )  # fmt: skip

    after = np.load(run / COMPENSATION)["compensation"]
    assert after.dtype == np.float32
    children = np.stack([faces[f"{number}.png"] for number in CHILDREN])
    crops = (children[:, :, 8:104].astype(np.float32) - 127.5) / 128
    vectors = predict(model, crops) @ before
    mean = np.mean(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), axis=0)
    mean /= np.linalg.norm(mean)
    np.testing.assert_allclose(after, before - np.outer(before @ mean, mean), atol=2e-5)
