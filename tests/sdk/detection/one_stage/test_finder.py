"""The packaged finder with O-Net, beside MTCNN."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from facesdk import samples
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.detection.one_stage.finder import MULTIPLE, OneStage
from facesdk.detection.registry import load_detector
from facesdk.errors import ModelError
from facesdk.images import decode, pixels
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face


@pytest.fixture(scope="module")
def finder():
    return load_detector("finder", turned=False)


@pytest.fixture(scope="module")
def mtcnn() -> MTCNN:
    return MTCNN.load(max_faces=1)


def apart(face: Face, other: Face) -> float:
    eyes = np.linalg.norm(other.landmarks[1] - other.landmarks[0])
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() / eyes)


@pytest.mark.parametrize("path", [samples.OBAMA, samples.OBAMA2, samples.BIDEN])
@pytest.mark.parametrize("count", [1, None])
def test_the_same_face_as_mtcnn(finder, mtcnn, path, count) -> None:
    photo = decode.load(path)
    assert apart(finder.detect(photo, count)[0], mtcnn.detect(photo)[0]) < 0.08


@pytest.mark.parametrize("height", [24, 60, 300])
def test_faces_of_many_sizes(finder, mtcnn, height) -> None:
    photo = decode.load(samples.OBAMA)
    scale = height / 334
    small = pixels.resize(photo, round(photo.shape[0] * scale), round(photo.shape[1] * scale))
    small = small[:480, :640]
    image = pixels.pad(small, bottom=480 - small.shape[0], right=640 - small.shape[1], fill=127)
    (expected,) = mtcnn.detect(image)
    for count in (1, None):
        assert apart(finder.detect(image, count)[0], expected) < 0.12


def test_a_smallest_face_of_20_is_one_look_at_full_size(finder) -> None:
    looks = finder.finder.looks(480, 640, 20, all_faces=True)
    assert (looks[-1].scale, looks[-1].sees_from) == (1, 20)


def test_no_face_in_noise_and_none_in_tiny_pictures(finder) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for image in (noise, np.zeros((1, 1, 3), np.uint8), np.full((MULTIPLE, 3, 3), 9, np.uint8)):
        assert finder.detect(image) == []
        assert finder.detect(image, 1) == []


def test_its_id_has_the_weights_and_it_pickles(finder) -> None:
    bundle = ModelBundle.load(registry.resolve("finder"))
    assert finder.id.startswith(f"finder {bundle.sha256[:16]} ")
    assert pickle.loads(pickle.dumps(finder)).id == finder.id


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="which is no finder"):
        OneStage(ModelBundle.load(registry.resolve("mtcnn-onet")))
