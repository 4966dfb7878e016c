"""Pages and their tables as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from facesdk.pages import html


class Cells(HTMLParser):
    """Each cell's text, and whether it is aligned as a number."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, bool]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(("", ("class", "n") in attrs))

    def handle_data(self, data: str) -> None:
        text, number = self.rows[-1][-1]
        self.rows[-1][-1] = (text + data, number)


def test_all_columns_of_a_table_but_the_first_hold_numbers() -> None:
    text = html.table(("name", "ms", "n"), [("a", "1.5", "3")])
    assert Cells(text).rows == [
        [("name", False), ("ms", True), ("n", True)],
        [("a", False), ("1.5", True), ("3", True)],
    ]


def test_a_table_says_which_columns_hold_numbers() -> None:
    rows = Cells(html.table(("what", "value", "note"), [("EER", "0.1", "x")], numbers=(1,))).rows
    assert [[number for _, number in row] for row in rows] == [[False, True, False]] * 2


def test_cells_are_text_whatever_is_in_them() -> None:
    text = html.table(("<b>", "c"), [("a & b", '"<script>"'), ("\udc80", "")])
    assert "<b>" not in text
    assert "<script>" not in text
    assert Cells(text).rows[1] == [("a & b", False), ('"<script>"', True)]
    text.encode()


def test_a_page_is_one_whole_file_with_its_title_as_text() -> None:
    text = html.page("<a> & \udc80", ["<p>one</p>", "<p>two</p>"], style=".x { top: 0 }")
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert text.endswith("</html>\n")
    assert text.count("&lt;a&gt; &amp; ?") == 2
    assert "<p>one</p>\n<p>two</p>" in text
    assert ".x { top: 0 }</style>" in text
    assert "src=" not in text
    assert "href=" not in text
    text.encode()
