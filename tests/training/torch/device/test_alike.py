"""The part of a batch that is spoilt alike: which crops, by what, and what the loss asks of it."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.run import LossConfig
from facesdk_training.data.crops import INPUT

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.torch.device.batches import Batch, DeviceBatches
from facesdk_training.torch.device.distortions import Distortions
from facesdk_training.torch.objectives import Distillation

ALIKE = AlikeConfig(
    share=0.4,
    weight=3.0,
    above=0.3,
    rows=(
        DistortionConfig("darkness", share=0.2, least=0.3, most=0.6),
        DistortionConfig("darkness", share=0.1, least=0.0, most=0.0),
        DistortionConfig("grey", share=0.0),
    ),
)
COUNT, BATCH = 40, 10


def batches() -> DeviceBatches:
    """Of crops of one level each, which is also their target."""
    levels = torch.arange(COUNT) * 4 + 64
    crops = levels.to(torch.uint8)[:, None, None, None].repeat(1, 3, 112, 112)
    return DeviceBatches(
        *(crops, levels[:, None].float(), Distortions((), 112, 96)), batch_size=BATCH, alike=ALIKE
    )


def factors(batch: Batch) -> np.ndarray:
    """Of the levels that crops had, [N]."""
    levels = batch.images.mean((1, 2, 3)) * INPUT.scale + INPUT.mean
    return (levels / batch.targets[:, 0]).numpy()


def test_the_last_crops_of_a_batch_have_one_distortion_of_one_strength() -> None:
    torch.manual_seed(5)
    made, drawn = batches(), []
    for _ in range(60):
        batch = made.next(0.0)
        assert batch.images.shape == (BATCH, 3, 112, 96)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        found = factors(batch)
        np.testing.assert_allclose(found[:6], 1.0, atol=1e-5)
        np.testing.assert_allclose(found[6:], found[6], atol=0.01)
        drawn.append(found[6])
    black = np.isclose(drawn, 0.0, atol=1e-5)
    assert 8 <= black.sum() <= 32  # a third of 60
    others = np.array(drawn)[~black]
    assert 0.29 < others.min() < 0.38 and 0.52 < others.max() < 0.61


def test_an_epoch_shows_every_crop_once() -> None:
    made = batches()
    seen = torch.cat([made.next(0.0).targets[:, 0] for _ in range(made.steps_per_epoch)])
    assert len(seen.unique()) == COUNT


def test_two_of_them_that_are_too_alike_cost() -> None:
    rng = np.random.default_rng(5)
    student, teacher = rng.normal(size=(2, BATCH, 6))
    student[7] = student[6] + 0.1 * student[7]  # of the four that are spoilt alike
    student[1] = student[0]  # of the others
    student, teacher = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (student, teacher))
    weights = LossConfig(similarity_weight=0.0)
    objective = Distillation(weights, 6, None, ALIKE)
    given = (torch.from_numpy(x.astype(np.float32)) for x in (student, teacher))
    parts = dict(zip(objective.parts, objective(*given, torch.zeros(0, 6)), strict=True))
    excess = student[6:] @ student[6:].T - np.maximum(teacher[6:] @ teacher[6:].T, ALIKE.above)
    np.fill_diagonal(excess, 0.0)
    expected = np.mean(np.maximum(excess, 0.0) ** 2)
    assert expected > 0
    assert parts["alike"].item() == pytest.approx(expected, rel=1e-5)
    assert parts["loss"].item() == pytest.approx(
        parts["cosine"].item() + ALIKE.weight * expected, rel=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 1.0}, "alike.share must be at least 0 and below 1"),
        ({"weight": -1.0}, "alike.weight must not be negative"),
        ({"above": 1.5}, "alike.above must be between 0 and 1"),
        ({"share": 0.3}, "nothing to spoil crops with"),
        ({"share": 0.3, "rows": (DistortionConfig("blur", share=0.0),)}, "nothing to spoil"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlikeConfig(**changes)
