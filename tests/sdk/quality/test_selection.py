"""Which face of a photo is compared, and which one a photo is about."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError, NoFaceError
from facesdk.quality.selection import central, choose, up_to
from facesdk.results import Face


def face(left: float, top: float, right: float, bottom: float) -> Face:
    corners = np.array([[left, top], [right, top], [left, top], [left, bottom], [right, bottom]])
    return Face(np.array([left, top, right, bottom]), 0.9, corners)


def test_choose_takes_the_only_face_and_refuses_others() -> None:
    large, small = face(0, 0, 50, 50), face(60, 0, 90, 30)
    assert choose([small], 3, "x") is small
    assert choose([large, small], 0, "x") is large
    assert choose([large, small], 1, "x") is small
    with pytest.raises(NoFaceError, match="x: there is no face 2; 2 found"):
        choose([large, small], 2, "x")
    with pytest.raises(NoFaceError, match="x: no face found"):
        choose([], 0, "x")
    with pytest.raises(InputError, match="0 or more"):
        choose([large], -1, "x")


def test_as_many_faces_are_found_as_choosing_needs() -> None:
    assert [up_to(number) for number in (-1, 0, 3)] == [1, 1, 4]


def test_the_central_face_is_large_and_near_the_middle() -> None:
    centre, corner = face(100, 100, 150, 150), face(0, 0, 55, 55)
    big_beside = face(10, 60, 140, 190)
    assert central([corner, centre], 250, 250) is centre
    assert central([centre, big_beside], 250, 250) is big_beside
    assert central([], 250, 250) is None
