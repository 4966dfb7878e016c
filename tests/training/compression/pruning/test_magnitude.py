from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk_training.compression.pruning.magnitude import Masked, kept, shares
from facesdk_training.compression.steps import step


@settings(max_examples=50)
@given(st.integers(1, 60), st.floats(0.01, 0.99), st.integers(0, 99))
def test_what_goes_is_no_greater_than_what_stays(size: int, share: float, seed: int) -> None:
    kernel = np.random.default_rng(seed).normal(size=(size, 3)).astype(np.float32)
    mask = kept(kernel, share)
    assert (~mask).sum() == int(share * kernel.size)
    assert np.abs(kernel[~mask]).max(initial=0) <= np.abs(kernel[mask]).min()


def test_most_goes_in_the_first_rounds() -> None:
    found = shares(0.8, 4)
    steps = np.diff([0.0, *found])
    assert found[-1] == pytest.approx(0.8)
    assert found[0] == pytest.approx(0.8 * (1 - 0.75**3))
    assert (np.diff(steps) < 0).all()


def test_pruned_weights_have_no_gradient() -> None:
    kernel = tf.Variable(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    masked = Masked(0.5)
    masked(kernel)
    masked.fit(kernel)
    with tf.GradientTape() as tape:
        output = masked(kernel)
        loss = tf.reduce_sum(output * 3.0)
    mask = kept(kernel.numpy(), 0.5)
    np.testing.assert_array_equal(output, np.where(mask, kernel, 0))
    np.testing.assert_array_equal(tape.gradient(loss, kernel), 3.0 * mask)


@pytest.mark.parametrize(("key", "value"), [("share", 1.0), ("share", 0.0), ("rounds", 0)])
def test_a_layer_is_not_pruned_away(key: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{key} must be"):
        step("magnitude", {key: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rounds": True}, "magnitude: rounds: must be a whole number, but got true"),
        ({"share": "0.5"}, 'magnitude: share: must be a number, but got "0.5"'),
    ],
)
def test_a_setting_of_another_type_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        step("magnitude", settings)
    assert message in str(caught.value)
