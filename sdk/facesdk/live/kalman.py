"""A Kalman filter of numbers that move, each on its own, at a velocity that changes at random.

Each number has a state of position ``p`` and velocity ``v``. Between looks the velocity is
disturbed by white noise of spectral density ``q`` (the nearly constant velocity model: Y.
Bar-Shalom, X. Li, T. Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001,
section 6.2.2):

    F = [1 dt]    Q = q [dt^3/3  dt^2/2]    H = [1 0]    R = r
        [0  1]          [dt^2/2  dt    ]

As noise is taken to be independent from number to number, the filter of n numbers is n filters of
two, and their 2x2 algebra is written out: no matrix is inverted, and the time between looks may be
any. R. Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


class Kalman:
    """Positions and velocities of n numbers.

    Attributes:
        position: float64 ``(n,)``.
        velocity: float64 ``(n,)``, per second.

    Args:
        position: What was seen first, ``(n,)``.
        variance: Of what was seen, ``(n,)`` or one for all.
        velocity_variance: Of the velocity, which nobody has seen yet; its mean is 0.
    """

    def __init__(
        self, position: ArrayLike, variance: ArrayLike, velocity_variance: ArrayLike
    ) -> None:
        self.position: Numbers = np.array(position, np.float64)
        self.velocity: Numbers = np.zeros_like(self.position)
        ones = np.ones_like(self.position)
        self._pp: Numbers = ones * np.asarray(variance)
        self._pv: Numbers = 0.0 * ones
        self._vv: Numbers = ones * np.asarray(velocity_variance)

    @property
    def variance(self) -> Numbers:
        """Of each position, float64 ``(n,)``."""
        return self._pp.copy()

    def predict(self, seconds: float, noise: ArrayLike) -> None:
        """Let time pass.

        Args:
            seconds: How much, 0 or more.
            noise: The spectral density ``q``, in squared units per second cubed.
        """
        dt, q = seconds, np.asarray(noise)
        self.position += dt * self.velocity
        self._pp += dt * (2 * self._pv + dt * self._vv) + q * dt**3 / 3
        self._pv += dt * self._vv + q * dt**2 / 2
        self._vv += q * dt

    def update(self, seen: ArrayLike, variance: ArrayLike) -> None:
        """Take note of what is seen now.

        Args:
            seen: The numbers, ``(n,)``.
            variance: Of each as an error of the look, ``r``.
        """
        total = self._pp + np.asarray(variance)
        gain, gain_of_velocity = self._pp / total, self._pv / total
        surprise = np.asarray(seen, np.float64) - self.position
        self.position += gain * surprise
        self.velocity += gain_of_velocity * surprise
        self._vv -= gain_of_velocity * self._pv
        self._pv *= 1 - gain
        self._pp *= 1 - gain
