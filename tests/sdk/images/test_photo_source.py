"""Photos by person, in a folder or a zip file: what is found, and who is on it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.images.photo_source import PhotoReader, list_photos, open_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("all/Ann/1.jpg", "all/Bob/x/2.PNG", "all/Bob/.hidden.jpg", "all/Bob/notes.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of " + name.encode())
    return tmp_path / "photos"


def zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def test_a_zip_holds_what_its_folder_holds(folder: Path) -> None:
    for place in (folder, zipped(folder)):
        source = open_photos(place)
        assert [(row.source, row.identity) for row in source.photos] == [
            ("Ann/1.jpg", "Ann"),
            ("Bob/x/2.PNG", "Bob/x"),
        ]
        contents = [PhotoReader().read(row) for row in source.photos]
        assert contents == [b"of all/Ann/1.jpg", b"of all/Bob/x/2.PNG"]
        assert [row.source for row in list_photos(place).photos] == [
            "all/Ann/1.jpg",
            "all/Bob/x/2.PNG",
        ]


def test_a_photo_that_cannot_be_read_is_named(folder: Path) -> None:
    first = open_photos(folder).photos[0]
    Path(first.member).unlink()
    with pytest.raises(InputError, match=r"Ann/1\.jpg cannot be read \(No such file"):
        PhotoReader().read(first)
    archive = zipped(folder)
    archive.write_bytes(archive.read_bytes().replace(b"of all/Bob", b"of all/Rob"))
    (damaged,) = open_photos(archive).photos
    with pytest.raises(InputError, match=r"2\.PNG in .*photos\.zip cannot be read \(Bad CRC"):
        PhotoReader().read(damaged)


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_cannot_be_read(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("Ann/1.jpg", bytes(range(256)) * 8)
    content = bytearray(path.read_bytes())
    start = content.find(b"1.jpg") + 5
    for place in range(start + 40, start + 60):
        content[place] ^= 0x5A
    path.write_bytes(content)
    (photo,) = open_photos(path).photos
    with pytest.raises(InputError, match=r"1\.jpg in .*photos\.zip cannot be read"):
        PhotoReader().read(photo)


def test_places_without_photos(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither a folder nor a zip file"):
        open_photos(tmp_path / "text.zip")
    with pytest.raises(InputError, match=r"has no photo \(\.apng, "):
        open_photos(tmp_path / "empty")
    with pytest.raises(InputError, match=r"cannot read the photos .*none: No such file"):
        open_photos(tmp_path / "none")
