"""A finder and O-Net in C beside Python's: the same faces to the last bit of boxes and points."""

from __future__ import annotations

import gc
from math import inf, nan

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facesdk.detection.landmarks import ONet
from facesdk.detection.one_stage import compiled
from facesdk.detection.one_stage.compiled import CompiledDetector
from facesdk.detection.one_stage.finder import KINDS, OneStage
from facesdk.detection.refined import RefinedDetector
from facesdk.errors import InputError, ModelError
from facesdk.images import decode
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2

SEEDS = st.integers(0, 2**32 - 1)
KIND = KINDS["Finder"]


@pytest.fixture(scope="module")
def finder() -> OneStage:
    return OneStage(ModelBundle.load(registry.resolve("finder")))


@pytest.fixture(scope="module")
def onet() -> ONet:
    return ONet.load()


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    return [
        np.ascontiguousarray(decode.as_image(path)[::3, ::3]) for path in (OBAMA, OBAMA2, BIDEN)
    ]


def same(
    finder: OneStage, onet: ONet, photo: np.ndarray, min_face: int, max_faces: int | None
) -> list[Face]:
    """What both find."""
    found = CompiledDetector(finder, onet, min_face=min_face).detect(photo, max_faces)
    expected = RefinedDetector(finder, onet, min_face=min_face).detect(photo, max_faces)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.box, other.box)
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
        assert abs(one.score - other.score) < 1e-15
    return found


@pytest.mark.parametrize(("min_face", "max_faces"), [(20, None), (20, 1), (40, 3), (14, 2)])
def test_faces_of_the_samples(
    finder: OneStage, onet: ONet, faces: list[np.ndarray], min_face: int, max_faces: int | None
) -> None:
    for photo in faces:
        assert same(finder, onet, photo, min_face, max_faces)


def test_a_detection_leaves_nothing_for_the_collector_of_cycles(
    finder: OneStage, onet: ONet, faces: list[np.ndarray]
) -> None:
    """What it left held the networks' outputs: a megabyte and more until the next collection."""
    detector = CompiledDetector(finder, onet, min_face=20)
    assert detector.detect(faces[0])
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            detector.detect(faces[0])
        assert not any(isinstance(row, compiled._Networks) for row in gc.get_objects())
    finally:
        gc.enable()


def test_a_photo_in_tiles(finder: OneStage, onet: ONet, faces: list[np.ndarray]) -> None:
    large = np.zeros((700, 1000, 3), np.uint8)
    for top, left, factor in ((0, 0, 1), (250, 350, 2)):
        photo = np.kron(faces[0], np.ones((factor, factor, 1), np.uint8))[:400, :500]
        room = large[top : top + photo.shape[0], left : left + photo.shape[1]]
        room[:] = photo[: room.shape[0], : room.shape[1]]
    assert len(same(finder, onet, large, 20, None)) == 2
    assert len(same(finder, onet, large, 20, 2)) == 2


class OddFinder(OneStage):
    """Gives boxes of all sizes and scores wherever a picture is bright."""

    def __init__(self, seed: int) -> None:
        self.kind = KIND
        self._bundle = ModelBundle.load(registry.resolve("finder"))
        self._network = self  # type: ignore[assignment]
        self._weights = np.random.default_rng(seed).normal(0, 1, (3, 16)).astype(np.float32)

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        scaled = (pixels - np.float32(127)) / np.float32(64)
        return [
            (scaled[:, ::s, ::s, :, None] * self._weights).sum(axis=-2, dtype=np.float32)
            for s in (8, 16, 32)
        ]


class Constant(OddFinder):
    """Says the same of every cell."""

    def __init__(self, values: list[float], strides: tuple[int, ...]) -> None:
        super().__init__(0)
        self._values, self._strides = np.array(values, np.float32), strides

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        rows, columns = pixels.shape[1:3]
        return [np.tile(self._values, (1, rows // s, columns // s, 1)) for s in self._strides]


class OddONet(ONet):
    """Passes half of the squares and moves them anywhere."""

    def __init__(self, seed: int) -> None:
        self.sha256, self.network = "", self  # type: ignore[assignment]
        self.input_shape, self.columns = (1, 48, 48, 3), (15,)
        self._weights = np.random.default_rng(seed).normal(0, 0.4, (108, 15)).astype(np.float32)

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        features = pixels[:, ::8, ::8].reshape(len(pixels), -1)
        scaled = (features - np.float32(127)) / np.float32(128)
        return [(scaled[..., None] * self._weights).sum(axis=-2, dtype=np.float32)]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(12, 90), st.integers(0, 4), SEEDS)
@example(73, 197, 15, 0, 493964079)  # a face hidden by one that an earlier look's face hides
def test_odd_networks(height: int, width: int, min_face: int, max_faces: int, seed: int) -> None:
    """Many squares, beyond the photo and on each other, faces the refiner is never sure of."""
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    same(OddFinder(seed), OddONet(seed + 1), photo, min_face, max_faces or None)


def test_networks_that_give_nonsense(onet: ONet) -> None:
    photo = np.full((70, 90, 3), 90, np.uint8)

    def find(values: list[float], strides: tuple[int, ...] = (8, 16, 32)) -> list[Face]:
        return CompiledDetector(Constant(values, strides), onet).detect(photo)

    rest = [0.0] * 10
    assert find([nan, 9, 0, 0, 1, 1, *rest]) == []
    assert find([9, 9, nan, 0, 1, 1, *rest]) == []
    assert find([9, 9, 0, 0, nan, -inf, *rest]) == []
    assert find([9, 9, 0, 0, -1e30, -1e30, *rest]) == []
    with pytest.raises(InputError, match="boxes must lie within"):
        find([9, 9, 1e30, 0, 1, 1, *rest])
    with pytest.raises(InputError, match="map 2 of a finder has 0 numbers"):
        find([9, 9, 0, 0, 1, 1, *rest], (8, 16, 1000))


def test_what_a_network_raises_comes_out(onet: ONet) -> None:
    class Failing(OddFinder):
        def run(self, pixels: np.ndarray) -> list[np.ndarray]:
            raise failure

    for failure in (ModelError("no memory"), KeyboardInterrupt()):
        with pytest.raises(type(failure)) as raised:
            CompiledDetector(Failing(0), onet).detect(np.zeros((70, 90, 3), np.uint8))
        assert raised.value is failure
