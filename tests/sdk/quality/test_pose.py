"""The pose of a head that was turned by known angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.quality.pose import MODEL, pose
from facesdk.recognition.alignment import template_points


def seen(yaw: float, pitch: float, roll: float, scale: float) -> np.ndarray:
    """Landmarks of the model, turned about its axes one after the other: up, right, then around."""
    y, p, r = np.radians([yaw, pitch, roll])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    right = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    around = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return scale * (MODEL @ (around @ right @ up).T)[:, :2] + (200, 150)


def test_the_template_looks_ahead() -> None:
    found = pose(template_points("arcface-112x112"))
    assert [found.yaw, found.pitch, found.roll] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found.eye_distance == pytest.approx(35.24, abs=0.01)


@settings(max_examples=200, deadline=None)
@given(
    yaw=st.floats(-80, 80), pitch=st.floats(-80, 80), roll=st.floats(-179, 179),
    scale=st.floats(5, 500),
)  # fmt: skip
def test_known_angles(yaw: float, pitch: float, roll: float, scale: float) -> None:
    found = pose(seen(yaw, pitch, roll, scale))
    assert found.eye_distance == pytest.approx(scale, rel=1e-6)
    angles = [found.yaw, found.pitch, found.roll]
    np.testing.assert_allclose(angles, [yaw, pitch, roll], atol=1e-5)


def test_the_signs_of_the_angles() -> None:
    """A nose to the right of the image, above, and an eye on the right that is lower."""
    right, up, clockwise = seen(30, 0, 0, 100), seen(0, 30, 0, 100), seen(0, 0, 30, 100)
    assert right[2, 0] - right[:2, 0].mean() > 20
    assert up[2, 1] < seen(0, -30, 0, 100)[2, 1] - 20
    assert clockwise[1, 1] > clockwise[0, 1] + 40
    assert pose(right).yaw == pytest.approx(30)
    assert pose(up).pitch == pytest.approx(30)
    assert pose(clockwise).roll == pytest.approx(30)


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2)), [[x, 2 * x] for x in range(5)]],
)
def test_points_without_a_pose(landmarks: object) -> None:
    with pytest.raises(InputError):
        pose(landmarks)
