"""The packaged finder finds what MTCNN finds in the packaged photos, with O-Net's landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.detection.boxes import overlaps
from facesdk.detection.registry import load_detector
from facesdk.images import decode
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.samples import BIDEN, OBAMA, OBAMA2


@pytest.fixture(scope="module")
def detectors():
    path = str(registry.resolve("finder"))
    return [load_detector(name, turned=False) for name in ("mtcnn", path)]


@pytest.mark.parametrize("photo", [OBAMA, OBAMA2, BIDEN], ids=lambda path: path.stem)
@pytest.mark.parametrize("most", [None, 1])
def test_the_samples_faces_are_found(detectors, photo: Path, most):
    image = decode.as_image(str(photo))
    expected, found = (detector.detect(image, most) for detector in detectors)
    expected = [face for face in expected if face.score > 0.99]  # MTCNN doubts a shadow in one
    assert len(found) == len(expected) >= 1
    boxes = [np.array([face.box for face in faces], float) for faces in (expected, found)]
    assert overlaps(*boxes).max(1).min() > 0.5
    eyes = np.hypot(*(expected[0].landmarks[1] - expected[0].landmarks[0]))
    away = np.hypot(*(found[0].landmarks - expected[0].landmarks).T)
    assert away.mean() < 0.1 * eyes


def test_a_photo_without_a_face_has_none(detectors):
    noise = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
    assert detectors[1].detect(noise) == []


def test_the_file_is_small_and_says_what_it_was_trained_on():
    bundle = ModelBundle.load(registry.resolve("finder"))
    assert len(bundle.content) <= 130_000
    contract = bundle.contract
    assert (contract.name, contract.architecture, contract.variant) == (
        "finder",
        "Finder",
        "float16",
    )
    assert "FairFace" in contract.training_data
    assert contract.license == "Apache-2.0"
