from __future__ import annotations

import numpy as np

from facesdk.runtime.inputs import noise


def test_noise_is_standard_normal_and_always_the_same() -> None:
    numbers = noise((400, 25))
    assert numbers.dtype == np.float32 and numbers.shape == (400, 25)
    np.testing.assert_array_equal(numbers, noise((400, 25)))
    assert abs(numbers.mean()) < 0.05 and abs(numbers.std() - 1) < 0.05
