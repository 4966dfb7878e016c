"""What is a photo of a folder or a zip, and what is left out, as file systems leave them."""

from __future__ import annotations

import os
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.images import formats, photo_source, photo_walk
from facesdk.images.photo_source import PhotoReader, list_photos, open_photos

PHOTOS = ("ann/1.jpg", "ann/2.JPG", "bob/1.png")
HIDDEN = "hidden, or a system's own"


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of " + name.encode())
    return folder


def as_folder(names: tuple[str, ...], place: Path) -> Path:
    return fill(place / "photos", *names)


def as_zip(names: tuple[str, ...], place: Path) -> Path:
    with zipfile.ZipFile(place / "photos.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"of " + name.encode())
    return place / "photos.zip"


FORMS = pytest.mark.parametrize("form", [as_folder, as_zip])
Form = Callable[[tuple[str, ...], Path], Path]


def sources(path: Path) -> list[str]:
    return [photo.source for photo in list_photos(path).photos]


def left_out(path: Path) -> dict[str, str]:
    return {row.source: row.reason for row in list_photos(path).left_out}


@FORMS
@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ("ann/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg", "ann/@eaDir/"),
        ("@eaDir/ann/1.jpg", "@eaDir/"),
        ("ann/.@__thumb/default1.jpg", "ann/.@__thumb/"),
        ("#recycle/ann/1.jpg", "#recycle/"),
        ("Network Trash Folder/ann/1.jpg", "Network Trash Folder/"),
        ("@Recycle/1.jpg", "@Recycle/"),
        ("#snapshot/2024/ann/1.jpg", "#snapshot/"),
        (".thumbnails/normal/1.png", ".thumbnails/"),
        (".Trash-1000/files/1.jpg", ".Trash-1000/"),
        ("$RECYCLE.BIN/S-1/1.jpg", "$RECYCLE.BIN/"),
        ("System Volume Information/1.jpg", "System Volume Information/"),
        ("lost+found/1.jpg", "lost+found/"),
        ("__MACOSX/ann/1.jpg", "__MACOSX/"),
        ("ann/._1.jpg", "ann/._1.jpg"),
        (".hidden/ann/1.jpg", ".hidden/"),
        ("ann/Thumbs.db", "ann/Thumbs.db"),
        ("ann/.DS_Store", "ann/.DS_Store"),
    ],
)
def test_what_a_system_keeps_there_is_nobody(
    beside: str, named: str, form: Form, tmp_path: Path
) -> None:
    path = form((*PHOTOS, beside), tmp_path)
    assert sources(path) == list(PHOTOS)
    assert left_out(path) == {named: HIDDEN}
    assert {photo.identity for photo in open_photos(path).photos} == {"ann", "bob"}


def test_the_place_itself_may_have_any_name(tmp_path: Path) -> None:
    assert sources(fill(tmp_path / ".thumbnails" / "@eaDir", *PHOTOS)) == list(PHOTOS)


@FORMS
def test_what_is_no_photo_by_its_ending_is_counted(form: Form, tmp_path: Path) -> None:
    path = form((*PHOTOS, "ann/3.CR2", "ann/4.cr2", "ann/list.csv", "README"), tmp_path)
    found = list_photos(path)
    assert [photo.source for photo in found.photos] == list(PHOTOS)
    assert sorted(row.kind for row in found.left_out) == [".cr2", ".cr2", ".csv", "no ending"]
    assert found.left_out[1] == photo_walk.LeftOut("ann/3.CR2", "no photo by its ending")


@FORMS
def test_every_ending_of_what_is_read_is_a_photo(form: Form, tmp_path: Path) -> None:
    endings = sorted(formats.endings())
    assert {".jpg", ".jfif", ".pgm", ".pbm", ".pnm", ".dib", ".tif", ".tiff"} <= set(endings)
    names = tuple(f"ann/1{ending.upper()}" for ending in endings)
    assert sources(form(names, tmp_path)) == sorted(names)


