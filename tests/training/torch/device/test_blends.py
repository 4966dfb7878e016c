"""The pool of blends: teachers are asked for some at a time, and a saved pool comes back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from facesdk_training.torch.device.acceleration import Varied
from facesdk_training.torch.device.batches import DeviceBatches
from facesdk_training.torch.device.blends import BlendPool
from facesdk_training.torch.device.distortions import Distortions

CROPS = torch.randint(0, 256, (10, 3, 16, 16), generator=torch.Generator().manual_seed(1)).byte()


class Teacher:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, crops: Tensor) -> Tensor:
        self.calls += 1
        return functional.normalize(crops.mean((2, 3)), dim=1)


def test_each_blend_has_the_teachers_answer_and_is_shown_some_times() -> None:
    torch.manual_seed(1)
    teacher = Teacher()
    pool = BlendPool(CROPS, 8, teacher)
    for _ in range(64):
        faces, targets = pool.draw(6)
        assert faces.dtype == torch.uint8
        assert faces.shape == (6, 3, 16, 16)
        torch.testing.assert_close(functional.normalize(faces.float().mean((2, 3)), dim=1), targets)
    assert 4 < teacher.calls < 10


def test_a_restored_pool_goes_on_as_it_would_have() -> None:
    torch.manual_seed(2)
    pool = BlendPool(CROPS, 4, Teacher())
    for _ in range(20):
        pool.draw(3)
    state, random = pool.state(), torch.get_rng_state()
    expected = [pool.draw(3) for _ in range(20)]
    other = BlendPool(CROPS, 4, Teacher())
    other.restore(state)
    torch.set_rng_state(random)
    for faces, targets in expected:
        again = other.draw(3)
        assert torch.equal(again[0], faces)
        assert torch.equal(again[1], targets)


def test_what_is_not_recorded_is_computed() -> None:
    varied = Varied(lambda x, progress: x * progress, torch.ones(2), record=False)
    assert varied.refused == "not asked for"
    assert torch.equal(varied(torch.ones(2), 0.5), torch.full((2,), 0.5))


def test_what_cannot_be_recorded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    crops, targets = torch.zeros(4, 3, 112, 112, dtype=torch.uint8), torch.eye(4)
    batches = DeviceBatches(crops, targets, Distortions((), 112, 96), batch_size=2, record=True)
    assert batches.notes == ["the distortions are not recorded: there is no GPU to record on"]
