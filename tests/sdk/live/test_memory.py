"""Memory does not grow with time: people come and go in a film that is repeated."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import numpy as np
import pytest

from facesdk import FaceEngine, samples
from facesdk.bench.film import people, swaying, write_film
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.live.events import Left
from facesdk.live.loop import Live, Settings
from facesdk.live.sources.opening import open_source
from facesdk.live.tracking import TrackingSettings
from facesdk.measure.memory import resident

WARM_UP, VISITS = 25, 75
MOST_BYTES_PER_VISIT = 8 * 1024
"""A single picture that is kept would be eight times as much."""


@pytest.mark.slow
def test_visits_leave_nothing_behind(tmp_path: Path) -> None:
    engine = FaceEngine.load(min_face=40)
    one = people(1, 130, engine)
    pictures = itertools.chain(
        swaying(one, 12, width=160, height=140), swaying([], 12, width=160, height=140)
    )
    film = write_film(tmp_path / "film.mp4", pictures)
    settings = Settings(every=2, tracking=TrackingSettings(patience=0.2, doubt=0.2))
    sizes: list[int] = []
    release = ctypes.CDLL(None).malloc_trim  # or what was freed hides what is kept
    with SqliteGallery.open(
        tmp_path / "g.db", embedder=engine.embedder, key=tmp_path / "key", create=True
    ) as gallery:
        gallery.enrol("Barack", engine.embed(samples.OBAMA), quality=1.0)
        live = Live(open_source(str(film), repeat=True), engine, gallery, settings)
        for event in live.run():
            if isinstance(event, Left):
                release(0)
                size = resident()
                assert size is not None
                sizes.append(size)
                live.snapshot()
                if len(sizes) == WARM_UP + VISITS:
                    live.stop()
    parts = np.array_split(np.array(sizes[WARM_UP : WARM_UP + VISITS], float), 3)
    slopes = [float(np.polyfit(np.arange(len(part)), part, 1)[0]) for part in parts]
    slope = float(np.median(slopes))  # one growth lies in one part, a leak in all
    assert slope < MOST_BYTES_PER_VISIT, f"{slope / 1024:.1f} KiB per visit"
    assert live.profile().frames >= 24 * (WARM_UP + VISITS - 1)