def test_a_place_without_photos_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no photo \(.*, but 2 \.cr2, 1 hidden"):
        open_photos(fill(tmp_path / "x", "a/1.cr2", "a/2.cr2", "a/.1.jpg"))


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    far = fill(tmp_path / "far", "1.jpg", "album/2.jpg")
    top = fill(tmp_path / "photos", "ann/1.jpg")
    (top / "bob").symlink_to(far)
    (top / "cleo").symlink_to("../far/album")
    (top / "dan").mkdir()
    (top / "dan" / "1.jpg").symlink_to(far / "1.jpg")
    found = sources(top)
    assert found == ["ann/1.jpg", "bob/1.jpg", "bob/album/2.jpg", "dan/1.jpg"]
    assert left_out(top) == {"cleo/": "a link to a folder that is in it already"}
    assert PhotoReader().read(list_photos(top).photos[1]) == b"of 1.jpg"


@pytest.mark.parametrize("target", [".", "..", "../..", "../bob", "/"])
def test_links_do_not_loop_and_nobody_is_there_twice(target: str, tmp_path: Path) -> None:
    top = fill(tmp_path / "photos", *PHOTOS) / "ann"
    if target == "/":
        target = str(tmp_path / "photos")
    if target == "../..":
        (tmp_path / "photos" / "bob" / "2.png").symlink_to("1.png")
        target = "../../photos"
    (top / "link").symlink_to(target)
    expected = [*PHOTOS] + ["bob/2.png"] * (target == "../../photos")
    assert sources(tmp_path / "photos") == expected
    assert left_out(tmp_path / "photos") == {
        "ann/link/": "a link to a folder that is in it already"
    }


def test_the_folder_itself_comes_before_a_link_to_it(tmp_path: Path) -> None:
    top = fill(tmp_path / "photos", "zoe/1.jpg", "bob/1.jpg")
    (top / "a link").symlink_to("zoe")
    assert sources(top) == ["bob/1.jpg", "zoe/1.jpg"]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    top = fill(tmp_path / "photos", "ann/1.jpg")
    os.mkfifo(top / "ann" / "pipe.jpg")
    (top / "ann" / "broken.jpg").symlink_to("nowhere")
    (top / "ann" / "self.jpg").symlink_to("self.jpg")
    assert sources(top) == ["ann/1.jpg"]
    reasons = left_out(top)
    assert reasons["ann/pipe.jpg"] == "not a regular file"
    assert reasons["ann/broken.jpg"] == "cannot be read (No such file or directory)"
    assert reasons["ann/self.jpg"].startswith("cannot be read (Too many")


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = fill(tmp_path / "photos", *PHOTOS)
    scandir = os.scandir

    def denied(path: Path) -> object:
        if Path(path).name == "bob":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert left_out(top) == {"bob/": "cannot be read (Permission denied)"}


@pytest.mark.parametrize(
    "names",
    [
        ("ann\\1.jpg", "ann\\2.JPG", "bob\\1.png"),
        ("ann\\", "ann\\1.jpg", "ann/2.JPG", "bob\\1.png", "__MACOSX\\ann\\1.jpg"),
        ("./ann/1.jpg", "/ann/2.JPG", "bob//1.png", "bob/"),
    ],
)
def test_names_as_packers_write_them(names: tuple[str, ...], tmp_path: Path) -> None:
    path = as_zip(names, tmp_path)
    assert sources(path) == list(PHOTOS)
    for photo in open_photos(path).photos:
        assert PhotoReader().read(photo).startswith(b"of ")
    assert [photo.identity for photo in open_photos(path).photos] == ["ann", "ann", "bob"]


@FORMS
@pytest.mark.parametrize("normal", ["NFC", "NFD"])
def test_one_name_in_two_normal_forms_is_one_person(
    normal: str, form: Form, tmp_path: Path
) -> None:
    names = ("Jos\u00e9/1.jpg", unicodedata.normalize(normal, "Jos\u00e9") + "/2.jpg", "Bob/1.jpg")
    people = {photo.identity for photo in open_photos(form(names, tmp_path)).photos}
    assert people == {"Jos\u00e9", "Bob"}


def test_a_zip_of_macos_has_utf_8_without_the_flag(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Jos\u00e9")
    as_zip((f"{name}/1.jpg", "Bob/1.jpg"), tmp_path)
    content = bytearray((tmp_path / "photos.zip").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] &= ~0x08
            at = content.find(signature, at + 4)
    (tmp_path / "photos.zip").write_bytes(content)
    assert sources(tmp_path / "photos.zip") == ["Bob/1.jpg", f"{name}/1.jpg"]
    people = open_photos(tmp_path / "photos.zip").photos
    assert [photo.identity for photo in people] == ["Bob", "Jos\u00e9"]
    assert PhotoReader().read(people[1]) == f"of {name}/1.jpg".encode()


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        max_size=8,
        unique=True,
    )
)
def test_any_zip_is_listed_and_sources_are_unique(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = as_zip(tuple(names), tmp_path_factory.mktemp("zip"))
    found = list_photos(path)
    rows = [*(row.source for row in found.photos), *(row.source for row in found.left_out)]
    assert len(rows) == len(set(rows))
    assert all(source and not source.startswith("/") and "\\" not in source for source in rows)


def test_a_zip_does_not_decide_how_much_memory_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_source, "MAX_FILE_BYTES", 10)
    (photo, *_) = open_photos(as_zip(PHOTOS, tmp_path)).photos
    with pytest.raises(InputError, match=r"ann/1\.jpg in .* is larger than the limit"):
        PhotoReader().read(photo)
