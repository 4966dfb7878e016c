"""Synthetic faces, a teacher for them, and a student small enough to train in seconds."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from contracts import recognition
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import InputSpec
from facesdk_converters.tflite.chain import Chain
from facesdk_converters.tflite.tree import write_contract

CROPS_A_PERSON = 4


def write_data(folder: Path, people: dict[str, int]) -> Path:
    """A data folder of so many people per set: each a smooth pattern; a crop adds noise."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    rows = []
    for name, count in people.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for person in range(count):
                pattern = rng.uniform(0, 255, (7, 7, 3))
                for crop in range(CROPS_A_PERSON):
                    noisy = np.clip(pattern + rng.normal(0, 12, pattern.shape), 0, 255)
                    image = cv2.resize(noisy, (112, 112)).astype(np.uint8)
                    file = f"{person:03d}/{crop}.png"
                    archive.writestr(file, cv2.imencode(".png", image)[1].tobytes())
                    rows.append((name, f"{person:03d}", file, "0.9", "0.1"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("set", "identity", "file", "cos_to_identity", "max_cos_lfw"))
        writer.writerows(rows)
    return folder


def write_teacher(path: Path, dim: int) -> Path:
    """A recognition model: a random projection of the crop's 7x7 maximum-pooled pixels.

    The mean is that of such maxima, so that two people are about orthogonal.
    """
    rng = np.random.default_rng(11)
    chain = Chain("face", (1, 112, 112, 3), (0,), description="teacher")
    chain.max_pool(16, 16, "valid")
    chain.dense(rng.normal(0, 1, (147, dim)).astype(np.float32), np.zeros(dim, np.float32))
    contract = recognition(
        dim, name="projection", variant="float", input=InputSpec(112, 112, "RGB", 170.0, 128.0)
    )
    path.write_bytes(write_contract(ModelBundle.from_bytes(chain.to_bytes(), path), contract))
    return path
