from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from converters.finished_runs import finished_run
from facesdk import FaceEngine
from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve
from facesdk.recognition.embedding import Embedder
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from facesdk_converters.convert import Request, convert
from facesdk_converters.targets import registry as targets
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.data.crops import INPUT
from facesdk_training.keras.loading import load
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.warm_start.compact_face_net import restore_weights

PACKAGED = CompactFaceNetConfig(
    stem_channels=(32, 96), stages=((96, 4), (192, 8), (256, 12)), head_units=96
)
DEEPER = replace(PACKAGED, stages=((96, 4), (192, 9), (256, 13)))


def faces() -> np.ndarray:
    """The sample faces, their mirror images, and both in less light: uint8 [24, 112, 96, 3].

    Noise is no measure: its values lie on the thresholds of signs (decision 36)."""
    engine = FaceEngine.load()
    crops = np.stack([engine.align(photo) for photo in (OBAMA, OBAMA2, BIDEN)])
    crops = np.concatenate([crops, crops[:, :, ::-1]])
    return np.concatenate([(crops * light).astype(np.uint8) for light in (1, 0.9, 0.8, 0.7)])


def units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(PACKAGED, id="as deep", marks=pytest.mark.slow),
        pytest.param(DEEPER, id="deeper", marks=pytest.mark.slow),
    ],
)
def test_the_network_computes_what_the_model_file_computes(config: CompactFaceNetConfig) -> None:
    source = ModelBundle.load(resolve(DEFAULT_RECOGNIZER))
    model = build_compact_face_net(config)
    images = faces()
    restore_weights(model, config, source, INPUT.normalise(images), seed=1)
    expected = Embedder.load(source.path).embed(images)
    got = units(model(INPUT.normalise(images), training=False).numpy())
    cosines = np.sum(got * expected, axis=1)
    assert np.median(cosines) > 0.9999
    # Rounding differs between processors and turns signs; that of nudged pictures turns them back.
    rng = np.random.default_rng(2)
    for _ in range(64):
        turned = np.flatnonzero(cosines <= 0.999)
        if not turned.size:
            break
        nudge = rng.uniform(-1e-6, 1e-6, (len(turned), 112, 96, 3)).astype(np.float32)
        nudged = units(model(INPUT.normalise(images[turned]) + nudge, training=False).numpy())
        cosines[turned] = np.maximum(cosines[turned], np.sum(nudged * expected[turned], axis=1))
    assert cosines.min() > 0.999
    # What training sees, the statistics of a batch, is nearly the same function.
    trained = units(model(INPUT.normalise(images), training=True).numpy())
    assert np.median(np.sum(got * trained, axis=1)) > 0.97


@pytest.mark.slow
def test_convolutions_in_8_bits_are_read_as_what_they_stand_for(tmp_path: Path) -> None:
    """Each weight is the kept one to a fiftieth of its filter's largest."""
    config = CompactFaceNetConfig(
        stem_channels=(16, 32), stages=((32, 2), (64, 1)), embedding_length=24, head_units=20
    )
    run, output = finished_run(tmp_path / "run", config), tmp_path / "body.tflite"
    convert(Request(run, output, verify=False, int8_body=True), targets.load("lce"))
    restored, trained = build_compact_face_net(config), load(run).model
    crops = INPUT.normalise(faces()[:2])
    restore_weights(restored, config, ModelBundle.load(output), crops, seed=1)
    for name in ("stem2", "transition2"):
        ours, kept = (folded(model, name) for model in (restored, trained))
        largest = np.abs(kept).max(axis=(0, 1, 2))
        assert (np.abs(ours - kept) < 0.02 * largest).all(), name
    ours, kept = (folded(model, "stem1") for model in (restored, trained))
    np.testing.assert_allclose(ours, kept, rtol=1e-4, atol=1e-6)


def folded(model: tf.keras.Model, name: str) -> np.ndarray:
    """A convolution's kernel times the gain of its batch normalisation."""
    normalisation = model.get_layer(f"{name}_bn")
    gain, _, _, variance = normalisation.get_weights()
    kernel = model.get_layer(f"{name}_conv").get_weights()[0]
    return kernel * (gain / np.sqrt(variance + normalisation.epsilon))


@pytest.mark.parametrize(
    "config",
    [
        replace(PACKAGED, stages=((96, 4), (192, 8), (256, 11))),
        replace(PACKAGED, embedding_length=64),
        replace(PACKAGED, stem_channels=(32, 128), stages=((128, 4), (192, 8), (256, 12))),
    ],
    ids=["shallower", "other embedding", "wider"],
)
def test_another_shape_is_refused(config: CompactFaceNetConfig) -> None:
    source = ModelBundle.load(resolve(DEFAULT_RECOGNIZER))
    with pytest.raises(InputError, match="no CompactFaceNet QB that fits"):
        restore_weights(
            build_compact_face_net(config), config, source, INPUT.normalise(faces()[:2]), seed=1
        )


def test_another_network_is_refused() -> None:
    source = ModelBundle.load(resolve("mtcnn-onet"))
    with pytest.raises(InputError, match="no CompactFaceNet QB that fits"):
        restore_weights(
            build_compact_face_net(PACKAGED), PACKAGED, source, INPUT.normalise(faces()[:2]), seed=1
        )
