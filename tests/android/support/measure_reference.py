"""What Python measures: quality of good and bad pictures, distributions, operators of a profile."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from facesdk.engine import FaceEngine
from facesdk.images import decode, pixels
from facesdk.measure.distribution import Distribution
from facesdk.quality.assessment import FLOORS, assess
from facesdk.recognition.open_set import operating_point
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2

PICTURES = 96
"""Of each person, for quality."""
COMPARED = 250
"""Templates of a gallery in which an operating point of one comparison decides."""
FMRS = (1e-5, 2e-5, 1e-3, 0.0042, 0.07)
THRESHOLDS = (-1.0, 0.01, 0.3, 0.45, 0.6, 1.0)


def write(folder: Path, engine: FaceEngine, image: np.ndarray, values: dict[str, object]) -> None:
    """Write degraded pictures of a face with their qualities, and the other figures."""
    face = engine.detect(image, 1).faces[0]
    left, top, right, bottom = (int(edge) for edge in face.box)
    photo = image[max(0, top - 40) : bottom + 40, max(0, left - 40) : right + 40]
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
    pictures |= _degraded(engine, rng)
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
    for fmr in FMRS:
        point = operating_point(contract, COMPARED, fpir=0.01, fmr=fmr)
        values[f"at.{fmr!r}"] = f"{point.threshold!r};;{point.fpir!r};;{point.note}"
    values["fmrs"] = ",".join(map(repr, FMRS))
    for threshold in THRESHOLDS:
        point = operating_point(contract, COMPARED, fpir=0.01, threshold=threshold)
        fpir = math.nan if point.fpir is None else point.fpir
        values[f"given.{threshold!r}"] = f"{point.threshold!r};;{fpir!r};;{point.note}"
    values["given"] = ",".join(map(repr, THRESHOLDS))
    with engine.profile() as profile:
        engine.embed(image)
    values["operators"] = ",".join(s.name for s in profile.spans if s.kind == "operator")


def _degraded(engine: FaceEngine, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, Face]]:
    """Pictures of three people, each worse in one or two ways by a random amount.

    Every floor has at least three pictures on either side.
    """
    found = {}
    for name, path in (("obama", OBAMA), ("obama2", OBAMA2), ("biden", BIDEN)):
        photo = np.ascontiguousarray(decode.as_image(path)[::2, ::2])
        seen = engine.detect(photo, 1).faces[0]
        left, top, right, bottom = (int(edge) for edge in seen.box)
        shift = np.array([max(0, left - 9), max(0, top - 9)], np.float32)
        photo = photo[max(0, top - 9) : bottom + 9, max(0, left - 9) : right + 9]
        for index in range(PICTURES):
            picture, points = photo.astype(np.float64), seen.landmarks - shift
            score = seen.score
            for way in rng.choice(11, int(rng.integers(1, 3)), replace=False):
                picture, points, score = _worse(int(way), picture, points, score, rng)
            made = np.clip(picture, 0, 255).astype(np.uint8)
            face = Face(seen.box - np.tile(shift, 2), score, points.astype(np.float32))
            found[f"{name}.{index}"] = made, face
    said = [assess(picture, face).reasons for picture, face in found.values()]
    for floor in FLOORS.values():
        below = sum(any(line.startswith(floor.reason) for line in reasons) for reasons in said)
        assert 3 <= below <= len(said) - 3, floor.reason
    return found


def _worse(
    way: int, picture: np.ndarray, points: np.ndarray, score: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    amount, centre = rng.random(), points.mean(axis=0)
    height, width = picture.shape[:2]
    if way == 0:
        picture = picture * (0.02 + 0.5 * amount)
    elif way == 1:
        picture = picture * (1 + 9 * amount)
    elif way == 2:
        picture = picture + rng.normal(0, 70 * amount, picture.shape)
    elif way == 3:
        small = np.clip(picture, 0, 255).astype(np.uint8)
        part = 1 / (1 + 9 * amount)
        size = max(2, int(height * part)), max(2, int(width * part))
        coarse = pixels.resize_area(small, *size)
        picture = pixels.resize_bilinear(coarse, height, width).astype(np.float64)
    elif way == 4:
        picture = picture.mean() + (picture - picture.mean()) * (0.01 + 0.3 * amount)
    elif way == 5:
        points = (points - centre) * (0.02 + 0.5 * amount) + centre
    elif way == 6:
        axis = int(rng.integers(2))
        points = points.copy()
        points[2, axis] += rng.choice((-1, 1)) * 3 * amount * abs(points[1, 0] - points[0, 0])
    elif way in (8, 9):  # a mask, or a bar over the eyes
        picture = picture.copy()
        first, last = (points[2, 1], height) if way == 8 else (0, points[2, 1])
        picture[max(0, int(first)) : max(0, int(last))] = 200 * amount
    elif way == 10:  # stripes
        wave = np.sin(np.arange(height) * (2 * np.pi * (20 + 20 * amount) / height))
        picture = picture * (1 + 0.4 * amount * wave[:, None, None])
    else:
        angle = rng.uniform(-np.pi, np.pi)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        points, score = (points - centre) @ turn + centre, 0.5 + 0.5 * amount
    return picture, points, score


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
