"""Reading pairs.txt: hand-written files, and the line number of whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.evaluation.sets.lfw_pairs import Pair, parse_pairs, read_pairs

GOOD = """2\t2
Ann_Lee\t1\t2
Bob\t3\t10
Ann_Lee\t1\tBob\t3
Bob\t1\tCleo\t12
Cleo\t1\t2
Dan\t1\t2
Cleo\t1\tDan\t4
Dan\t2\tEve\t1
"""


def test_pairs_in_folds() -> None:
    protocol = parse_pairs(GOOD)
    assert [len(fold) for fold in protocol.folds] == [4, 4]
    assert protocol.folds[0] == (
        Pair("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", True),
        Pair("Bob/Bob_0003.jpg", "Bob/Bob_0010.jpg", True),
        Pair("Ann_Lee/Ann_Lee_0001.jpg", "Bob/Bob_0003.jpg", False),
        Pair("Bob/Bob_0001.jpg", "Cleo/Cleo_0012.jpg", False),
    )
    assert protocol.pairs == protocol.folds[0] + protocol.folds[1]
    assert [pair.same for pair in protocol.folds[1]] == [True, True, False, False]


def test_photos_are_listed_once_in_order() -> None:
    photos = parse_pairs(GOOD).photos
    assert list(photos) == sorted(set(photos))
    assert len(photos) == 12
    assert photos[0] == "Ann_Lee/Ann_Lee_0001.jpg"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_and_a_missing_last_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(GOOD.strip().replace("\n", ending).encode())
    assert read_pairs(path) == parse_pairs(GOOD)


def replaced(number: int, line: str) -> str:
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 must be the number of folds"),
        ("1100\nA\t1\t2", "line 1 must be the number of folds"),
        (replaced(1, "ten\t300"), "line 1 must be the number of folds"),
        (replaced(1, "2\t0"), "line 1 must be the number of folds"),
        (replaced(1, "1\t4"), "at least 2 folds, but got 1"),
        (replaced(1, "2\t3"), "must have 13 lines .* but got 9"),
        (GOOD + "Eve\t1\t2\n", "must have 9 lines .* but got 10"),
        (replaced(2, "Ann_Lee\t1\tBob\t3"), "line 2 must be a matched pair"),
        (replaced(4, "Ann_Lee\t1\t2"), "line 4 must be a mismatched pair"),
        (replaced(3, "Bob\tone\t2"), "line 3 .* numbers from 1"),
        (replaced(3, "Bob\t0\t2"), "line 3 .* numbers from 1"),
        (replaced(3, "Bob\t²\t2"), "line 3 .* numbers from 1"),
        (replaced(3, "Bob\t2\t2"), "line 3 .* two different photos"),
        (replaced(5, "Bob\t1\tBob\t2"), "line 5 .* two different photos"),
        (replaced(9, ""), "but got 8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"pairs\.txt.*{message}"):
        parse_pairs(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the pairs .*none\.txt: No such file"):
        read_pairs(tmp_path / "none.txt")
    with pytest.raises(InputError, match="Is a directory"):
        read_pairs(tmp_path)
    binary = tmp_path / "pairs.zip"
    binary.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match="not a text file"):
        read_pairs(binary)
