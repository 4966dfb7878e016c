"""The cache: what was saved comes back, nothing half-written, damage is said."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.evaluation.vector_cache import ROWS_PER_FILE, RowCache


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def row(number: int) -> np.ndarray:
    return np.array([number, np.nan, -number], np.float32)


def filled(folder: Path | None, numbers: range) -> RowCache:
    cache = RowCache(folder, 3)
    for number in numbers:
        cache[key(number)] = row(number)
    return cache


def test_rows_come_back_after_saving(tmp_path: Path) -> None:
    filled(tmp_path / "new" / "cache", range(10)).save()
    cache = RowCache(tmp_path / "new" / "cache", 3)
    assert len(cache) == 10
    for number in range(10):
        np.testing.assert_array_equal(cache[key(number)], row(number))
    assert key(10) not in cache


def test_rows_are_saved_as_they_come(tmp_path: Path) -> None:
    filled(tmp_path, range(ROWS_PER_FILE + 5))
    assert len(RowCache(tmp_path, 3)) == ROWS_PER_FILE


def test_saving_twice_writes_once(tmp_path: Path) -> None:
    cache = filled(tmp_path, range(3))
    cache.save()
    cache.save()
    assert len(os.listdir(tmp_path)) == 1


def test_two_runs_share_a_folder(tmp_path: Path) -> None:
    first, second = filled(tmp_path, range(5)), filled(tmp_path, range(3, 9))
    first.save()
    second.save()
    assert len(RowCache(tmp_path, 3)) == 9


def test_without_a_folder_it_lives_in_memory() -> None:
    cache = filled(None, range(ROWS_PER_FILE + 1))
    cache.save()
    assert len(cache) == ROWS_PER_FILE + 1


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_files_are_named(tmp_path: Path, damage: bytes | None) -> None:
    filled(tmp_path, range(5)).save()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(InputError, match=rf"{path.name} is damaged: delete it"):
        RowCache(tmp_path, 3)


def test_rows_of_another_length_are_named(tmp_path: Path) -> None:
    filled(tmp_path, range(5)).save()
    with pytest.raises(InputError, match="is damaged"):
        RowCache(tmp_path, 4)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"folder .*cache: Not a directory; use --no-cache"):
        filled(tmp_path / "file" / "cache", range(1)).save()
