"""Ways to spoil a crop that nothing was chosen by."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.images import decode
from facesdk.recognition.alignment import align_square, template_points
from facesdk.samples import OBAMA
from tools.experiments.degraded.levels import DEGRADED
from tools.experiments.degraded.unseen import UNSEEN, one_half_wider, resampled

CROP = align_square(decode.load(OBAMA)[200:500, 150:450], template_points("arcface-112x112"), 112)


@pytest.mark.parametrize("name", UNSEEN)
def test_each_way_leaves_another_crop_the_same_each_time(name: str) -> None:
    made, again = (UNSEEN[name](CROP.copy(), np.random.default_rng(1)) for _ in range(2))
    assert (made.dtype, made.shape) == (np.uint8, CROP.shape)
    np.testing.assert_array_equal(made, again)
    others = [change(CROP.copy(), np.random.default_rng(1)) for change in UNSEEN.values()]
    assert sum(np.array_equal(made, other) for other in others) == 1
    assert not np.array_equal(made, CROP)


def test_one_half_is_wider_and_the_edges_stay() -> None:
    ramp = np.repeat(np.arange(112, dtype=np.uint8)[None, :, None], 112, axis=0)
    made = resampled(one_half_wider())(np.repeat(ramp, 3, axis=2), np.random.default_rng(0))
    row = made[5, :, 0].astype(int)
    assert (row[0], row[56], row[111]) == (0, 19, pytest.approx(110, abs=1))
    assert np.ptp(np.diff(row[:56])) <= 1 and np.diff(row[56:]).min() >= 1


def test_they_are_no_levels_of_what_is_measured_elsewhere() -> None:
    assert not set(UNSEEN) & set(DEGRADED)
