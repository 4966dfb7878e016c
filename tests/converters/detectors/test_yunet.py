"""YuNet's conversion, on files of its structure with random weights, against OpenCV."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.detection.canvases import fitted
from facesdk.detection.halvings import Halvings
from facesdk.detection.one_stage import finder as one_stage
from facesdk.detection.one_stage.decoding import decode
from facesdk.detection.registry import load_detector
from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.cli import convert as cli
from facesdk_converters.detectors import yunet
from facesdk_converters.detectors.onnx_graph import OnnxGraph
from tests.converters.detectors.onnx_writer import YuNetWriter, field, node

SIDE = 64


@pytest.fixture(scope="module")
def onnx() -> bytes:
    return YuNetWriter(seed=1, side=SIDE).content()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests are for 64x64."""
    monkeypatch.setattr(yunet, "SIDE", SIDE)
    for function in (yunet.build, yunet.agreement_with_opencv):
        monkeypatch.setattr(function, "__defaults__", (SIDE,))


@pytest.fixture
def converted(onnx: bytes, small: None, tmp_path: Path) -> Path:
    source = tmp_path / "random.onnx"
    source.write_bytes(onnx)
    return yunet.convert(source, tmp_path / "random.tflite", unknown=True).path


def test_the_network_computes_what_opencv_does(onnx: bytes) -> None:
    bundle = ModelBundle.from_bytes(
        yunet.build(OnnxGraph.read(onnx, "random"), "random", SIDE), "random"
    )
    agreement = yunet.agreement_with_opencv(bundle, onnx, SIDE)
    assert agreement.max_difference < 1e-4
    assert agreement.min_cosine > 1 - 1e-9


