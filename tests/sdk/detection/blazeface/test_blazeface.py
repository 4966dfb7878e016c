"""BlazeFace with O-Net on real faces, beside MTCNN."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest

from facesdk import samples
from facesdk.detection.blazeface.finder import BlazeFace
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.detection.registry import load_detector
from facesdk.errors import ModelError
from facesdk.images import decode, pixels
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face

PHOTOS = [samples.OBAMA, samples.OBAMA2, samples.BIDEN]


@pytest.fixture(scope="module")
def blaze():
    return load_detector("blaze", min_face=30, turned=False)


@pytest.fixture(scope="module")
def mtcnn() -> MTCNN:
    return MTCNN.load(max_faces=1)


def apart(face: Face, other: Face) -> float:
    """Mean distance of landmarks, in eye distances."""
    eyes = np.linalg.norm(other.landmarks[1] - other.landmarks[0])
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() / eyes)


def scene(face_height: int, *, width: int = 640, height: int = 480) -> np.ndarray:
    """The first sample on grey, its face so high."""
    photo = decode.load(samples.OBAMA)
    scale = face_height / 334
    small = pixels.resize(photo, round(photo.shape[0] * scale), round(photo.shape[1] * scale))
    small = small[:height, :width]
    return pixels.pad(small, bottom=height - small.shape[0], right=width - small.shape[1], fill=127)


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("count", [1, None])
def test_the_same_face_as_mtcnn(blaze, mtcnn, path, count) -> None:
    photo = decode.load(path)
    (expected,) = mtcnn.detect(photo)
    found = blaze.detect(photo, count)[0]
    assert apart(found, expected) < 0.06
    assert found.score > 0.95


@pytest.mark.parametrize("face_height", [40, 60, 120, 300])
@pytest.mark.parametrize("count", [1, None])
def test_faces_of_many_sizes(blaze, mtcnn, face_height, count) -> None:
    image = scene(face_height)
    (expected,) = mtcnn.detect(image)
    assert apart(blaze.detect(image, count)[0], expected) < 0.12


def test_min_face_of_20_looks_finer_than_30() -> None:
    finder = BlazeFace.load()
    for all_faces in (True, False):
        for min_face in (12, 20, 30, 60):
            finest = finder.looks(480, 640, min_face, all_faces=all_faces)[-1]
            assert finest.sees_from == pytest.approx(min_face)


def test_looks_overlap_in_the_faces_they_see() -> None:
    """What is too large for the lap of one level's tiles, a coarser one sees."""
    finder = BlazeFace.load()
    for height, width in ((480, 640), (3000, 4000), (60, 9000), (1, 1)):
        for min_face in (12, 20, 45, 400):
            looks = [
                look
                for look in finder.looks(height, width, min_face, all_faces=True)
                if not look.fallback
            ]
            for coarse, fine in pairwise(looks):
                in_one_tile = max(height, width) * fine.scale <= 256
                assert in_one_tile or coarse.sees_from <= 64 / fine.scale + 1e-9
            assert min(look.sees_from for look in looks) <= max(min_face, looks[0].sees_from)


def test_a_close_up_is_found(blaze, mtcnn) -> None:
    photo = decode.load(samples.OBAMA)
    left, top, right, bottom = mtcnn.detect(photo)[0].box.round().astype(int)
    middle_x, middle_y, half = (left + right) // 2, (top + bottom) // 2, int(0.4 * (right - left))
    close = np.ascontiguousarray(
        photo[middle_y - half : middle_y + half, middle_x - half : middle_x + half]
    )
    for count in (1, None):
        (face,) = blaze.detect(close, count)
        assert apart(face, mtcnn.detect(close)[0]) < 0.1


def test_no_face_where_there_is_none(blaze) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for image in (noise, np.zeros((1, 1, 3), np.uint8), np.full((50, 2000, 3), 127, np.uint8)):
        assert blaze.detect(image) == []
        assert blaze.detect(image, 1) == []


def test_pickled_it_finds_the_same(blaze) -> None:
    photo = decode.load(samples.OBAMA)
    again = pickle.loads(pickle.dumps(blaze))
    assert again.id == blaze.id
    np.testing.assert_array_equal(
        again.detect(photo, 1)[0].landmarks, blaze.detect(photo, 1)[0].landmarks
    )


def test_the_id_names_both_networks_and_onet(blaze) -> None:
    for name in ("blazeface-short", "blazeface-back", "mtcnn-onet"):
        assert ModelBundle.load(registry.resolve(name)).sha256[:16] in blaze.id


def test_another_network_is_refused() -> None:
    back = ModelBundle.load(registry.resolve("blazeface-back"))
    with pytest.raises(ModelError, match="BlazeFace short range is needed"):
        BlazeFace(back, back)
