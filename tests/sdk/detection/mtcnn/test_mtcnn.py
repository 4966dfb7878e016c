"""The detector on packaged photos, on edge cases, and its promises on memory and threads."""

from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facesdk
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.errors import InputError, ModelError
from facesdk.images import decode
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face
from facesdk.runtime import interpreter_pool
from runtimes import RUNTIMES

from .mtcnn_oracle import OracleMTCNN, iou

SAMPLES = next(
    Path(folder) / "samples" for folder in facesdk.__path__ if (Path(folder) / "samples").is_dir()
)
PHOTOS = ("obama.jpg", "obama2.jpg", "biden.jpg")


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN.load()


def sample(name: str) -> np.ndarray:
    """A packaged photo, scaled to a longer side of 500 pixels."""
    image = decode.load(SAMPLES / name)
    scale = 500 / max(image.shape)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A portrait of 228 x 284 pixels with a face about 60 pixels wide."""
    return cv2.resize(decode.load(SAMPLES / "obama.jpg"), (228, 284), interpolation=cv2.INTER_AREA)


def distance(face: Face, other: Face) -> float:
    """Mean distance of landmarks, as a share of the distance of the other's eyes."""
    eyes = np.linalg.norm(other.landmarks[1] - other.landmarks[0])
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() / eyes)


def moved(face: Face, offset: tuple[int, int]) -> Face:
    return Face(face.box + np.tile(offset, 2), face.score, face.landmarks + offset)


@pytest.mark.parametrize("name", PHOTOS)
def test_finds_what_an_independent_mtcnn_finds(detector, name):
    image = sample(name)
    face, expected = detector.detect(image)[0], OracleMTCNN().detect(image)[0]
    assert iou(face, expected) > 0.9
    assert distance(face, expected) < 0.03
    assert face.score > 0.99


def test_landmarks_are_where_the_names_say(detector, portrait):
    (face,) = detector.detect(portrait)
    left, top, right, bottom = face.box
    eye_left, eye_right, nose, mouth_left, mouth_right = face.landmarks
    assert left < eye_left[0] < nose[0] < eye_right[0] < right
    assert mouth_left[0] < nose[0] < mouth_right[0]
    assert top < eye_left[1] < nose[1] < mouth_left[1] < bottom


def test_the_mirrored_photo_gives_the_mirrored_face(detector, portrait):
    (face,) = detector.detect(portrait)
    (mirrored,) = detector.detect(np.ascontiguousarray(portrait[:, ::-1]))
    width = portrait.shape[1]
    landmarks = mirrored.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [width, 0]
    assert distance(Face(face.box, 1, landmarks), face) < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 3000), (6, 6), (11, 13), (12, 12)])
def test_tiny_and_narrow_photos_have_no_face(detector, size):
    assert detector.detect(np.full((*size, 3), 90, dtype=np.uint8)) == []


def test_a_face_in_a_very_long_photo(detector, portrait):
    panorama = np.full((284, 34_000, 3), 127, dtype=np.uint8)
    panorama[:, 33_000:33_228] = portrait
    (face,) = detector.detect(panorama)
    (expected,) = detector.detect(portrait)
    assert distance(moved(face, (-33_000, 0)), expected) < 0.05


def test_faces_in_a_photo_larger_than_4k(portrait):
    image = np.full((2600, 4200, 3), 127, dtype=np.uint8)
    image[2000:2568, 3500:3956] = cv2.resize(portrait, None, fx=2, fy=2)
    (face,) = MTCNN.load(min_face=60).detect(image)
    assert 3500 < face.landmarks[:, 0].min() < face.landmarks[:, 0].max() < 3956


def test_a_grey_photo(detector, portrait):
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
    assert len(detector.detect(grey)) == 1


