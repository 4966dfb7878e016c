"""Tables and lines for terminals, drawn to text.

The text is the same in a terminal and in a file but for colours; every table has one look.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from facesdk.pages.html import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 160
"""Characters of a line of text that goes to no terminal."""

Tone = Literal["", "note", "bad"]
"""How a line stands out in a terminal: not at all, as something to know, as something wrong."""

_RULES = "    \n    \n ── \n    \n ── \n    \n    \n    \n"
"""A rule below the headings and one above the sums, in the notation of :class:`rich.box.Box`."""

_STYLES: dict[Tone, str] = {"": "", "note": "yellow", "bad": "bold red"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: Its name.
        number: Whether it is aligned to the right.
        whole: Whether its cells stay on one line, and lose their end where there is no room; else
            they go on in the next line.
    """

    heading: str
    number: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people.

    Attributes:
        columns: Its columns.
        rows: The cells of each row, as many as there are columns.
        title: What stands above it; empty for nothing.
        sums: Rows below a line at the end.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    sums: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; one that is too long goes on in the next.

    Attributes:
        text: The line.
        tone: How it stands out.
    """

    text: str
    tone: Tone = ""


def columns(headings: Iterable[str], *, words: int = 1, whole: bool = False) -> tuple[Column, ...]:
    """Columns of which the first hold words and all others numbers.

    Args:
        headings: Their names.
        words: How many hold words.
        whole: Whether cells stay on one line.
    """
    return tuple(Column(name, place >= words, whole) for place, name in enumerate(headings))


def draw(parts: Iterable[Table | Line], *, width: int = WIDTH, colour: bool = False) -> str:
    """Tables and lines as text, each with a line break at its end.

    Args:
        parts: What to draw, in order.
        width: Characters of a line.
        colour: Whether to write the escape sequences of a terminal.
    """
    from rich.console import Console
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=colour, highlight=False)
    for part in parts:
        if isinstance(part, Table):
            console.print(_drawn(part))
        else:
            console.print(Text(shown(part.text), style=_STYLES[part.tone]))
    return stream.getvalue()


def _drawn(table: Table) -> RenderableType:
    from rich.box import Box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(shown(table.title), style="table.title") if table.title else None,
        title_justify="left",
        box=Box(_RULES),
        pad_edge=False,
    )
    for column in table.columns:
        drawn.add_column(
            Text(shown(column.heading)),
            justify="right" if column.number else "left",
            overflow="ellipsis" if column.whole else "fold",
            no_wrap=column.whole,
        )
    for row in table.rows:
        drawn.add_row(*(Text(shown(cell)) for cell in row))
    if table.sums:
        drawn.add_section()
    for row in table.sums:
        drawn.add_row(*(Text(shown(cell)) for cell in row))
    return drawn
