"""Encoding: what is saved loads again, and a failure leaves nothing half-written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.images import decode, encode
from sdk import photos

RGB = photos.quadrants()


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("a.png", 0), ("a.bmp", 0), ("a.jpg", 4), ("a.JPEG", 4), ("a.webp", 4)],
)
def test_save_then_load(tmp_path: Path, name: str, tolerance: float) -> None:
    encode.save(tmp_path / name, RGB)
    assert float(np.abs(decode.load(tmp_path / name).astype(int) - RGB).mean()) <= tolerance
    assert os.listdir(tmp_path) == [name]


def test_saved_files_get_the_usual_mode(tmp_path: Path) -> None:
    encode.save(tmp_path / "a.png", RGB)
    (tmp_path / "usual").write_bytes(b"")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_save_refuses_names_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in one of .jpg"):
        encode.save(tmp_path / "a.tiff", RGB)
    with pytest.raises(InputError, match="No such file or directory"):
        encode.save(tmp_path / "none" / "a.png", RGB)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        encode.save(tmp_path / "folder.png", RGB)
    assert os.listdir(tmp_path) == ["folder.png"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    encode.save(path, RGB)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        encode.save(path, RGB[::-1])
    assert np.array_equal(decode.load(path), RGB)
    assert os.listdir(tmp_path) == ["a.png"]


def test_what_a_format_cannot_hold_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*wide\.webp as WEBP"):
        encode.save(tmp_path / "wide.webp", np.zeros((1, 16_384, 3), np.uint8))
    assert os.listdir(tmp_path) == []
