"""The face pipeline in C against Python: to the bit, on random frames, boxes and faces."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.detection.boxes import suppress
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.recognition import alignment
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from native.support import face_abi
from native.support.face_abi import Plane

SIDES = st.integers(1, 40)
SEEDS = st.integers(0, 2**32 - 1)
ROTATIONS = st.sampled_from([0, 90, 180, 270])
GAPS = st.integers(0, 5)


def turned(picture: np.ndarray, rotation: int) -> np.ndarray:
    """Turned clockwise."""
    return np.rot90(picture, -rotation // 90)


def plane(samples: np.ndarray, sample_bytes: int, gap: int, start: int, seed: int) -> Plane:
    """Samples ``(height, width, channels)`` in memory that ends with the last one."""
    height, width, channels = samples.shape
    row_bytes = (width - 1) * sample_bytes + channels + gap
    size = start + (height - 1) * row_bytes + (width - 1) * sample_bytes + channels
    memory = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    for y in range(height):
        for x in range(width):
            at = start + y * row_bytes + x * sample_bytes
            memory[at : at + channels] = samples[y, x]
    return Plane(memory, start, row_bytes, sample_bytes)


def rgb_of_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """By the definition in facesdk_face.h, with floor divisions instead of shifts."""
    height, width = y.shape
    rows, columns = np.arange(height) // 2, np.arange(width) // 2
    level = y.astype(np.int64)
    blue, red = (plane.astype(np.int64)[rows][:, columns] - 128 for plane in (u, v))
    half, whole = 2**15, 2**16
    channels = [
        level + (91881 * red + half) // whole,
        level - (22554 * blue + 46802 * red + half) // whole,
        level + (116130 * blue + half) // whole,
    ]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


@settings(max_examples=300, deadline=None)
@given(SIDES, SIDES, st.integers(3, 6), GAPS, st.integers(0, 3), ROTATIONS, SEEDS)
def test_rgb_frames(
    height: int, width: int, pixel: int, gap: int, start: int, rotation: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    source = plane(picture, pixel, gap, start, seed)
    upright = face_abi.upright_rgb(source, height, width, rotation)
    np.testing.assert_array_equal(upright, turned(picture, rotation))


@settings(max_examples=700, deadline=None)
@given(SIDES, SIDES, st.tuples(*[st.integers(1, 4)] * 3), st.tuples(*[GAPS] * 3), ROTATIONS, SEEDS)
def test_yuv_frames(
    height: int,
    width: int,
    strides: tuple[int, int, int],
    gaps: tuple[int, int, int],
    rotation: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    half = (-(-height // 2), -(-width // 2))
    y, u, v = (
        rng.integers(0, 256, (*shape, 1), dtype=np.uint8) for shape in ((height, width), half, half)
    )
    planes = [plane(*row, 0, seed) for row in zip((y, u, v), strides, gaps, strict=True)]
    upright = face_abi.upright_yuv420(planes, height, width, rotation)
    expected = rgb_of_yuv(y[..., 0], u[..., 0], v[..., 0])
    np.testing.assert_array_equal(upright, turned(expected, rotation))


def test_yuv_is_the_colour_space_of_jpeg() -> None:
    """Within 1 of Pillow's conversion, for all corners of the cube and some thousand colours."""
    from PIL import Image

    rng = np.random.default_rng(1)
    colours = np.vstack(
        [rng.integers(0, 256, (5000, 3)), np.array(np.meshgrid(*[[0, 255]] * 3)).reshape(3, -1).T]
    ).astype(np.uint8)
    expected = np.array(Image.fromarray(colours[None], "YCbCr").convert("RGB"))[0]
    for colour, rgb in zip(colours, expected, strict=True):
        planes = [Plane(np.array([level], np.uint8), 0, 1, 1) for level in colour]
        found = face_abi.upright_yuv420(planes, 1, 1, 0)[0, 0]
        assert np.abs(found.astype(int) - rgb).max() <= 1, colour


