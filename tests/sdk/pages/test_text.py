"""Tables and lines for terminals."""

from __future__ import annotations

import pytest

from facesdk.pages.text import Column, Line, Table, columns, draw


def test_numbers_are_aligned_to_the_right_and_sums_stand_below_a_line() -> None:
    table = Table(
        columns(("layer", "bytes")), (("conv", "10"), ("dense", "200")), "Sizes", (("sum", "210"),)
    )
    lines = [line.rstrip() for line in draw([table]).splitlines()]
    lines = [line for line in lines if line]
    assert lines[0] == "Sizes"
    ends = [len(line) for line in lines if not set(line) <= {"─", " "}][1:]
    assert len(set(ends)) == 1
    words = [line.split()[0] for line in lines[1:]]
    assert words[0] == "layer"
    assert words[2:4] == ["conv", "dense"]
    assert set(words[4]) == {"─"}
    assert words[5] == "sum"


def test_columns_hold_words_first() -> None:
    assert columns(("a", "b", "c"), words=2, whole=True) == (
        Column("a", False, True),
        Column("b", False, True),
        Column("c", True, True),
    )


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("name", ["a [bold] b", "[/x]", ":smile:", "\\[x]", "{x}"])
def test_marks_in_names_are_shown_as_they_are(name: str, colour: bool) -> None:
    table = Table(columns((name, "n")), ((name, "1"),), name)
    text = draw([table, Line(name), Line(name, "bad")], colour=colour)
    assert text.count(name) == 5


def test_names_that_are_no_text_are_shown_all_the_same() -> None:
    text = draw([Table(columns(("n",)), (("a\udc80",),), "\udc80"), Line("b\udc80")])
    assert "a?" in text
    assert "b?" in text
    text.encode()


def test_a_column_folds_or_keeps_to_one_line() -> None:
    name = "x" * 60
    folded = draw([Table((Column("name"),), ((name,),))], width=40)
    assert folded.count("x") == 60
    whole = draw([Table((Column("name", whole=True),), ((name,),))], width=40)
    assert sum("x" in line for line in whole.splitlines()) == 1


def test_only_a_terminal_gets_escape_sequences() -> None:
    parts = [Line("plain"), Line("note", "note"), Line("bad", "bad")]
    assert draw(parts) == "plain\nnote\nbad\n"
    assert draw(parts, colour=True).count("\x1b[") > 2