@pytest.mark.parametrize("share", [1.0, 0.9, 0.8, 0.7, 0.6])
@pytest.mark.parametrize("name", PHOTOS)
def test_a_close_up_is_found(detector, name, share):
    """The photo is the face's box, or a part of it: the box found must reach beyond the photo."""
    image = sample(name)
    expected = detector.detect(image)[0]
    centre, half = (expected.box[:2] + expected.box[2:]) / 2, np.array([0.5, 0.5]) * share
    half *= [expected.width, expected.height]
    left, top = np.maximum(centre - half, 0).astype(int)
    right, bottom = (centre + half).astype(int)
    face = detector.detect(image[top:bottom, left:right])[0]
    assert distance(moved(face, (left, top)), expected) < 0.15


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border_is_found(detector, portrait, side):
    """A fifth of the face's box lies outside."""
    (expected,) = detector.detect(portrait)
    left, top, right, bottom = expected.box
    x, y = round(left + expected.width / 5), round(top + expected.height / 5)
    x_far, y_far = round(right - expected.width / 5), round(bottom - expected.height / 5)
    part, offset = {
        "left": (portrait[:, x:], (x, 0)),
        "right": (portrait[:, :x_far], (0, 0)),
        "top": (portrait[y:], (0, y)),
        "bottom": (portrait[:y_far], (0, 0)),
    }[side]
    (face,) = detector.detect(part)
    assert distance(moved(face, offset), expected) < 0.12


def test_several_faces_come_largest_first_and_max_faces_cuts(portrait):
    canvas = np.full((600, 900, 3), 127, dtype=np.uint8)
    canvas[:284, :228] = portrait
    canvas[:568, 300:756] = cv2.resize(portrait, (456, 568))
    faces = MTCNN.load().detect(canvas)
    assert len(faces) == 2
    assert faces[0].box[0] > 300 > faces[1].box[2]
    assert faces[0].area > faces[1].area
    (only,) = MTCNN.load(max_faces=1).detect(canvas)
    np.testing.assert_array_equal(only.box, faces[0].box)


