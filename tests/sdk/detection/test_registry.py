"""The table of detectors: what it loads, and what it refuses."""

from __future__ import annotations

import pytest

from facesdk.detection.refined import RefinedDetector
from facesdk.detection.registry import DEFAULT_DETECTOR, DETECTORS, load_detector
from facesdk.detection.turns import AnyTurn
from facesdk.errors import InputError


def test_the_default_is_in_the_table() -> None:
    assert DEFAULT_DETECTOR in DETECTORS
    assert isinstance(load_detector(turned=False), RefinedDetector)
    assert isinstance(load_detector(), AnyTurn)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="unknown detector 'haar': choose one of finder, mtcnn,"):
        load_detector("haar")


@pytest.mark.parametrize("options", [{"min_face": 11}, {"max_faces": 0}, {"threads": 0}])
def test_options_reach_the_detector(options: dict[str, int]) -> None:
    with pytest.raises(InputError):
        load_detector(**options)


def test_ids_are_equal_where_faces_are() -> None:
    ids = {
        load_detector(min_face=min_face, max_faces=max_faces, threads=threads).id
        for min_face, max_faces, threads in (
            (20, None, 1),
            (20, None, 2),
            (40, None, 1),
            (20, 1, 1),
        )
    }
    assert len(ids) == 3
    assert load_detector(turned=False).id not in ids
    assert all(name.startswith("finder ") for name in ids)
