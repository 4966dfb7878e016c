from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.files import make_folder, read_regular, sha256_of, write_atomic


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_atomic(path, b"content")
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("name", ["x" * 256, "none/file", "x" * 256 + "/file", "folder", "."])
def test_what_cannot_be_written_leaves_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_atomic(tmp_path / name, b"content")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(path)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 5000
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_the_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "inner").mkdir(parents=True)
    for name in ("b", "a", "inner/a"):
        (first / name).write_bytes(name.encode())
    for name in ("inner/a", "a", "b"):
        (second / name).write_bytes(name.encode())
    os.utime(second / "a", (0, 0))
    assert sha256_of(first) == sha256_of(second)
    expected = hashlib.sha256(b"a\x001\x00ab\x001\x00binner/a\x007\x00inner/a").hexdigest()
    assert sha256_of(first) == expected
    (second / "inner" / "a").rename(second / "inner" / "c")
    assert sha256_of(first) != sha256_of(second)


def test_a_pipe_in_a_folder_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        sha256_of(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        sha256_of(tmp_path / "none")


def test_a_folder_is_made_once_and_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot create folder .*file/c: Not a directory"):
        make_folder(tmp_path / "file" / "c")
