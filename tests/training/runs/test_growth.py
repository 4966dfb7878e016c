from __future__ import annotations

from dataclasses import replace

import numpy as np

from facesdk_training.architectures.compact_face_net import APART, CompactFaceNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.runs.growth import grown

ONE = CompactFaceNetConfig(stages=((32, 1), (64, 1)), stem_channels=(8, 32))
TWO = replace(ONE, thresholds=(1, 2))


def weights() -> dict[str, list[np.ndarray]]:
    def unit(name: str, channels: int) -> dict[str, list[np.ndarray]]:
        rng = np.random.default_rng(channels)
        return {
            f"{name}_shift": [rng.normal(size=channels)],
            f"{name}_conv": [rng.normal(size=(3, 3, channels, channels))],
            f"{name}_bn": [rng.normal(size=channels) for _ in range(4)],
            f"{name}_prelu": [rng.normal(size=(1, 1, channels))],
        }

    return {**unit("stage1_unit1", 32), **unit("stage2_unit1", 64)}


def test_the_same_network_keeps_its_weights() -> None:
    assert grown(weights(), ONE).keys() == weights().keys()
    assert grown(weights(), MobileFaceNetConfig()).keys() == weights().keys()


def test_a_threshold_becomes_two_to_either_side_of_it() -> None:
    before = weights()
    after = grown(before, TWO)
    assert set(after) - set(before) == {"stage2_unit1_second_shift", "stage2_unit1_second_bn"}
    first, second = after["stage2_unit1_shift"][0], after["stage2_unit1_second_shift"][0]
    np.testing.assert_allclose(second - first, APART)
    np.testing.assert_allclose((first + second) / 2, before["stage2_unit1_shift"][0])
    for plane in ("", "_second"):
        gain, offset, mean, variance = after[f"stage2_unit1{plane}_bn"]
        np.testing.assert_allclose(gain * 2, before["stage2_unit1_bn"][0])
        np.testing.assert_allclose(offset * 2, before["stage2_unit1_bn"][1])
        np.testing.assert_array_equal([mean, variance], before["stage2_unit1_bn"][2:])
    np.testing.assert_array_equal(after["stage1_unit1_bn"], before["stage1_unit1_bn"])
    assert grown(after, TWO)["stage2_unit1_shift"] is after["stage2_unit1_shift"]


def test_added_units_are_identities_with_either_number_of_thresholds() -> None:
    deeper = replace(TWO, stages=((32, 2), (64, 3)))
    after = grown(weights(), deeper)
    for name in ("stage1_unit2", "stage2_unit2", "stage2_unit3"):
        assert f"{name}_conv" not in after
        np.testing.assert_array_equal(after[f"{name}_prelu"][0], 1)
        assert not np.any(after[f"{name}_bn"][:3])
    assert not np.any(after["stage2_unit3_second_bn"][:2])