@pytest.mark.parametrize(
    ("row_bytes", "sample_bytes", "size", "rotation", "words"),
    [
        (11, 3, 100, 0, "strides of at least 12 and 3, but got 11 and 3"),
        (12, 2, 100, 0, "strides of at least"),
        (12, 3, 35, 0, "needs 36 bytes, but has 35"),
        (12, 3, 36, 45, "rotation must be 0, 90, 180 or 270, but got 45"),
        (12, -3, 36, 0, "strides"),
        (-12, 3, 36, 0, "strides"),
    ],
)
def test_a_frame_that_does_not_fit_its_memory(
    row_bytes: int, sample_bytes: int, size: int, rotation: int, words: str
) -> None:
    source = Plane(np.zeros(size, np.uint8), 0, row_bytes, sample_bytes)
    with pytest.raises(InputError, match=words):
        face_abi.upright_rgb(source, 3, 4, rotation)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 60),
    st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
    st.booleans(),
    st.booleans(),
    SEEDS,
)
def test_suppression(count: int, threshold: float, of_smaller: bool, ties: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(-20, 60, (count, 2))
    boxes = np.hstack([low, low + rng.integers(0, 40, (count, 2))]).astype(np.float64)
    scores = rng.integers(0, 5, count).astype(float) if ties else rng.normal(size=count)
    expected = suppress(boxes, scores, threshold, of_smaller=of_smaller)
    assert face_abi.suppress(boxes, scores, threshold, of_smaller) == expected.tolist()


def test_suppression_of_more_boxes_than_python_compares_at_once() -> None:
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 500, (3000, 2))
    boxes = np.hstack([low, low + rng.uniform(5, 60, (3000, 2))])
    scores = rng.normal(size=3000)
    assert face_abi.suppress(boxes, scores, 0.5, False) == suppress(boxes, scores, 0.5).tolist()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([112, 96]), st.floats(-3.2, 3.2), st.floats(0.05, 9), GAPS, SEEDS)
def test_alignment(width: int, angle: float, scale: float, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (90, 70, 3), dtype=np.uint8)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (alignment.template_points("arcface-112x112") - 56) @ turn.T
    points += rng.normal(0, noise * scale, points.shape) + rng.uniform(0, 80, 2)
    landmarks = points.astype(np.float32)
    expected = alignment.align(photo, landmarks, f"arcface-112x{width}")
    np.testing.assert_array_equal(face_abi.align(photo, landmarks, width), expected)


@pytest.mark.parametrize("turn", [5, -5])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-12])
def test_coefficients_of_a_hair_below_zero(turn: float, scale: float) -> None:
    """They are 0, not one whole pixel less: a fuzzer found it."""
    photo = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    sine, cosine = np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))
    points = alignment.template_points("arcface-112x112") - 56
    landmarks = (points @ [[cosine, sine], [-sine, cosine]] * scale).astype(np.float32)
    found = face_abi.align(photo, landmarks, 112)
    np.testing.assert_array_equal(found, alignment.align(photo, landmarks))


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), 7.0),
        np.array([[73, 51], [38, 51], [56, 71], [70, 92], [41, 92]]) * [1.0, 1.0],
        np.array([[38, 51], [73, 51], [56, 71], [41, 92], [70, nan]]),
        np.array([[38, 51], [73, 51], [56, 71], [41, 92], [70, inf]]),
        alignment.template_points("arcface-112x112") * 1e6,
        np.zeros((5, 2)),
    ],
)
def test_landmarks_that_cannot_be_aligned(landmarks: np.ndarray) -> None:
    photo = np.zeros((20, 20, 3), np.uint8)
    outcomes = []
    for align in (face_abi.align, lambda p, points: alignment.align(p, points)):
        try:
            outcomes.append(align(photo, landmarks.astype(np.float32)).tobytes())
        except InputError as error:
            outcomes.append(str(error).split("[")[0])
    assert outcomes[0] == outcomes[1]


def networks(detector: MTCNN) -> list[face_abi.Network]:
    shaped: list[ShapedNetwork] = [detector._pnet, detector._rnet, detector._refiner.network]
    return [lambda pixels, n=network: n.run(pixels)[0] for network in shaped]


def same(found: list[Face], expected: list[Face]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.box, other.box)
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
        assert abs(one.score - other.score) < 1e-15


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    return [
        np.ascontiguousarray(decode.as_image(path)[::3, ::3]) for path in (OBAMA, OBAMA2, BIDEN)
    ]


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN.load(min_face=20)


@pytest.mark.parametrize("max_faces", [None, 1, 2])
def test_faces_of_the_samples(
    detector: MTCNN, faces: list[np.ndarray], max_faces: int | None
) -> None:
    for photo in faces:
        expected = detector.detect(photo, max_faces)
        assert expected
        same(face_abi.detect(networks(detector), photo, 20, max_faces), expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from([None, 1, 3]), SEEDS)
