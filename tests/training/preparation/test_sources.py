from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.images.photo_source import PhotoReader
from facesdk_training.preparation.cleaning import CleaningList
from facesdk_training.preparation.sources import open_source
from training.faces import CROPS_A_PERSON, write_data


def plant(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_a_person_is_a_folder(tmp_path: Path, pack: object) -> None:
    plant(
        tmp_path / "web",
        "CASIA/0000107/002.jpg",
        "CASIA/0000045/001.JPG",
        "CASIA/0000045/.hidden.jpg",
        "CASIA/0000045/notes.txt",
        "CASIA/alone.png",
    )
    source = open_source(pack(tmp_path / "web"))  # type: ignore[operator]
    assert [(photo.source, photo.identity) for photo in source.photos] == [
        ("0000045/001.JPG", "0000045"),
        ("0000107/002.jpg", "0000107"),
        ("alone.png", ""),
    ]
    assert not source.aligned
    assert PhotoReader().read(source.photos[1]) == b"CASIA/0000107/002.jpg"


def test_one_person_keeps_the_name(tmp_path: Path) -> None:
    source = open_source(plant(tmp_path, "a/b/ann/1.jpg", "a/b/ann/2.jpg"))
    assert [photo.identity for photo in source.photos] == ["ann", "ann"]


def test_the_digest_sees_names_and_content(tmp_path: Path) -> None:
    digests = set()
    for number, names in enumerate((("ann/1.jpg",), ("ann/2.jpg",), ("ann/1.jpg", "bob/1.jpg"))):
        folder = plant(tmp_path / str(number), *names)
        assert open_source(zipped(folder)).digest == open_source(zipped(folder)).digest
        digests.add(open_source(folder.with_suffix(".zip")).digest)
    assert len(digests) == 3


def test_aligned_crops_with_a_manifest(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "data", {"b": 2, "a": 1})
    source = open_source(folder)
    assert source.aligned
    assert len(source.photos) == 3 * CROPS_A_PERSON
    photo = source.photos[5]
    assert (photo.source, photo.identity) == ("b/000/1.png", "b/000")
    assert photo.cos_to_identity == 0.9
    with zipfile.ZipFile(folder / "b.zip") as archive:
        assert PhotoReader().read(photo) == archive.read("000/1.png")


def test_unusable_sources_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_source(tmp_path / "nothing")
    with pytest.raises(InputError, match="has no photo"):
        open_source(plant(tmp_path / "texts", "a/b.txt"))
    (tmp_path / "no.zip").write_text("no")
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        open_source(tmp_path / "no.zip")
    folder = write_data(tmp_path / "data", {"a": 1})
    manifest = (folder / "manifest.csv").read_text()
    (folder / "manifest.csv").write_text(manifest + "a,9,9/9.png,0.9,0.1\n")
    with pytest.raises(InputError, match=r"9/9\.png, which is no image in a\.zip"):
        open_source(folder)
    (folder / "manifest.csv").write_text(manifest + manifest.splitlines()[-1] + "\n")
    with pytest.raises(InputError, match="twice"):
        open_source(folder)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("0000045/001.jpg\n", ["0000045/001.jpg"]),
        (
            "# kept\n\n0000045\\001.jpg 0\n./0000107/001.jpg\t12\n",
            ["0000045/001.jpg", "0000107/001.jpg"],
        ),
        ("0000045\n", ["0000045/001.jpg", "0000045/002 1.jpg"]),
        ("0000045/002 1.jpg\n", ["0000045/002 1.jpg"]),
    ],
)
def test_cleaning_lists(tmp_path: Path, text: str, listed: list[str]) -> None:
    source = open_source(
        plant(tmp_path / "web", "0000045/001.jpg", "0000045/002 1.jpg", "0000107/001.jpg")
    )
    path = tmp_path / "list.txt"
    path.write_text(text + "9999/9.jpg 3\n")
    entries = CleaningList(path, source.photos)
    assert [photo.source for photo in source.photos if photo in entries] == listed
    assert entries.unknown == 1


def test_a_list_of_something_else_is_refused(tmp_path: Path) -> None:
    photos = open_source(plant(tmp_path / "web", "ann/1.jpg")).photos
    (tmp_path / "list.txt").write_text("bob/1.jpg\n")
    with pytest.raises(InputError, match="no line of"):
        CleaningList(tmp_path / "list.txt", photos)
    with pytest.raises(InputError, match="cannot read the list"):
        CleaningList(tmp_path / "none.txt", photos)
