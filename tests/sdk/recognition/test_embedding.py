"""Networks whose input or output is not float32 ``(N, dim)``, against their definition."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from facesdk.errors import FaceSDKWarning, ModelError
from facesdk.images import pixels
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk.recognition.embedding import Embedder, warn_of_other_detector
from sdk.tflite.models import file_of, pooled

SIDE = 112


def contract(dim: int = 3) -> Contract:
    return Contract(
        name="mean",
        task="recognition",
        architecture="mean",
        variant="test",
        input=InputSpec(SIDE, SIDE, color="RGB", mean=127.5, scale=128.0),
        license="none",
        source="test",
        source_sha256="0" * 64,
        template="arcface-112x112",
        dim=dim,
    )


def crop() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(0, (200, 120, 255), (1, SIDE, SIDE, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point"),
    [("FLOAT32", None, 0), ("INT8", 1 / 127, 3), ("UINT8", 1 / 120, 130)],
)
def test_the_mean_of_a_crop(kind: str, scale: float | None, zero_point: int) -> None:
    content = file_of(pooled(SIDE, kind, scale=scale, zero_point=zero_point))
    bundle = ModelBundle.from_bytes(content, "mean.tflite", trust=True)
    vector = Embedder(bundle, contract()).embed(crop())[0]
    mean = ((crop()[0].astype(np.float64) - 127.5) / 128.0).mean(axis=(0, 1))
    assert np.abs(vector - mean / np.linalg.norm(mean)).max() < (0.02 if scale else 1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.3, 1e-200])
def test_a_direction_is_taken_out(scale: float) -> None:
    """Whatever length it has in the contract; the definition in float64."""
    bundle = ModelBundle.from_bytes(file_of(pooled(SIDE, "FLOAT32")), "mean.tflite", trust=True)
    wanted = contract().with_removed_direction([scale * x for x in (0.5, -1.0, 0.25)])
    vector = Embedder(bundle, wanted).embed(crop())[0]
    unit = np.array([0.5, -1.0, 0.25]) / np.linalg.norm([0.5, -1.0, 0.25])
    mean = ((crop()[0].astype(np.float64) - 127.5) / 128.0).mean(axis=(0, 1))
    rest = mean - (mean @ unit) * unit
    np.testing.assert_allclose(vector, rest / np.linalg.norm(rest), atol=1e-6)
    assert abs(vector @ unit) < 1e-6


@pytest.mark.parametrize("full_norm", [1e-3, 0.5, 0.7, 1e4])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("removed", [False, True])
def test_a_short_output_gives_a_short_embedding(
    full_norm: float, flip: bool, removed: bool
) -> None:
    """The definition in float64: the direction, by as much of ``full_norm`` as there is."""
    bundle = ModelBundle.from_bytes(file_of(pooled(SIDE, "FLOAT32")), "mean.tflite", trust=True)
    wanted = dataclasses.replace(contract(), full_norm=full_norm).with_flip(flip)
    mean = ((crop()[0].astype(np.float64) - 127.5) / 128.0).mean(axis=(0, 1))
    expected, direction = np.tile(mean, 1 + flip), np.arange(1.0, 4 + 3 * flip)
    norm = np.linalg.norm(expected)
    if removed:
        wanted = wanted.with_removed_direction([float(x) for x in direction / 6])
        expected -= expected @ direction / (direction @ direction) * direction
    expected *= min(1.0, norm / (full_norm * np.sqrt(1 + flip))) / np.linalg.norm(expected)
    np.testing.assert_allclose(Embedder(bundle, wanted).embed(crop())[0], expected, atol=1e-6)
    assert 0.5 < np.linalg.norm(mean) < 0.7


def test_an_embedding_that_is_that_direction_alone_has_none() -> None:
    bundle = ModelBundle.from_bytes(file_of(pooled(SIDE, "FLOAT32")), "mean.tflite", trust=True)
    own = Embedder(bundle, contract()).embed(crop())[0]
    centered = contract().with_removed_direction([float(x) for x in own])
    with pytest.raises(ModelError, match="without a direction"):
        Embedder(bundle, centered).embed(crop())


def test_an_output_of_another_length_is_refused() -> None:
    bundle = ModelBundle.from_bytes(file_of(pooled(SIDE, "FLOAT32")), "mean.tflite", trust=True)
    with pytest.raises(ModelError, match=r"output of shape \(1, 64\)"):
        Embedder(bundle, contract(64))


def test_thresholds_of_other_pixels_are_said_so() -> None:
    path = registry.resolve(registry.DEFAULT_RECOGNIZER)
    packaged = ModelBundle.load(path).contract
    for version, told in ((pixels.VERSION + 1, True), (pixels.VERSION, False), (None, False)):
        calibrated = dataclasses.replace(packaged, thresholds_pixels=version)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            Embedder.load(path, calibrated)
        words = [str(row.message) for row in said if row.category is FaceSDKWarning]
        assert len(words) == told
        if told:
            assert f"version {version} of the pixel functions" in words[0]
            assert "`facesdk calibrate`" in words[0]


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (None, False),
        ("finder 12ab revision=1 onet 34cd revision=1 min_face=40 max_faces=1", False),
        ("finder 12ac revision=1 onet 34cd revision=1 min_face=20 turns=1", True),
        ("finder 12ab revision=2 onet 34cd revision=1 min_face=20 turns=1", True),
        ("mtcnn 34cd revision=1 min_face=20 turns=1", True),
    ],
)
def test_thresholds_of_another_detector_are_said_so(measured: str | None, told: bool) -> None:
    calibrated = dataclasses.replace(
        ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).contract,
        thresholds_detector=measured,
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warn_of_other_detector(
            calibrated, "finder 12ab revision=1 onet 34cd revision=1 min_face=20 turns=1"
        )
    assert [row.category for row in said] == [FaceSDKWarning] * told
    if told:
        assert "finder 12ab revision=1 onet 34cd" in str(said[0].message)
        assert "`facesdk calibrate`" in str(said[0].message)
