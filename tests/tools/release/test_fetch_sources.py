"""Fetching by digest, with a client that only writes a file."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest

from tools.release import fetch_sources


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "registry" / "package-1.0.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as content:
        for name, data in (("package/a.txt", b"wanted"), ("package/b.txt", b"not wanted")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            content.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def source(archive: Path, *members: str, sha256: str | None = None):
    copy = "import shutil, sys; shutil.copy(sys.argv[1], '.')"
    digest = sha256 or hashlib.sha256(archive.read_bytes()).hexdigest()
    command = (sys.executable, "-c", copy, str(archive))
    return fetch_sources.Source("a test", command, archive.name, digest, members)


def test_members_are_taken_out(archive, cache):
    (path,) = fetch_sources.fetch(source(archive, "package/a.txt"), cache)
    assert path == cache / "a.txt"
    assert path.read_bytes() == b"wanted"
    assert list(cache.iterdir()) == [path]


def test_without_members_the_archive_is_kept(archive, cache):
    (path,) = fetch_sources.fetch(source(archive), cache)
    assert path.read_bytes() == archive.read_bytes()


def test_what_is_there_is_not_fetched_again(archive, cache):
    wanted = source(archive, "package/a.txt")
    fetch_sources.fetch(wanted, cache)
    archive.unlink()
    (path,) = fetch_sources.fetch(wanted, cache)
    assert path.read_bytes() == b"wanted"


def test_another_digest_is_refused_and_nothing_is_kept(archive, cache):
    with pytest.raises(fetch_sources.FetchError, match="is pinned"):
        fetch_sources.fetch(source(archive, "package/a.txt", sha256="0" * 64), cache)
    assert list(cache.iterdir()) == []


def test_a_client_that_fails_is_reported(archive, cache):
    wanted = source(archive)
    archive.unlink()
    with pytest.raises(fetch_sources.FetchError, match="status 1"):
        fetch_sources.fetch(wanted, cache)
    assert list(cache.iterdir()) == []


def test_every_source_is_pinned():
    for entry in fetch_sources.SOURCES.values():
        assert any("==" in word or "@" in word for word in entry.command)
        assert len(entry.sha256) == 64
