"""A folder and a pattern are many photos; anything else is perhaps one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facesdk.cli.verbs.faces import _listed
from facesdk.errors import InputError
from facesdk.images.photo_walk import photos_at


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.png", "notes.txt", "deep/er/c.jpg", "[odd]*.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(album: Path, found: list[Path]) -> list[str]:
    return [os.path.relpath(path, album) for path in found]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["[odd]*.jpg", "b.jpg"]),
        ("?.???", ["a.png", "b.jpg"]),
        ("**/*.jpg", ["[odd]*.jpg", "b.jpg", "deep/er/c.jpg"]),
        ("d*p/*/c.jpg", ["deep/er/c.jpg"]),
    ],
)
def test_a_pattern_is_the_files_of_its_name(album: Path, pattern: str, expected: list[str]) -> None:
    found = photos_at(album / pattern)
    assert found is not None
    assert (names(album, found[0]), found[1]) == (expected, [])


def test_what_lies_in_a_folder_beside_photos_is_told(album: Path) -> None:
    found = photos_at(album)
    assert found is not None
    assert names(album, found[0]) == ["[odd]*.jpg", "a.png", "b.jpg", "deep/er/c.jpg"]
    assert [row.source for row in found[1]] == ["notes.txt"]


@pytest.mark.parametrize("name", ["b.jpg", "nowhere.jpg", "[odd]*.jpg", "a" * 300])
def test_one_file_is_not_many_whatever_its_name(album: Path, name: str) -> None:
    assert photos_at(album / name) is None


@pytest.mark.parametrize(
    ("place", "message"), [("*.gif", "no file matches"), ("deep/*", "no file")]
)
def test_a_pattern_of_no_file_is_refused(album: Path, place: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        photos_at(album / place)


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory without photos"):
        photos_at(tmp_path)


def test_verbs_take_patterns_that_no_shell_has_expanded(album: Path) -> None:
    given = [album / "b.jpg", album / "*.png", album / "deep"]
    assert names(album, _listed(given)) == ["b.jpg", "a.png", "deep/er/c.jpg"]
