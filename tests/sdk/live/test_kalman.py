"""The filter against Kalman's equations with whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.live.kalman import Kalman

steps = st.lists(
    st.tuples(
        st.floats(0.0, 2.0),
        st.floats(0.0, 50.0),
        st.none()
        | st.tuples(st.floats(0.01, 100.0), st.lists(st.floats(-500, 500), min_size=3, max_size=3)),
    ),
    max_size=12,
)


class Matrices:
    """n numbers as one state of 2n, with the textbook's matrices and an inverse."""

    def __init__(self, position: np.ndarray, variance: float, velocity_variance: float) -> None:
        n = len(position)
        self.n = n
        self.x = np.concatenate([position, np.zeros(n)])
        self.P = np.diag([variance] * n + [velocity_variance] * n).astype(float)
        self.H = np.hstack([np.eye(n), np.zeros((n, n))])

    def predict(self, dt: float, q: float) -> None:
        eye = np.eye(self.n)
        F = np.block([[eye, dt * eye], [0 * eye, eye]])
        Q = q * np.block([[dt**3 / 3 * eye, dt**2 / 2 * eye], [dt**2 / 2 * eye, dt * eye]])
        self.x, self.P = F @ self.x, F @ self.P @ F.T + Q

    def update(self, seen: np.ndarray, r: float) -> None:
        S = self.H @ self.P @ self.H.T + r * np.eye(self.n)
        K = self.P @ self.H.T @ np.linalg.inv(S)
        self.x = self.x + K @ (seen - self.H @ self.x)
        self.P = (np.eye(2 * self.n) - K @ self.H) @ self.P


@given(steps)
def test_it_is_the_filter_of_whole_matrices(steps: list) -> None:
    start = np.array([3.0, -7.0, 100.0])
    ours, theirs = Kalman(start, 4.0, 25.0), Matrices(start, 4.0, 25.0)
    for seconds, noise, seen in steps:
        ours.predict(seconds, noise)
        theirs.predict(seconds, noise)
        if seen is not None:
            variance, numbers = seen
            ours.update(numbers, variance)
            theirs.update(np.array(numbers), variance)
        assert ours.position == pytest.approx(theirs.x[:3], rel=1e-6, abs=1e-6)
        assert ours.velocity == pytest.approx(theirs.x[3:], rel=1e-6, abs=1e-6)
        assert ours.variance == pytest.approx(np.diag(theirs.P)[:3], rel=1e-6, abs=1e-6)


def test_a_steady_motion_is_learned_and_predicted() -> None:
    rng = np.random.default_rng(0)
    tracked = Kalman([0.0], 1.0, 100.0)
    for step in range(1, 100):
        tracked.predict(0.04, 1e-3)
        tracked.update([30 * 0.04 * step + rng.normal(0, 0.5)], 0.25)
    assert tracked.velocity[0] == pytest.approx(30, abs=1.0)
    tracked.predict(1.0, 1e-3)
    assert tracked.position[0] == pytest.approx(30 * (0.04 * 99 + 1), abs=1.5)
