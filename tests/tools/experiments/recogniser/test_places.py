"""What a place is, and what people who did not calibrate are judged by."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.images import decode
from facesdk.recognition.alignment import align_square, template_points
from facesdk.samples import OBAMA
from tools.experiments.recogniser import places

CROP = align_square(decode.load(OBAMA)[200:500, 150:450], template_points("arcface-112x112"), 112)


@pytest.mark.parametrize("name", places.PLACES)
def test_a_place_changes_a_crop_and_leaves_a_crop(name: str) -> None:
    seen = places.PLACES[name](CROP.copy(), np.random.default_rng(0))
    assert (seen.dtype, seen.shape) == (np.uint8, CROP.shape)
    assert np.array_equal(seen, CROP) == (name == "photos as they are")


@pytest.mark.parametrize(("shared", "helps"), [(0.0, False), (1.0, True)])
def test_what_others_share_is_taken_out_of_people_who_did_not_calibrate(
    shared: float, helps: bool
) -> None:
    """Each photo has its own share of what all have in common, which tells nobody apart."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(160), 3)
    own = rng.normal(size=(160, 32))[people] + 0.8 * rng.normal(size=(480, 32))
    common = shared * rng.uniform(0, 8, (480, 1)) * np.eye(32)[0]
    vectors = own + common
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fmr_left, fnmr_left, fmr_out, fnmr_out, length = places.judged(
        vectors.astype(np.float32), people, 80, 1e-2
    )
    assert fmr_left == pytest.approx(1e-2, abs=4e-3)
    assert fmr_out == pytest.approx(1e-2, abs=4e-3)
    assert (length > 0.3) == helps
    assert (fnmr_out < 0.8 * fnmr_left) == helps
