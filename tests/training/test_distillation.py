from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.embedding import Embedder
from facesdk.errors import InputError
from facesdk_training import runs
from facesdk_training.architectures.compact_face_net import (
    CompactFaceNetConfig,
    build_compact_face_net,
)
from facesdk_training.data import FaceCrops
from facesdk_training.distillation import Distillation, DistillationConfig, learning_rate_at
from facesdk_training.split import Split, split_by_identity
from facesdk_training.teacher import teacher_embeddings
from training.faces import write_data, write_teacher

DIM = 24
CONFIG = DistillationConfig(
    network=CompactFaceNetConfig(
        stem_channels=(8, 32), stages=((32, 1), (64, 1)), embedding_length=DIM
    ),
    epochs=2,
    batch_size=16,
    warmup_steps=3,
    validation_sets=("a",),
    validation_share=0.5,
    validate_every=3,
)


class Material:
    """Data, teacher embeddings and split that every run here uses."""

    def __init__(self, folder: Path) -> None:
        self.crops = FaceCrops(write_data(folder / "data", {"a": 60}))
        teacher = Embedder.load(write_teacher(folder / "teacher.tflite", DIM))
        self.targets = teacher_embeddings(teacher, self.crops, None)
        self.split: Split = split_by_identity(
            self.crops.records,
            self.targets,
            validation_sets=("a",),
            validation_share=0.5,
        )

    def run(self, folder: Path, config: DistillationConfig = CONFIG) -> Distillation:
        folder.mkdir(exist_ok=True)
        return Distillation(folder, config, self.crops, self.targets, self.split)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def uninterrupted(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert material.run(folder).train()
    return folder


def log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / runs.LOG).read_text().splitlines()]


def test_a_run_interrupted_twice_ends_as_one_that_was_not(
    material: Material, uninterrupted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for stop_at in (2, 5):
        distillation = material.run(folder)
        finished = distillation.train(
            lambda step, _, at=stop_at, run=distillation: run.stop() if step == at else None
        )
        assert not finished
        assert distillation.step == stop_at
        assert not (folder / runs.WEIGHTS).exists()
    assert material.run(folder).train()

    whole, resumed = log(uninterrupted), log(folder)
    for key in ("step", "images", "learning_rate"):
        assert [row[key] for row in resumed] == [row[key] for row in whole]
    for key in ("validation_accuracy", "validation_tar_at_fmr_0.01"):
        assert resumed[-1][key] == pytest.approx(whole[-1][key], abs=0.02)
    one, two = (weights(path) for path in (uninterrupted, folder))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-3, rtol=1e-2)


def weights(run: Path) -> list[np.ndarray]:
    model = build_compact_face_net(CONFIG.network)
    model.load_weights(run / runs.WEIGHTS)
    return model.get_weights()


def test_training_learns(material: Material, uninterrupted: Path) -> None:
    losses = [row["loss"] for row in log(uninterrupted)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_finished_run_has_thresholds_and_the_pairs_behind_them(
    material: Material, uninterrupted: Path
) -> None:
    record = runs.read_record(uninterrupted / runs.CALIBRATION)
    crops = len(material.split.validation)
    assert record["crops"] == crops
    assert record["identities"] * 4 == crops
    for row in record["thresholds"]:
        assert row["positive_pairs"] == record["identities"] * 6
        assert row["positive_pairs"] + row["negative_pairs"] == crops * (crops - 1) // 2
    assert record["teacher"]["validation_accuracy"] > 0.95


def test_nothing_partial_is_left_behind(uninterrupted: Path) -> None:
    assert sorted(path.name for path in uninterrupted.iterdir()) == [
        runs.CALIBRATION,
        runs.CHECKPOINTS,
        runs.LOG,
        runs.WEIGHTS,
    ]


def test_the_learning_rate_warms_up_and_decays_to_zero() -> None:
    config = replace(CONFIG, learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate_at(step, 110, config) for step in range(111)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[10:]))


def test_a_config_survives_json() -> None:
    assert DistillationConfig.from_dict(json.loads(json.dumps(asdict(CONFIG)))) == CONFIG


@pytest.mark.parametrize("fields", [{"epochs": 0.0}, {"learning_rate": -1.0}])
def test_impossible_settings_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        replace(CONFIG, **fields)


def test_too_few_validation_pairs_are_found_before_training(
    material: Material, tmp_path: Path
) -> None:
    few = replace(
        material.split,
        validation=material.split.validation[:8],
        validation_identities=material.split.validation_identities[:8],
    )
    with pytest.raises(InputError, match="support no threshold"):
        Distillation(tmp_path, CONFIG, material.crops, material.targets, few)
