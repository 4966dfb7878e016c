"""Photos are embedded in processes of Ray; `make test-scale` installs it and runs this."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from facesdk import samples
from facesdk.engine import FaceEngine
from facesdk.errors import DependencyError, GalleryError, InputError
from facesdk.gallery.bulk import enrol_photos, on_ray
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images.photo_source import open_photos

with_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: run `make test-scale`"
)


@pytest.fixture(scope="module")
def engine():
    return FaceEngine.load()


@pytest.mark.slow
@with_ray
def test_processes_of_ray_enrol_as_threads_do(engine, tmp_path):
    staff = tmp_path / "staff"
    for person, photos in {
        "Barack": (samples.OBAMA, samples.OBAMA2), "Joe": (samples.BIDEN,),
    }.items():  # fmt: skip
        (staff / person).mkdir(parents=True)
        for photo in photos:
            shutil.copy(photo, staff / person)
    (staff / "Joe" / "broken.jpg").write_bytes(b"no photo")
    wanted = open_photos(staff).photos
    with SqliteGallery.open(
        tmp_path / "g.db", embedder=engine.embedder, key=tmp_path / "keys", create=True
    ) as gallery:
        with on_ray(engine, 2) as work:
            done = list(enrol_photos(gallery, wanted, work, batch=4))
            again = list(enrol_photos(gallery, wanted, work, batch=4))
        assert [bool(row) for row in done] == [True, True, True, False]
        assert "broken.jpg" in done[3].reasons[0]
        assert [row.template for row in again] == [None] * 4 and len(gallery) == 3
        for row in gallery.snapshot():
            photo = samples.BIDEN if row.name == "Joe" else samples.OBAMA
            here = engine.embed(photo)
            assert float(here.vector @ row.embedding.vector) > (0.6 if row.name != "Joe" else 0.999)


@pytest.mark.slow
@with_ray
def test_a_cluster_that_is_not_there_is_a_line(engine):
    with pytest.raises(GalleryError, match=r"no cluster of Ray answers at 127\.0\.0\.1:1: "):
        on_ray(engine, 1, "127.0.0.1:1").__enter__()
    with pytest.raises(InputError, match="is HOST:PORT, but got 'here'"):
        on_ray(engine, 1, "here").__enter__()


def test_a_missing_ray_is_named_with_its_extra(engine, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"ray.*\[scale\]"), on_ray(engine, 1):
        pass
