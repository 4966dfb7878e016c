"""Enrolment from the pictures of a camera."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk import samples
from facesdk.engine import FaceEngine
from facesdk.gallery.pictures import enrol_pictures
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images import decode

BLACK = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def engine():
    return FaceEngine.load()


@pytest.fixture(scope="module")
def obama():
    return decode.load(samples.OBAMA2)[::2, ::2].copy()


@pytest.fixture
def gallery(engine, tmp_path):
    with SqliteGallery.open(
        tmp_path / "g.db", embedder=engine.embedder, key=tmp_path / "keys", create=True
    ) as gallery:
        yield gallery


def enrolled(gallery, engine, pictures, **options):
    return list(
        enrol_pictures(gallery, engine, "Ada", pictures, **{"count": 2, "seconds": 10.0, **options})
    )


def test_good_pictures_that_are_apart_are_enrolled_and_then_it_ends(gallery, engine, obama):
    taken = []

    def camera():
        for number in range(100):
            taken.append(number)
            yield number / 10, obama

    found = enrolled(gallery, engine, camera())
    assert [bool(row) for row in found] == [True, True]
    assert [row.image for row in found] == ["picture at 0.0 s", "picture at 0.7 s"]
    assert len(taken) == 8 and len(gallery) == 2


def test_reasons_are_told_when_they_change(gallery, engine, obama):
    pictures = [(0.0, BLACK), (0.1, BLACK), (0.2, obama), (0.3, BLACK), (1.1, BLACK), (1.2, obama)]
    found = enrolled(gallery, engine, iter(pictures))
    assert [bool(row) for row in found] == [False, True, False, True]
    assert "no face found" in found[0].reasons[0] and found[2].image == "picture at 1.1 s"


def test_it_ends_after_a_time_or_with_the_source(gallery, engine, obama):
    assert enrolled(gallery, engine, iter([(5.0, BLACK), (15.1, obama)]))[-1].template is None
    assert enrolled(gallery, engine, iter([])) == []
    assert len(enrolled(gallery, engine, iter([(0.0, obama)]))) == 1
