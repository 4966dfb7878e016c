"""The pipeline's bench: what it is run on, and that its stages are those of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from facesdk import FaceEngine, samples
from facesdk.bench.pipeline import (
    Case,
    PipelineReport,
    bench_pipeline,
    camera_case,
    collage,
    photo_case,
)
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.live.sources.camera import CameraSource
from facesdk.measure.timing import Policy
from facesdk.tracing import STAGE

FEW = Policy(3, 1, 0.0)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (240, 320)])
@pytest.mark.parametrize("faces", [0, 1, 2, 3])
def test_a_collage_has_the_faces_it_says(
    engine: FaceEngine, width: int, height: int, faces: int
) -> None:
    image = collage(width, height, faces, engine)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert len(engine.detect(image).faces) == faces


@pytest.mark.parametrize(
    ("width", "height", "faces"), [(8, 100, 1), (100, 20_000, 1), (100, 100, -1), (100, 100, 1000)]
)
def test_a_collage_out_of_range_is_refused(
    engine: FaceEngine, width: int, height: int, faces: int
) -> None:
    with pytest.raises(InputError, match="of a synthetic image must be"):
        collage(width, height, faces, engine)


@pytest.fixture(scope="module")
def report(engine: FaceEngine) -> PipelineReport:
    blank = np.full((120, 160, 3), 128, np.uint8)
    two = collage(320, 240, 2, engine)
    cases = [Case("two", lambda: two), Case("none", lambda: blank)]
    return bench_pipeline(engine, cases, FEW, min_face=40)


def test_the_report_names_the_detector(engine: FaceEngine, report: PipelineReport) -> None:
    assert report.to_dict()["detector"] == engine.detector.id
    assert ("detector", engine.detector.id) in report.facts


def test_each_stage_has_its_times(report: PipelineReport) -> None:
    two, none = report.cases
    assert (two.width, two.height, two.faces) == (320, 240, (2, 2))
    assert list(two.stages) == ["detect", "align", "embed", "match"]
    assert all(times.n == 3 and times.minimum > 0 for times in two.stages.values())
    mean = sum(times.mean for times in two.stages.values())
    assert two.total.mean == pytest.approx(mean)
    assert none.faces == (0, 0)
    assert none.stages["embed"].maximum == 0.0
    assert report.notes == ("none: no face found, so that only detection has a time",)


def test_the_spans_of_a_run_are_kept(report: PipelineReport) -> None:
    stages = [span.name for span in report.cases[0].spans if span.kind == STAGE]
    assert stages == ["detect", *("align", "embed", "match") * 2]
    assert [span.name for span in report.cases[1].spans if span.kind == STAGE] == ["detect"]


def test_a_photo_is_read_once(engine: FaceEngine) -> None:
    case = photo_case(samples.OBAMA)
    assert case.next_image() is case.next_image()
    np.testing.assert_array_equal(case.next_image(), decode.load(samples.OBAMA))
    assert not case.captures


class FakeCamera:
    """An OpenCV camera that sees one photo, a few times."""

    def __init__(self, number: int) -> None:
        self.opened, self.left, self.released = number == 0, 8, False
        self.settings: dict[int, float] = {}
        self.picture = cv2.imread(str(samples.BIDEN))

    def isOpened(self) -> bool:
        return self.opened

    def set(self, what: int, value: float) -> bool:
        self.settings[what] = value
        return True

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return (True, self.picture) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeCamera]]:
    made: list[FakeCamera] = []

    def open_camera(number: int, backend: int) -> FakeCamera:
        assert backend == cv2.CAP_V4L2
        made.append(FakeCamera(number))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", open_camera)
    yield made
    assert all(camera.released for camera in made)


def test_a_cameras_picture_is_a_stage(engine: FaceEngine, cameras: list[FakeCamera]) -> None:
    with camera_case(0) as case:
        np.testing.assert_array_equal(case.next_image(), decode.load(samples.BIDEN))
        report = bench_pipeline(engine, [case], FEW, min_face=40)
    stages = report.cases[0].stages
    assert list(stages) == ["capture", "detect", "align", "embed", "match"]
    assert stages["capture"].minimum > 0


def test_a_camera_is_asked_for_a_size_and_for_compressed_pictures_where_they_are_large(
    cameras: list[FakeCamera],
) -> None:
    for size in ((640, 480), (1280, 720)):
        source = CameraSource(0, size)
        source.open()
        source.close()
    small, large = (camera.settings for camera in cameras)
    assert small[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert cv2.CAP_PROP_FOURCC not in small
    assert large[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert large[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert small[cv2.CAP_PROP_BUFFERSIZE] == 1  # an old picture must not wait in the driver


def test_a_camera_that_fails_is_one_error(engine: FaceEngine, cameras: list[FakeCamera]) -> None:
    with pytest.raises(InputError, match="camera 7 cannot be opened"), camera_case(7):
        pass
    with camera_case(0) as case:
        for _ in range(8):
            case.next_image()
        with pytest.raises(InputError, match="camera 0 gives no picture"):
            case.next_image()


def test_no_case_is_refused(engine: FaceEngine) -> None:
    with pytest.raises(InputError, match="no image"):
        bench_pipeline(engine, [], FEW, min_face=40)
