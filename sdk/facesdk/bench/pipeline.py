"""``facesdk bench pipeline``: detect, align, embed, match; each stage and all together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesdk import samples
from facesdk.bench.pipeline_report import CaseTimes, PipelineReport
from facesdk.bench.report.report import Setting, now
from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.images import decode, pixels
from facesdk.images.decode import RgbImage
from facesdk.live.sources.camera import CameraSource
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import describe_environment
from facesdk.measure.memory import Memory, MemoryWatch
from facesdk.measure.timing import Clock, Policy, warm_up
from facesdk.progress import Progress, unwatched
from facesdk.recognition import matching
from facesdk.results import Embedding
from facesdk.tracing import record, stage

STAGES = ("capture", "detect", "align", "embed", "match")
"""Stages in their order; only a camera captures."""

MAX_SIDE = 10_000
_MATCH_THRESHOLD = 0.0
_PIECE = 24

Source = Callable[[], RgbImage]
"""Gives the image of a run."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the pipeline is run on.

    Attributes:
        name: How reports call it.
        next_image: Gives the image of each run.
        captures: Whether getting it is a stage (a camera), or is done beforehand.
    """

    name: str
    next_image: Source
    captures: bool = False


def bench_pipeline(
    engine: FaceEngine,
    cases: Sequence[Case],
    policy: Policy,
    *,
    min_face: int,
    threads: int = 1,
    progress: Progress = unwatched,
) -> PipelineReport:
    """Measure the pipeline.

    Every face of an image is aligned, embedded, and compared with one enrolled embedding.

    Args:
        engine: The pipeline.
        cases: What to run it on, at least one.
        policy: How often.
        min_face: What the engine's detector looks for.
        threads: What the engine's networks may use.
        progress: Told what is being done.

    Raises:
        InputError: There is no case, or an image cannot be had.
    """
    if not cases:
        raise InputError("no image to measure the pipeline on")
    environment = describe_environment()
    enrolled = engine.embed(decode.load(samples.OBAMA))
    clock = Clock.measured()
    before = read_conditions()
    results, memory = [], None
    for case in cases:
        times, memory = _run(engine, case, enrolled, policy, progress)
        results.append(times)
    conditions = Conditions(before, read_conditions())
    notes = [
        f"{row.name}: no face found, so that only detection has a time"
        for row in results
        if row.faces == (0, 0)
    ]
    return PipelineReport(
        Setting(now(), environment, conditions, clock, policy, threads),
        engine.embedder.name,
        engine.embedder.model_id,
        min_face,
        engine.detector.id,
        tuple(results),
        memory,
        tuple(notes),
    )


def photo_case(path: Path) -> Case:
    """A photo, decoded beforehand.

    Raises:
        InputError: It cannot be read.
    """
    image = decode.load(path)
    return Case(path.name, lambda: image)


def synthetic_case(width: int, height: int, faces: int, engine: FaceEngine) -> Case:
    """A collage of the packaged portraits.

    Args:
        width: Its width in pixels.
        height: Its height in pixels.
        faces: How many portraits; 0 gives one in pieces, where no face is found.
        engine: Finds the faces in the portraits.

    Raises:
        InputError: A size is out of its range.
    """
    image = collage(width, height, faces, engine)
    plural = "" if faces == 1 else "s"
    return Case(f"synthetic {width}x{height}, {faces} face{plural}", lambda: image)


def collage(width: int, height: int, faces: int, engine: FaceEngine) -> RgbImage:
    """The picture of :func:`synthetic_case`: uint8 RGB ``(height, width, 3)``."""
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise InputError(
            f"sides of a synthetic image must be 16 to {MAX_SIDE}, but got {width}x{height}"
        )
    if not 0 <= faces <= 100:
        raise InputError(f"faces of a synthetic image must be 0 to 100, but got {faces}")
    portraits = [portrait(path, engine) for path in (samples.OBAMA2, samples.BIDEN)]
    count = max(faces, 1)
    columns = max(1, min(count, round(math.sqrt(count * width / height))))
    rows = math.ceil(count / columns)
    canvas: RgbImage = np.full((height, width, 3), 128, np.uint8)
    for cell in range(count):
        row, column = divmod(cell, columns)
        top, bottom = height * row // rows, height * (row + 1) // rows
        left, right = width * column // columns, width * (column + 1) // columns
        canvas[top:bottom, left:right] = _cover(portraits[cell % 2], right - left, bottom - top)
    return canvas if faces else _shuffled(canvas)


@contextmanager
def camera_case(number: int) -> Iterator[Case]:
    """A camera, for as long as the ``with`` block lasts.

    Args:
        number: Its number, 0 being the first.

    Raises:
        InputError: There is no such camera, or, from the case, it gives no picture.
        DependencyError: OpenCV is not installed (extra ``camera``).
    """
    camera = CameraSource(number)
    camera.open()
    try:
        yield Case(camera.name, lambda: camera.read().image, captures=True)
    finally:
        camera.close()


def _run(
    engine: FaceEngine, case: Case, enrolled: Embedding, policy: Policy, progress: Progress
) -> tuple[CaseTimes, Memory | None]:
    watch = MemoryWatch()
    warm_up({case.name: lambda: _once(engine, case, enrolled)}, policy)
    names = STAGES if case.captures else STAGES[1:]
    stages = {name: np.empty(policy.runs) for name in names}
    total = np.empty(policy.runs)
    found = []
    watch.tick(0, policy.runs)
    for run in range(policy.runs):
        with record() as profile:
            image, faces = _once(engine, case, enrolled)
        found.append(faces)
        for name in names:
            stages[name][run] = profile.total_ms(name)
        total[run] = sum(row[run] for row in stages.values())
        watch.tick(run + 1, policy.runs)
        progress(run + 1, policy.runs, case.name)
    with engine.profile() as profile:
        image, _ = _once(engine, case, enrolled)
    times = CaseTimes(
        case.name,
        image.shape[1],
        image.shape[0],
        (min(found), max(found)),
        {name: Distribution.of(row) for name, row in stages.items()},
        Distribution.of(total),
        total,
        profile.spans,
    )
    return times, watch.result()


def _once(engine: FaceEngine, case: Case, enrolled: Embedding) -> tuple[RgbImage, int]:
    """One run; the image and the number of faces found."""
    if case.captures:
        with stage("capture"):
            image = case.next_image()
    else:
        image = case.next_image()
    faces = engine.detect(image).faces
    for face in faces:
        embedding = engine.embed(image, face)
        with stage("match"):
            matching.compare(embedding, enrolled, threshold=_MATCH_THRESHOLD)
    return image, len(faces)


def portrait(path: Path, engine: FaceEngine) -> RgbImage:
    """The surroundings of the largest face of a photo, a square of three times its side."""
    image = decode.load(path)
    face = engine.detect(image).faces[0]
    middle = (face.box[:2] + face.box[2:]) / 2
    half = int(1.5 * max(face.width, face.height))
    left, top = (round(float(value)) - half for value in middle)
    height, width = image.shape[:2]
    bottom, right = min(top + 2 * half, height), min(left + 2 * half, width)
    return image[max(top, 0) : bottom, max(left, 0) : right]


def _shuffled(image: RgbImage) -> RgbImage:
    """The same squares of pixels in another order, always the same one."""
    rows, columns = (side // _PIECE for side in image.shape[:2])
    pieces = [
        (slice(_PIECE * row, _PIECE * (row + 1)), slice(_PIECE * column, _PIECE * (column + 1)))
        for row in range(rows)
        for column in range(columns)
    ]
    result = image.copy()
    order = np.random.default_rng(0).permutation(len(pieces))
    for place, source in zip(pieces, order, strict=True):
        result[place] = image[pieces[source]]
    return result


def _cover(image: RgbImage, width: int, height: int) -> RgbImage:
    """The middle of an image, resized to fill an area without distortion."""
    rows, columns = image.shape[:2]
    scale = max(width / columns, height / rows)
    size = (max(width, round(columns * scale)), max(height, round(rows * scale)))
    resized = pixels.resize_area(image, size[1], size[0])
    top, left = (resized.shape[0] - height) // 2, (resized.shape[1] - width) // 2
    return resized[top : top + height, left : left + width]
