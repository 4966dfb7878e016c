from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
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


ARRAYS = [np.frombuffer(image, np.uint8) for image in IMAGES]
FORMS: dict[str, Any] = {
    "numpy.bool_": (IMAGES, [np.bool_(value) for value in SAME]),
    "numpy.int64": (IMAGES, [np.int64(value) for value in SAME]),
    "numpy.uint8": (IMAGES, [np.uint8(value) for value in SAME]),
    "bool array": (IMAGES, np.array(SAME)),
    "column of bool": (IMAGES, np.array(SAME)[:, None]),
    "int32 array": (IMAGES, np.array(SAME, np.int32)),
    "big-endian array": (IMAGES, np.array(SAME, ">i4")),
    "object array": (np.array([*IMAGES, None], object)[:-1], np.array(SAME, object)),
    "arrays": (ARRAYS, SAME),
    "columns": ([array[:, None] for array in ARRAYS], SAME),
    "int8 arrays": ([array.view(np.int8) for array in ARRAYS], SAME),
    "columns in Fortran order": ([np.asfortranarray(array[None]) for array in ARRAYS], SAME),
    "bytearrays": ([bytearray(image) for image in IMAGES], SAME),
    "tuples": (tuple(IMAGES), tuple(SAME)),
    "a list of both": [ARRAYS, np.array(SAME)],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_forms_that_scripts_write(tmp_path: Path, protocol: int, form: str) -> None:
    pairs = read_bin(write(tmp_path / "a.bin", FORMS[form], protocol))
    assert pairs.read is not None
    assert [pairs.read(number) for number in range(6)] == IMAGES
    assert pairs.same.tolist() == SAME


@pytest.mark.parametrize("old", [b"numpy.core.", b"numpy._core."])
def test_arrays_of_every_numpy_are_read(tmp_path: Path, old: bytes) -> None:
    content = pickle.dumps((ARRAYS, np.array(SAME)), protocol=2)
    named = content.replace(b"numpy._core.", old).replace(b"numpy.core.", old)
    (tmp_path / "a.bin").write_bytes(named)
    assert read_bin(tmp_path / "a.bin").same.tolist() == SAME


@pytest.mark.parametrize(
    "loaded",
    [
        ([np.zeros((4, 4, 3), np.uint8)] * 4, [True, False]),
        ([np.zeros(9, np.float32)] * 4, [True, False]),
        ([np.zeros(9, np.int32)] * 4, [True, False]),
        (IMAGES, np.array([True, False, True], np.float64)),
        (IMAGES, np.array([0, 1, 2])),
        (IMAGES, np.array([[True], [False]])),
        (IMAGES, np.array(["y", "n", "y"])),
        (IMAGES, np.array([(1, 2)] * 3, "i4,i4")),
        (np.zeros((6, 9), np.uint8), SAME),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_other_arrays_are_one_clear_error(tmp_path: Path, loaded: Any, protocol: int) -> None:
    with pytest.raises(InputError, match=r"a\.bin") as error:
        read_bin(write(tmp_path / "a.bin", loaded, protocol))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]r\xff\xff\xff\x3f.",
        b"]p1000000000\n.",
        b"\x80\x04" + b"]\x94" * 5_000_000 + b".",
        *(
            pytest.param(b"\x80\x02" + opcode * 5_000_000 + b".", marks=pytest.mark.slow)
            for opcode in (b"]", b"}", b"(")
        ),
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x.",
    ],
    ids=["put", "text put", "memo", "lists", "dicts", "marks", "bytearray", "bytes"],
)
def test_a_pickle_does_not_decide_how_much_memory_is_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    script = (
        "import resource, sys\n"
        "from facesdk.evaluation.sets import bin_file\n"
        "from facesdk.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: bin_file.read_bin(sys.argv[1])\n"
        "except InputError: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.bin")], capture_output=True, text=True
    )
    assert int(done.stdout) < 100_000, done.stderr


def test_damage_is_one_clear_error(tmp_path: Path) -> None:
    stream = io.BytesIO()
    pickle.dump((IMAGES, SAME), stream, protocol=4)
    for content in (b"", b"no pickle", stream.getvalue()[:-100], b"\x80\x04."):
        (tmp_path / "a.bin").write_bytes(content)
        with pytest.raises(InputError, match="not an InsightFace"):
            read_bin(tmp_path / "a.bin")
    with pytest.raises(InputError, match="cannot read the pairs"):
        read_bin(tmp_path / "none.bin")
