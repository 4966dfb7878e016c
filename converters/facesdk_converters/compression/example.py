"""A trial of everything in a minute, with nothing but this package: drawn people, a small network.

Faces are drawn from a few numbers per person (colours, widths, distances) and moved, lit and
blurred from crop to crop. They are no faces to recognise anybody by: what the trial shows is that
each part works, and what a report looks like.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.files import make_folder, write_atomic
from facesdk.progress import Progress, unwatched
from facesdk_converters.compression.pipeline import compress
from facesdk_training import engines
from facesdk_training.compression.steps import step
from facesdk_training.config import toml
from facesdk_training.data.crops import MANIFEST
from facesdk_training.data.material import gather
from facesdk_training.keras.engine import KerasEngine
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import record_of

PEOPLE, CROPS = 60, 6
SIDE = 112
_SET = "drawn"
_FEW = {"steps": 10, "batch_size": 16, "learning_rate": 5e-4}

RUN: Mapping[str, Any] = {
    "objective": "cosface",
    "network": {
        "architecture": "CompactFaceNet",
        "variant": "float",
        "stem_channels": [8, 32],
        "stages": [[32, 1], [64, 1]],
        "embedding_length": 32,
    },
    "epochs": 1,
    "steps_per_epoch": 30,
    "batch_size": 32,
    "data": {"min_crops": 2},
    "schedule": {"learning_rate": 0.003, "warmup_steps": 5},
    "validation": {"sets": [_SET], "share": 0.5, "every": 30},
}
"""The network that is compressed; it is trained for seconds."""

STEPS = (
    ("filters", {"share": 0.25, "retraining": _FEW}),
    ("magnitude", {"share": 0.5, "rounds": 1, "retraining": _FEW}),
    ("k-means", {"bits": 4, "dense_bits": 3, "retraining": _FEW}),
)
"""What is done to it: channels leave, then the rest is deep compression."""


def draw(person: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop of a drawn face.

    Args:
        person: 16 numbers from 0 to 1 that say who it is.
        rng: What differs from crop to crop.

    Returns:
        uint8 ``(112, 112, 3)``, RGB.
    """
    scale = 4
    canvas = np.empty((SIDE * scale, SIDE * scale, 3), np.uint8)
    canvas[:] = rng.integers(60, 200, 3)

    def place(x: float, y: float) -> tuple[int, int]:
        return round(x * scale), round(y * scale)

    def oval(x: float, y: float, width: float, height: float, colour: Any) -> None:
        ink = tuple(int(c) for c in np.clip(colour, 0, 255))
        cv2.ellipse(canvas, (place(x, y), place(2 * width, 2 * height), 0.0), ink, -1)

    skin = np.array([120, 80, 60]) + person[:3] * [130, 120, 110]
    hair, iris = person[3:6] * 150, person[6:9] * [120, 160, 220]
    middle, eyes, mouth = 56, 51.6, 92 + 4 * (person[9] - 0.5)
    distance = 17.5 + 3 * (person[10] - 0.5)
    oval(middle, 58, 44 + 6 * person[11], 60, hair)
    oval(middle, 64 + 6 * person[12], 36 + 8 * person[11], 48, skin)
    for side in (-1, 1):
        x = middle + side * distance
        oval(x, eyes, 8, 4 + 2 * person[13], (240, 240, 240))
        oval(x, eyes, 4, 4, iris)
        oval(x, eyes - 9, 9, 1 + 2.5 * person[14], hair)
    oval(middle, 73, 4 + 4 * person[15], 7, skin * 0.8)
    oval(middle, mouth, 11 + 8 * person[14], 3 + 3 * person[13], (170, 60 + 60 * person[15], 70))
    turn = np.asarray(
        cv2.getRotationMatrix2D(place(middle, 60), rng.normal(0, 3), rng.uniform(0.95, 1.05)),
        np.float64,
    )
    turn[:, 2] += rng.normal(0, 2 * scale, 2)
    moved = cv2.warpAffine(
        canvas, turn, (SIDE * scale, SIDE * scale), borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(moved, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    lit = small * rng.uniform(0.75, 1.2) + rng.normal(0, 4, small.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


def write_people(folder: Path, people: int = PEOPLE, crops: int = CROPS, seed: int = 1) -> Path:
    """A data folder of drawn people: ``manifest.csv`` and a zip of crops."""
    make_folder(folder)
    rng = np.random.default_rng(seed)
    archive, rows = io.BytesIO(), io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(("set", "identity", "file", "cos_to_identity", "max_cos_lfw"))
    with zipfile.ZipFile(archive, "w") as content:
        for person in range(people):
            numbers = rng.uniform(0, 1, 16)
            for crop in range(crops):
                name = f"{person:03d}/{crop}.png"
                image = cv2.cvtColor(draw(numbers, rng), cv2.COLOR_RGB2BGR)
                content.writestr(name, cv2.imencode(".png", image)[1].tobytes())
                table.writerow((_SET, f"{person:03d}", name, "1.0", "0.0"))
    write_atomic(folder / f"{_SET}.zip", archive.getvalue())
    write_atomic(folder / MANIFEST, rows.getvalue().encode())
    return folder


def train(data: Path, run: Path, progress: Progress = unwatched) -> Path:
    """A finished run of the small network on drawn people."""
    config = toml.parse({**RUN, "data": {**RUN["data"], "folder": str(data)}}, "example")
    material = gather(config, None)
    make_folder(run)
    trainer = KerasEngine(None).trainer(run, config, material)
    record = record_of(config, engines.DEFAULT, material, "drawn faces", "Apache-2.0")
    run_folder.write_record(run / run_folder.CONFIG, record)
    trainer.train(
        lambda done, loss, _: progress(done, trainer.total_steps, f"training, loss {loss:.3f}")
    )
    return run


def example(out: Path, progress: Progress = unwatched) -> dict[str, Any]:
    """Draws people, trains a network and compresses it.

    Args:
        out: Folder of what is made: ``data``, ``run`` and ``compressed``; it must not exist.
        progress: Told of the work.

    Returns:
        The content of ``report.json``.

    Raises:
        InputError: The folder cannot be made or holds something.
    """
    data = write_people(out / "data")
    run = train(data, out / "run", progress)
    steps = [step(name, settings) for name, settings in STEPS]
    return compress(run, steps, data, out / "compressed", progress=progress)
