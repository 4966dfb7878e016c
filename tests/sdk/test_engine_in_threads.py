"""An engine that threads share gives what one thread is given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from facesdk import FaceEngine
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.samples import BIDEN, OBAMA, OBAMA2

THREADS = 8
PHOTOS = (OBAMA, OBAMA2, BIDEN)


@pytest.fixture(scope="module", params=[1, 3])
def engine(request: pytest.FixtureRequest) -> FaceEngine:
    return FaceEngine.load(workers=request.param, min_face=80)


def together(calls: list[Callable[[], object]]) -> list[object]:
    """What calls return when as many threads as possible start them at one moment."""
    start = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS, initializer=start.wait) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_each_thread_is_given_its_own_embedding(engine: FaceEngine) -> None:
    """Of such calls one in a thousand had another photo's vector, and many were refused."""
    crops = [engine.align(photo) for photo in PHOTOS]
    alone = [engine.embedder.embed_one(crop) for crop in crops]
    shared = together([partial(engine.embedder.embed_one, crop) for crop in crops * 100])
    assert shared == alone * 100


def test_each_thread_is_given_its_own_faces(engine: FaceEngine) -> None:
    photos = [decode.load(photo) for photo in PHOTOS]
    photos += [photo[::2, ::2].copy() for photo in photos]  # more shapes than one
    alone = [engine.detect(photo) for photo in photos]
    shared = together([partial(engine.detect, photo) for photo in photos * 3])
    assert shared == alone * 3


def test_each_thread_is_given_its_own_verdict(engine: FaceEngine) -> None:
    pairs = [(OBAMA, OBAMA2), (OBAMA, BIDEN), (BIDEN, BIDEN)]
    alone = [engine.verify(*pair).match for pair in pairs]
    shared = together([partial(engine.verify, *pair) for pair in pairs * 3])
    assert [verification.match for verification in shared] == alone * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [0, 65])
def test_workers_beyond_reason_are_refused(workers: int) -> None:
    with pytest.raises(InputError, match="workers must be 1 to 64"):
        FaceEngine.load(workers=workers)
