"""Ways to spoil a crop."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.images import decode
from facesdk.recognition.alignment import align_square, template_points
from facesdk.samples import OBAMA
from tools.experiments import degraded_strangers
from tools.experiments.degraded import levels as degradations

CROP = align_square(decode.load(OBAMA)[200:500, 150:450], template_points("arcface-112x112"), 112)


@pytest.mark.parametrize("kind", degradations.DEGRADED)
def test_each_kind_has_eight_levels_that_leave_a_crop(kind: str) -> None:
    levels = degradations.DEGRADED[kind]
    made = [change(CROP.copy(), np.random.default_rng(1)) for change in levels.values()]
    assert len(made) == 8
    for crop in made:
        assert (crop.dtype, crop.shape) == (np.uint8, CROP.shape)
    if kind != "glasses":  # the others get worse from level to level
        errors = [float(np.mean(np.abs(crop.astype(float) - CROP))) for crop in made]
        assert errors == sorted(errors)


@pytest.mark.parametrize("name", degraded_strangers.OF_PHOTOS)
def test_a_photo_spoilt_as_a_whole_keeps_its_face(name: str) -> None:
    photo = degraded_strangers.photo_of(CROP)
    made = degraded_strangers.OF_PHOTOS[name](photo.copy(), np.random.default_rng(1))
    assert made.dtype == np.uint8
    assert made.shape[2] == 3
    assert name == "as they are" or not np.array_equal(made, photo)
    assert made.std() > 0.5 * photo.std()
