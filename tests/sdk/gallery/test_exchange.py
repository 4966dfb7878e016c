"""A gallery in one file under a passphrase."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from facesdk.errors import EmbeddingMismatchError, GalleryError, InputError
from facesdk.gallery import exchange
from facesdk.gallery.check import check
from facesdk.gallery.exchange import export, import_
from facesdk.gallery.sqlite import SqliteGallery

from .people import OTHER_MODEL, face, new_gallery

WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("facesdk.gallery.exchange._SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})


def imported(tmp_path, name="copy.db", words=WORDS):
    return import_(tmp_path / "out", tmp_path / name, words, key=tmp_path / "keys 2")


def test_everything_arrives_on_another_computer(tmp_path):
    with new_gallery(tmp_path, 5) as gallery:
        end = datetime(2099, 1, 31, tzinfo=timezone.utc)
        gallery.enrol("person 1", face(1, 1), quality=0.3, expires=end)
        assert export(gallery, tmp_path / "out", WORDS) == 6
        before, people = gallery.snapshot(), gallery.people()
    assert imported(tmp_path).to_dict() == {"templates": 6, "skipped": 0, "people": 5}
    with SqliteGallery.open(tmp_path / "copy.db", key=tmp_path / "keys 2") as copy:
        assert copy.snapshot() == before
        assert [(p.name, p.templates, p.created, p.expires) for p in copy.people()] == [
            (p.name, p.templates, p.created, p.expires) for p in people
        ]
        assert copy.identify(face(3)).person.name == "person 3"
    assert imported(tmp_path).to_dict() == {"templates": 0, "skipped": 6, "people": 5}
    assert check(tmp_path / "copy.db", key=tmp_path / "keys 2")
    assert "exported" in (tmp_path / "gallery.db.audit").read_text()


def test_an_export_joins_people_by_name(tmp_path):
    with new_gallery(tmp_path, 2) as gallery:
        export(gallery, tmp_path / "out", WORDS)
        gallery.forget("person 0")
        gallery.enrol("person 1", face(1, 5), quality=1)
    done = import_(tmp_path / "out", tmp_path / "gallery.db", WORDS, key=tmp_path / "keys")
    assert done.to_dict() == {"templates": 1, "skipped": 1, "people": 2}


def test_an_export_tells_nothing_and_is_its_owners(tmp_path):
    with new_gallery(tmp_path, 2) as gallery:
        export(gallery, tmp_path / "out", WORDS)
    content = (tmp_path / "out").read_bytes()
    assert b"person" not in content and face(0).vector.tobytes() not in content
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    first = content
    with new_gallery(tmp_path) as gallery:
        export(gallery, tmp_path / "out", WORDS)
    assert (tmp_path / "out").read_bytes()[-300:] != first[-300:]


def test_another_passphrase_or_a_changed_file_is_an_error(tmp_path):
    with new_gallery(tmp_path, 2) as gallery:
        export(gallery, tmp_path / "out", WORDS)
    with pytest.raises(GalleryError, match="the passphrase is another, or the file was changed"):
        imported(tmp_path, words=WORDS + "s")
    whole = (tmp_path / "out").read_bytes()
    magic, head, data = whole.split(b"\n", 2)
    fields = json.loads(head)
    for changed in (
        data[:-1],
        data[:40] + bytes([data[40] ^ 1]) + data[41:],
        b"",
    ):
        (tmp_path / "out").write_bytes(b"\n".join([magic, head, changed]))
        with pytest.raises(GalleryError, match="does not open"):
            imported(tmp_path)
    for other in (
        {**fields, "salt": "00" * 16},
        {**fields, "r": 4},
        {**fields, "nonce": "00" * 12},
        {**fields, "algorithm": 2},
    ):
        (tmp_path / "out").write_bytes(b"\n".join([magic, json.dumps(other).encode(), data]))
        with pytest.raises(GalleryError, match="does not open"):
            imported(tmp_path)
    for other in ({}, {**fields, "n": 1 << 40}, {**fields, "n": 3}, {**fields, "salt": 5}, []):
        (tmp_path / "out").write_bytes(b"\n".join([magic, json.dumps(other).encode(), data]))
        with pytest.raises(GalleryError, match="not an exported gallery, or is damaged"):
            imported(tmp_path)
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("expires", "9999-12-31T23:59:59-12:00", "expires must be in the years 1 to 9999"),
        ("name", "a\tb", "control characters"),
        ("quality", 2, "quality must be 0 to 1"),
    ],
)
def test_an_export_with_what_no_gallery_takes_makes_none(
    tmp_path, monkeypatch, field, value, words
):
    record = exchange._record
    monkeypatch.setattr(exchange, "_record", lambda row: {**record(row), field: value})
    with new_gallery(tmp_path, 1) as gallery:
        export(gallery, tmp_path / "out", WORDS)
    with pytest.raises(GalleryError, match=f"out is an export that .* cannot read: .*{words}"):
        imported(tmp_path)
    assert not (tmp_path / "copy.db").exists()


def test_files_that_are_no_exports(tmp_path):
    (tmp_path / "out").write_bytes(b"SQLite format 3\0")
    with pytest.raises(GalleryError, match="is not an exported gallery"):
        imported(tmp_path)
    (tmp_path / "out").unlink()
    with pytest.raises(GalleryError, match=r"cannot read .*out: No such file"):
        imported(tmp_path)


def test_a_short_passphrase_is_refused(tmp_path):
    with new_gallery(tmp_path, 1) as gallery, pytest.raises(InputError, match="at least 12"):
        export(gallery, tmp_path / "out", "too short")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["gallery.db", "gallery.db.audit", "gallery.db-wal", "keys"])
def test_a_gallery_is_not_written_over_by_its_export(tmp_path, name):
    (tmp_path / "link").symlink_to(tmp_path / name)
    with new_gallery(tmp_path, 2) as gallery:
        for path in (tmp_path / name, tmp_path / "link"):
            with pytest.raises(InputError, match="it is read as well, name another file"):
                export(gallery, path, WORDS)
    assert check(tmp_path / "gallery.db", key=tmp_path / "keys")


def test_a_gallery_of_another_model_takes_no_export(tmp_path):
    with new_gallery(tmp_path, 1) as gallery:
        export(gallery, tmp_path / "out", WORDS)
    SqliteGallery.open(
        tmp_path / "copy.db", embedder=OTHER_MODEL, key=tmp_path / "keys 2", create=True
    ).close()
    with pytest.raises(EmbeddingMismatchError, match="use that model, or enrol everybody again"):
        imported(tmp_path)