def test_boxes_are_those_of_opencvs_detector(onnx: bytes, converted: Path, tmp_path: Path) -> None:
    """cv2.FaceDetectorYN runs the ONNX file, decodes, and here suppresses none."""
    path = tmp_path / "oracle.onnx"
    path.write_bytes(onnx)
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    image = cv2.resize(image[::10, ::10], (60, 50), interpolation=cv2.INTER_CUBIC)
    oracle = cv2.FaceDetectorYN.create(str(path), "", (60, 50), 0.5, 1.0, 5000)
    _, expected = oracle.detect(np.ascontiguousarray(image[..., ::-1]))
    assert expected is not None
    # OpenCV pads with 0 where we have grey: the canvas is made as it does.
    canvas = np.zeros((64, 64, 3), np.float32)
    canvas[:50, :60] = image
    bundle = ModelBundle.load(converted)
    maps = Interpreter(bundle, input_shapes=[(1, 64, 64, 3)]).run(canvas[None])
    parts = [decode(values[0], 64 // values.shape[1], 0.5) for values in maps]
    scores = np.concatenate([part[0] for part in parts])
    boxes = np.concatenate([part[1] for part in parts])
    assert len(expected) > 3
    assert len(scores) == len(expected)
    corners = np.hstack([expected[:, :2], expected[:, :2] + expected[:, 2:4]])
    for box, score in zip(boxes, scores, strict=True):
        nearest = np.abs(corners - box).max(axis=1)
        assert nearest.min() < 0.05
        assert abs(expected[nearest.argmin(), 14] - score) < 1e-4


def test_the_input_takes_any_multiple_of_32(converted: Path) -> None:
    bundle = ModelBundle.load(converted)
    for height, width in ((32, 96), (128, 64), (224, 320)):
        maps = Interpreter(bundle, input_shapes=[(1, height, width, 3)]).run(
            np.zeros((1, height, width, 3), np.float32)
        )
        expected = [(1, height // s, width // s, 16) for s in (8, 16, 32)]
        assert [values.shape for values in maps] == expected


def test_equal_files_give_equal_bytes(onnx: bytes) -> None:
    first, second = (yunet.build(OnnxGraph.read(onnx, "random"), "random", SIDE) for _ in range(2))
    assert first == second


def test_the_contract_says_where_the_weights_come_from(onnx: bytes, converted: Path) -> None:
    contract = ModelBundle.load(converted).contract
    assert contract.source_sha256 == hashlib.sha256(onnx).hexdigest()
    assert (contract.architecture, contract.license) == ("YuNet", "unstated")
    assert (contract.input.height, contract.input.color) == (None, "RGB")


def test_it_is_a_detector_by_its_path(converted: Path) -> None:
    detector = load_detector(str(converted), turned=False, min_face=30)
    assert detector.id.startswith("yunet ")
    photo = np.random.default_rng(2).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    assert isinstance(detector.detect(photo), list)
    assert isinstance(detector.detect(photo, 1), list)


def test_by_its_name_the_users_file_is_taken(
    converted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="facesdk convert yunet FILE"):
        load_detector("yunet")
    place = tmp_path / "facesdk" / "detectors" / "yunet.tflite"
    place.parent.mkdir(parents=True)
    place.write_bytes(converted.read_bytes())
    assert load_detector("yunet").id.startswith("yunet ")


def test_the_command_writes_where_the_name_looks(
    onnx: bytes, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    source = tmp_path / "mine.onnx"
    source.write_bytes(onnx)
    known = yunet.Published("yunet", "mine.onnx", hashlib.sha256(onnx).hexdigest())
    monkeypatch.setattr(yunet, "KNOWN", (known,))
    done = CliRunner().invoke(cli.app, ["yunet", str(source)])
    assert done.exit_code == 0, done.output
    assert "Apache-2.0" in done.output
    assert "WIDER FACE" in done.output
    assert load_detector("yunet").id.startswith("yunet ")


def test_an_unknown_file_is_refused_with_both_digests(onnx: bytes, tmp_path: Path) -> None:
    source, out = tmp_path / "other.onnx", tmp_path / "out.tflite"
    source.write_bytes(onnx)
    with pytest.raises(InputError) as refused:
        yunet.convert(source, out)
    assert all(row.sha256 in str(refused.value) for row in yunet.KNOWN)
    assert hashlib.sha256(onnx).hexdigest() in str(refused.value)
    assert not out.exists()


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "empty", "other network", "no head"])
def test_what_is_no_such_network_is_refused(onnx: bytes, tmp_path: Path, kind: str) -> None:
    source, out = tmp_path / "file.onnx", tmp_path / "out.tflite"
    if kind == "text":
        source.write_text("hello, this is no network")
    elif kind == "cut":
        source.write_bytes(onnx[: len(onnx) // 2])
    elif kind == "empty":
        source.write_bytes(b"")
    elif kind == "other network":
        graph = field(1, node("Relu", ["input"], ["cls_8"])) + field(12, field(1, "cls_8"))
        source.write_bytes(field(1, 6) + field(7, graph))
    elif kind == "no head":
        source.write_bytes(onnx.replace(b"kps_16", b"kps_17"))
    with pytest.raises(InputError, match=str(source) if kind != "missing" else "cannot read"):
        yunet.convert(source, out, unknown=True)
    assert not out.exists()


def test_damage_anywhere_is_no_other_error(onnx: bytes) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        content = bytearray(onnx)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        with suppress(InputError):
            yunet.build(OnnxGraph.read(bytes(content), "damaged"), "damaged", SIDE)


def test_a_network_that_computes_something_else_is_refused(
    onnx: bytes, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "file.onnx", tmp_path / "out.tflite"
    source.write_bytes(onnx)
    other = YuNetWriter(seed=2, side=SIDE).content()
    build = yunet.build
    monkeypatch.setattr(
        yunet, "build", lambda graph, name: build(OnnxGraph.read(other, name), name, SIDE)
    )
    with pytest.raises(ModelError, match="differs from"):
        yunet.convert(source, out, unknown=True)
    assert not out.exists()


@pytest.mark.parametrize(("height", "width"), [(480, 640), (3000, 2000), (40, 40), (1, 1)])
@pytest.mark.parametrize("min_face", [12, 20, 30, 200])
def test_looks_reach_the_smallest_face_and_overlap(
    converted: Path, height: int, width: int, min_face: int
) -> None:
    finder = one_stage.OneStage(ModelBundle.load(converted))
    for all_faces in (True, False):
        looks = finder.looks(height, width, min_face, all_faces=all_faces)
        assert looks[-1].sees_from == pytest.approx(min_face)
        assert looks[0].margin == one_stage.MARGIN
        for coarse, fine in pairwise(looks):
            assert coarse.scale < fine.scale
            assert coarse.sees_from * fine.scale <= 0.25 * one_stage.LARGEST + 1e-6
    photo = Halvings(np.zeros((height, width, 3), np.uint8))
    for canvas in fitted(photo, looks[0].scale, looks[0].margin, multiple=32, most=640):
        assert max(canvas.pixels.shape) <= 640
