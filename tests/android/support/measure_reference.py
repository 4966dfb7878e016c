"""What Python measures: quality of good and bad pictures, distributions, operators of a profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesdk.engine import FaceEngine
from facesdk.measure.distribution import Distribution
from facesdk.quality.assessment import assess
from facesdk.recognition.open_set import operating_point
from facesdk.results import Face


def write(folder: Path, engine: FaceEngine, pixels: np.ndarray, values: dict[str, object]) -> None:
    """Write degraded pictures of a face with their qualities, and the other figures."""
    face = engine.detect(pixels, 1).faces[0]
    left, top, right, bottom = (int(edge) for edge in face.box)
    photo = pixels[max(0, top - 40) : bottom + 40, max(0, left - 40) : right + 40]
    shift = np.array([max(0, left - 40), max(0, top - 40)], np.float32)
    seen = Face(face.box - np.tile(shift, 2), face.score, face.landmarks - shift)
    rng = np.random.default_rng(5)
    noisy = np.clip(photo + rng.normal(0, 60, photo.shape), 0, 255).astype(np.uint8)
    centre = seen.landmarks.mean(axis=0)
    squeezed = (seen.landmarks - centre) * (0.3, 1) + centre
    turned = (seen.landmarks - centre)[:, ::-1] * (-1, 1) + centre
    pictures = {
        "good": (photo, seen),
        "dark": ((photo // 40).astype(np.uint8), seen),
        "bright": (np.maximum(photo, 250).astype(np.uint8), seen),
        "noisy": (noisy, seen),
        "flat": (np.full_like(photo, 90), seen),
        "tiny": (photo, Face(seen.box, 0.72, (seen.landmarks - centre) / 40 + centre)),
        "side": (photo, Face(seen.box, seen.score, squeezed)),
        "turned": (photo, Face(seen.box, seen.score, turned)),
    }  # fmt: skip
    values["qualities"] = ",".join(pictures)
    for name, (picture, one) in pictures.items():
        _quality(folder, name, np.ascontiguousarray(picture), one, values)
    for index, count in enumerate((1, 9, 25, 100)):
        times = rng.gamma(3, 5, count)
        d = Distribution.of(times)
        values[f"times.{index}"] = " ".join(repr(float(ms)) for ms in times)
        figures = (d.n, d.minimum, d.mean, d.median, d.p90, d.p95, d.p99, d.maximum, d.std)
        values[f"distribution.{index}"] = " ".join(map(repr, (*figures, d.spread, d.fps)))
    contract = engine.embedder.contract
    for count in (0, 1, 10, 100, 100_000):
        point = operating_point(contract, count, fpir=0.01)
        values[f"point.{count}"] = f"{point.threshold!r};;{point.fpir!r};;{point.note}"
    with engine.profile() as profile:
        engine.embed(pixels)
    values["operators"] = ",".join(s.name for s in profile.spans if s.kind == "operator")


def _quality(
    folder: Path, name: str, picture: np.ndarray, face: Face, values: dict[str, object]
) -> None:
    found = assess(picture, face)
    row = [*face.box.tolist(), np.float32(face.score), *face.landmarks.ravel().tolist()]
    (folder / f"{name}.rgb").write_bytes(picture.tobytes())
    (folder / f"{name}.face").write_bytes(np.array(row, "<f4").tobytes())
    values[f"{name}.size"] = f"{picture.shape[1]} {picture.shape[0]}"
    values[f"{name}.quality"] = " ".join(map(repr, (found.score, *found.measures().values())))
    values[f"{name}.reasons"] = "; ".join(found.reasons)