@pytest.mark.parametrize(("side", "share"), [(150, 0.8), (250, 0.4), (460, 0.1)])
def test_the_largest_face_alone_is_the_first_of_all_but_sooner(detector, portrait, side, share):
    """A large face is found without looking at fine levels, a small one wherever it is."""
    canvas = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8), (0, 0), 2
    )
    scaled = cv2.resize(portrait, (side, side * 284 // 228), interpolation=cv2.INTER_AREA)
    canvas[: len(scaled), 100 : 100 + side] = scaled[:480]
    looked_at = []
    real = detector._look
    detector._look = lambda tile: looked_at.append(tile.pixels.size) or real(tile)
    try:
        everything = detector.detect(canvas)
        of_all = sum(looked_at)
        looked_at.clear()
        (largest,) = detector.detect(canvas, max_faces=1)
    finally:
        del detector._look
    assert distance(largest, everything[0]) < 0.05
    assert sum(looked_at) < of_all * share


def test_as_many_faces_as_asked_for_are_found_however_small(portrait):
    canvas = np.full((600, 900, 3), 127, dtype=np.uint8)
    canvas[:568, 300:756] = cv2.resize(portrait, (456, 568))
    canvas[:142, :114] = cv2.resize(portrait, (114, 142), interpolation=cv2.INTER_AREA)
    detector = MTCNN.load()
    for count in (2, 3):
        faces = detector.detect(canvas, max_faces=count)
        assert [face.box[0] > 300 for face in faces] == [True, False]
    assert len(MTCNN.load(max_faces=1).detect(canvas, max_faces=2)) == 1
    assert detector.detect(np.full((300, 300, 3), 90, np.uint8), max_faces=1) == []


def test_min_face_leaves_out_smaller_faces(detector, portrait):
    (face,) = detector.detect(portrait)
    assert MTCNN.load(min_face=int(face.height * 2)).detect(portrait) == []
    assert len(MTCNN.load(min_face=int(face.height * 0.7)).detect(portrait)) == 1


def test_the_photo_is_not_changed(detector, portrait):
    before = portrait.copy()
    detector.detect(portrait)
    np.testing.assert_array_equal(portrait, before)


@pytest.fixture
def constructions(monkeypatch) -> Counter:
    """Counts the interpreters that are built, by input shape."""
    built: Counter = Counter()
    real = interpreter_pool.Interpreter

    def counting(bundle, *, threads, input_shapes):
        built[(bundle.path.stem, input_shapes[0])] += 1
        return real(bundle, threads=threads, input_shapes=input_shapes)

    monkeypatch.setattr(interpreter_pool, "Interpreter", counting)
    return built


def test_no_interpreter_is_built_for_sizes_already_seen(constructions, portrait):
    detector = MTCNN.load()
    detector.detect(portrait)
    first = constructions.total()
    assert set(constructions.values()) == {1}
    for shift in (1, 2, 3):
        detector.detect(np.roll(portrait, shift, axis=1))
    rebuilt = constructions.total() - first
    # A photo with more or fewer candidates may need another batch size, once; P-Net never.
    assert set(constructions.values()) == {1}
    assert rebuilt <= 4
    assert len([key for key in constructions if key[0] != "mtcnn-pnet"]) <= 8


def test_the_number_of_interpreters_is_bounded(constructions):
    rng = np.random.default_rng(0)
    detector = MTCNN.load(min_face=40)
    for size in range(100, 260, 4):
        detector.detect(rng.integers(0, 256, (size, size + 2, 3), dtype=np.uint8))
    assert constructions.total() > 100
    assert len(detector._pnet._interpreters._idle) == 32


def test_one_detector_serves_several_threads(detector, portrait):
    inputs = [np.ascontiguousarray(np.roll(portrait, shift, axis=1)) for shift in range(0, 32, 4)]
    expected = [detector.detect(image)[0].landmarks for image in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = [faces[0].landmarks for faces in pool.map(detector.detect, inputs * 3)]
    np.testing.assert_array_equal(found, expected * 3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_finds_the_same_face(monkeypatch, portrait, detector, runtime):
    (expected,) = detector.detect(portrait)
    monkeypatch.setenv("FACESDK_RUNTIME", runtime)
    (face,) = MTCNN.load().detect(portrait)
    np.testing.assert_allclose(face.landmarks, expected.landmarks, atol=0.01)


@pytest.mark.parametrize(
    ("options", "message"), [({"min_face": 11}, "min_face"), ({"max_faces": 0}, "max_faces")]
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MTCNN.load(**options)


def test_networks_in_the_wrong_place_are_refused():
    pnet, rnet, onet = (
        ModelBundle.load(registry.resolve(f"mtcnn-{name}")) for name in ("pnet", "rnet", "onet")
    )
    with pytest.raises(ModelError, match="MTCNN R-Net is needed"):
        MTCNN(pnet, onet, rnet)


def test_a_network_with_other_outputs_is_refused():
    pnet, rnet, onet = (
        ModelBundle.load(registry.resolve(f"mtcnn-{name}")) for name in ("pnet", "rnet", "onet")
    )
    impostor = dataclasses.replace(pnet, embedded_contract=onet.contract)
    with pytest.raises(ModelError, match="15 columns"):
        MTCNN(pnet, rnet, impostor)


@settings(max_examples=30)
@given(
    height=st.integers(1, 160),
    width=st.integers(1, 160),
    blur=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_picture_gives_faces_that_make_sense(detector, height, width, blur, seed):
    """Noise of any size and coarseness: some of it looks like a face to the networks."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (-(-height // blur), -(-width // blur), 3), dtype=np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for face in detector.detect(image):
        assert 0.7 <= face.score <= 1
        assert face.width > 0
        assert face.height > 0
        assert -width < face.box[0] < face.box[2] < 2 * width
        assert -height < face.box[1] < face.box[3] < 2 * height


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)]
)
def test_other_arrays_are_refused(detector, image):
    with pytest.raises(InputError, match="uint8"):
        detector.detect(image)
