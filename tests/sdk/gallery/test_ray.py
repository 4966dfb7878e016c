"""Photos are embedded in processes of Ray; `make test-scale` installs it and runs this."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from facesdk import samples
from facesdk.engine import FaceEngine
from facesdk.errors import DependencyError, GalleryError, InputError
from facesdk.gallery.bulk import embed_content, enrol_photos, on_ray
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images.photo_source import open_photos

with_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: run `make test-scale`"
)


@pytest.fixture(scope="module")
def engine():
    return FaceEngine.load()


@pytest.fixture(scope="module", autouse=True)
def home():
    """Ray's folder of this user, with a token: clusters that are started want it then."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets need a short path
    token = folder / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text(64 * "a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.delenv("RAY_AUTH_MODE")  # again, at the end: Ray sets it
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def staff(tmp_path):
    """Two people and a file that is no photo."""
    staff = tmp_path / "staff"
    for person, photos in {
        "Barack": (samples.OBAMA, samples.OBAMA2), "Joe": (samples.BIDEN,),
    }.items():  # fmt: skip
        (staff / person).mkdir(parents=True)
        for photo in photos:
            shutil.copy(photo, staff / person)
    (staff / "Joe" / "broken.jpg").write_bytes(b"no photo")
    return staff


@contextmanager
def cluster(folder):
    """The address of a cluster that runs already, of one computer."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *("--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"),
        *("--include-dashboard=false", "--object-store-memory=100000000"),
        f"--temp-dir={folder / 'temporary'}",
    ]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with open(folder / "said", "wb") as said:
        running = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        end = time.monotonic() + 120
        while "Ray runtime started" not in (folder / "said").read_text():
            assert running.poll() is None and time.monotonic() < end, (folder / "said").read_text()
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(60)


@pytest.mark.slow
@with_ray
@pytest.mark.parametrize("where", ["local", "cluster"])
def test_processes_of_ray_enrol_as_threads_do(engine, staff, tmp_path, home, where):
    with cluster(home) if where == "cluster" else nullcontext() as address:
        enrol_everybody(engine, staff, tmp_path, address)


def enrol_everybody(engine, staff, tmp_path, address):
    wanted = open_photos(staff).photos
    with SqliteGallery.open(
        tmp_path / "g.db", embedder=engine.embedder, key=tmp_path / "keys", create=True
    ) as gallery:
        with on_ray(engine, 2, address) as work:
            done = list(enrol_photos(gallery, wanted, work, batch=4))
            again = list(enrol_photos(gallery, wanted, work, batch=4))
        assert [bool(row) for row in done] == [True, True, True, False]
        assert "broken.jpg" in done[3].reasons[0]
        assert [row.template for row in again] == [None] * 4 and len(gallery) == 3
        for row in gallery.snapshot():
            photo = samples.BIDEN if row.name == "Joe" else samples.OBAMA
            here = embed_content(engine, photo.read_bytes(), photo.name).embedding
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
