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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_marks_that_editors_leave(tmp_path: Path, ending: str, encoding: str) -> None:
    text = GOOD.replace("Ann_Lee", "Jos\u00e9\u2028 An\x0bn")
    (tmp_path / "pairs.txt").write_bytes(text.replace("\n", ending).encode(encoding))
    assert read_pairs(tmp_path / "pairs.txt") == parse_pairs(text)
    assert "Jos\u00e9\u2028 An\x0bn/Jos\u00e9\u2028 An\x0bn_0001.jpg" in parse_pairs(text).photos


def test_empty_lines_and_comments_are_passed_over() -> None:
    text = "# View 2, by hand\n\n" + GOOD.replace("\n", "\n \t\n", 3) + "\x1a"
    assert parse_pairs(text) == parse_pairs(GOOD)
    with pytest.raises(InputError, match="line 3 must be the number of folds"):
        parse_pairs("\n# two folds\nAnn_Lee\t1\t2\n")
    with pytest.raises(InputError, match="line 6 must be a matched pair"):
        parse_pairs("\n\n\n" + GOOD.replace("Bob\t3\t10", "Bob\t3\tten"))


@pytest.mark.parametrize("separator", ["\t", " ", "  "])
def test_names_with_blanks(separator: str) -> None:
    text = GOOD.replace("Ann_Lee", "Ann Mary Lee").replace("Cleo", "Cleo de la Cruz")
    expected = parse_pairs(text)
    assert parse_pairs(text.replace("\t", separator)) == expected
    assert expected.pairs[2] == Pair(
        "Ann Mary Lee/Ann Mary Lee_0001.jpg", "Bob/Bob_0003.jpg", False
    )


def test_numbers_in_names_need_tabs() -> None:
    text = GOOD.replace("Ann_Lee", "Agent 47").replace("Bob", "Number 6 of 7")
    assert parse_pairs(text).pairs[2] == Pair(
        "Agent 47/Agent 47_0001.jpg", "Number 6 of 7/Number 6 of 7_0003.jpg", False
    )
    with pytest.raises(InputError, match=r"line 2 .*columns separated by tabs"):
        parse_pairs(text.replace("\t", " "))


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
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_pairs(binary)