def test_faces_of_collages(
    detector: MTCNN,
    faces: list[np.ndarray],
    height: int,
    width: int,
    max_faces: int | None,
    seed: int,
) -> None:
    """Parts of photos, large and small, beside each other; faces are cut, or not there."""
    rng = np.random.default_rng(seed)
    collage = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for _ in range(3):
        photo = faces[rng.integers(len(faces))]
        part = photo[rng.integers(60) : 60 + rng.integers(120), rng.integers(60) :][:, :120]
        top, left = rng.integers(height), rng.integers(width)
        room = collage[top : top + len(part), left : left + part.shape[1]]
        room[:] = part[: room.shape[0], : room.shape[1]]
    found = face_abi.detect(networks(detector), collage, 20, max_faces)
    same(found, detector.detect(collage, max_faces))


class Oddity:
    """A network that computes something from its pixels: many boxes, of all sizes and shapes."""

    def __init__(self, side: int, columns: int, seed: int) -> None:
        self.input_shape, self.columns = (1, side, side, 3), (columns,)
        rng = np.random.default_rng(seed)
        features = 3 if side == 12 else 3 * (side // 8) ** 2
        self._weights = rng.normal(0, 1, (features, columns)).astype(np.float32)
        self._weights[:, 1:] *= np.float32(0.4)

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        if self.input_shape[1] == 12:
            features = pixels[:, 4:-6:2, 4:-6:2]
        else:
            features = pixels[:, ::8, ::8].reshape(len(pixels), -1)
        scaled = (features - np.float32(127)) / np.float32(128)
        return [(scaled[..., None] * self._weights).sum(axis=-2, dtype=np.float32)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 90), st.integers(12, 40), st.integers(0, 4), SEEDS)
def test_the_cascade_with_odd_networks(
    height: int, width: int, min_face: int, max_faces: int, seed: int
) -> None:
    """Of noise: every stage has candidates, some beyond the photo, inside out or without size."""
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    detector = MTCNN.load(min_face=min_face)
    odd = [Oddity(12, 5, seed), Oddity(24, 5, seed + 1), Oddity(48, 15, seed + 2)]
    detector._pnet, detector._rnet, detector._refiner.network = odd
    found = face_abi.detect([lambda p, n=n: n.run(p)[0] for n in odd], photo, min_face, max_faces)
    same(found, detector.detect(photo, max_faces or None))


def test_a_tiled_level_and_a_photo_of_many_halvings(
    detector: MTCNN, faces: list[np.ndarray]
) -> None:
    face = faces[0]
    large = np.zeros((700, 900, 3), np.uint8)
    for row, factor in ((0, 1), (1, 2)):
        photo = np.kron(face, np.ones((factor, factor, 1), np.uint8))[:400, :500]
        top, left = 250 * row, 350 * row
        room = large[top : top + photo.shape[0], left : left + photo.shape[1]]
        room[:] = photo[: room.shape[0], : room.shape[1]]
    found = face_abi.detect(networks(detector), large, 20)
    assert found
    same(found, detector.detect(large))


def test_a_network_that_gives_nonsense(detector: MTCNN) -> None:
    photo = np.full((40, 40, 3), 90, np.uint8)

    def box(logit: float, offset: float) -> face_abi.Network:
        def run(pixels: np.ndarray) -> np.ndarray:
            count, height, width = pixels.shape[:3]
            shape = (1, (height - 12) // 2 + 1, (width - 12) // 2 + 1, 5)
            return np.full(shape if height != 24 else (count, 5), [logit] + [offset] * 4)

        return run

    def short(pixels: np.ndarray) -> np.ndarray:
        return np.zeros(3)

    assert face_abi.detect([box(nan, 0)] * 3, photo, 20) == []
    assert face_abi.detect([box(9, nan)] * 3, photo, 20) == []
    assert face_abi.detect([box(9, inf)] * 3, photo, 20) == []
    with pytest.raises(InputError, match="gave 3 numbers"):
        face_abi.detect([short] * 3, photo, 20)
    with pytest.raises(InputError, match="boxes must lie within"):
        face_abi.detect([box(9, 1e30)] * 3, photo, 20)
    with pytest.raises(InputError, match="min_face must be at least 12, but got 11"):
        face_abi.detect(networks(detector), photo, 11)
