"""Which crops ranges are measured on, and what is done to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.images import decode
from facesdk_training.architectures.registry import configure
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.experiments.degraded_strangers import SETS, SHARE
from tools.experiments.recogniser import spoilt_crops
from training.faces import write_data

DARK = DistortionConfig("darkness", share=0.1, least=0.0, most=0.5)


def config(*rows: DistortionConfig) -> RunConfig:
    return RunConfig(
        network=configure("MobileFaceNet"),
        objective="distillation",
        alike=AlikeConfig(share=0.3, weight=1.0, rows=rows) if rows else AlikeConfig(),
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("faces") / "data", {"celeba_wild": 30, "other": 4})


def written(folder: Path, faces: Path, *rows: DistortionConfig) -> list[np.ndarray]:
    spoilt_crops.write(folder, faces, config(*rows))
    return [decode.load(path) for path in sorted(folder.iterdir())]


def test_a_third_is_as_it_is_and_the_others_have_both_ends_of_each_row(
    tmp_path: Path, faces: Path
) -> None:
    plain, spoilt = written(tmp_path / "a", faces), written(tmp_path / "b", faces, DARK)
    assert len(plain) == len(spoilt) == 64
    for number, (was, now) in enumerate(zip(plain, spoilt, strict=True)):
        factor = 1.0 if number < 21 else (0.0, 0.5)[number % 2]
        np.testing.assert_allclose(now, was * factor, atol=0.51)


def test_nobody_of_the_other_set_or_held_out_is_among_them(tmp_path: Path, faces: Path) -> None:
    crops = FaceCrops(faces)
    split = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    train = set(split.train.tolist())
    known, others = set(), set()
    for row, record in enumerate(crops.records):
        own = row in train and record.set == "celeba_wild"
        (known if own else others).add(crops.image(row).tobytes())
    assert len(known) > 64 and others
    for image in written(tmp_path / "c", faces):
        assert image.tobytes() in known and image.tobytes() not in others
