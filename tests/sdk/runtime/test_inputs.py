from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from facesdk.errors import ModelError
from facesdk.runtime.inputs import noise, random_inputs


def test_noise_is_standard_normal_and_always_the_same() -> None:
    numbers = noise((400, 25))
    assert numbers.dtype == np.float32 and numbers.shape == (400, 25)
    np.testing.assert_array_equal(numbers, noise((400, 25)))
    assert abs(numbers.mean()) < 0.05 and abs(numbers.std() - 1) < 0.05


def test_inputs_that_no_memory_holds_are_a_model_error() -> None:
    """A file may claim any shape, and a runtime allocates nothing before the network runs."""
    giant = SimpleNamespace(
        input_shapes=((1 << 30, 1 << 30, 1 << 10),), input_dtypes=(np.dtype(np.float32),)
    )
    with pytest.raises(ModelError, match="do not fit into memory"):
        random_inputs(giant)  # type: ignore[arg-type]
