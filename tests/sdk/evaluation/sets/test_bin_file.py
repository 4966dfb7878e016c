from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.evaluation.sets.bin_file import read_bin
from sdk import photos

IMAGES = [photos.encode(np.full((112, 112, 3), 20 * n, np.uint8), "JPEG") for n in range(6)]
SAME = [True, False, True]


def write(path: Path, loaded: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(loaded, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    pairs = read_bin(write(tmp_path / "a.bin", (IMAGES, SAME), protocol))
    assert pairs.names == ("0", "1", "2", "3", "4", "5")
    assert pairs.read is not None
    assert [pairs.read(number) for number in range(6)] == IMAGES
    assert pairs.same.tolist() == SAME
    assert [pairs.first.tolist(), pairs.second.tolist()] == [[0, 2, 4], [1, 3, 5]]
    assert pairs.folds.tolist() == [0, 1, 2]
    assert pairs.aligned


def test_a_file_of_python_2_is_read(tmp_path: Path) -> None:
    """Python 2's ``str`` is an opcode of its own (SHORT_BINSTRING)."""
    content = b"\x80\x02(]q\x00(U\x02abU\x02cdU\x02efU\x02ghe]q\x01(\x88\x89et."
    (tmp_path / "a.bin").write_bytes(content)
    pairs = read_bin(tmp_path / "a.bin")
    assert pairs.read is not None
    assert [pairs.read(number) for number in range(4)] == [b"ab", b"cd", b"ef", b"gh"]
    assert pairs.same.tolist() == [True, False]


def test_pairs_are_ten_folds_in_their_order(tmp_path: Path) -> None:
    images = [b"x"] * 120
    pairs = read_bin(write(tmp_path / "a.bin", (images, [True, False] * 30)))
    assert pairs.folds.tolist() == [fold for fold in range(10) for _ in range(6)]


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize(
    "loaded",
    [Evil(), ([Evil()] * 4, [True, False]), (OrderedDict(), []), (np.zeros(3), [True])],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_makes_objects_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: Any, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is refused"):
        read_bin(write(tmp_path / "a.bin", loaded, protocol))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ([IMAGES], "two|list of images"),
        ((IMAGES, "yes"), "list of images"),
        ((["text"] * 4, [True, False]), "must be bytes"),
        ((IMAGES, [True, False, 2]), "true or false"),
        ((IMAGES, [True]), "6 images for 1 pairs"),
        (([], []), "0 images for 0 pairs"),
        ({"a": 1}, "list of images"),
    ],
)
def test_other_content_is_one_clear_error(tmp_path: Path, loaded: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_bin(write(tmp_path / "a.bin", loaded))


def test_damage_is_one_clear_error(tmp_path: Path) -> None:
    stream = io.BytesIO()
    pickle.dump((IMAGES, SAME), stream, protocol=4)
    for content in (b"", b"no pickle", stream.getvalue()[:-100], b"\x80\x04."):
        (tmp_path / "a.bin").write_bytes(content)
        with pytest.raises(InputError, match="not an InsightFace"):
            read_bin(tmp_path / "a.bin")
    with pytest.raises(InputError, match="cannot read the pairs"):
        read_bin(tmp_path / "none.bin")
