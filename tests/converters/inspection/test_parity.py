from __future__ import annotations

import numpy as np
import pytest

from facesdk_converters.inspection.parity import Agreement, Bound, unstable


class Signs:
    """A network of one sign: its output turns where the first value passes 0.25."""

    input_shape, output_shape, batch = (4,), (8,), None

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        turned = np.where(inputs[:, :1] < 0.25, -1.0, 1.0)
        return np.concatenate([np.ones((len(inputs), 7)), turned], axis=1).astype(np.float32)


def test_inputs_on_a_threshold_are_found_and_no_others() -> None:
    first = np.array([0.25, 0.25 + 1e-6, 0.25 + 1e-4, 0.9, 0.2], np.float32)
    inputs = np.repeat(first[:, np.newaxis], 4, axis=1)
    found = unstable(Signs(), inputs, Signs().predict(inputs))
    np.testing.assert_array_equal(found, [True, True, False, False, False])


@pytest.mark.parametrize(
    ("smallest", "median", "good"),
    [(0.99, 0.99995, True), (0.97, 0.99995, False), (0.99, 0.999, False), (np.nan, 1.0, False)],
)
def test_both_figures_must_meet_the_bound(smallest: float, median: float, good: bool) -> None:
    agreement = Agreement(8, 1, True, 0.1, smallest, median)
    assert agreement.meets(Bound(0.98, 0.9999)) is good
    assert "on 8 real faces, 1 of them left out" in str(agreement)
