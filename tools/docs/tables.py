r"""Puts the tables that an experiment printed into the pages that have them.

    python -m tools.experiments.accuracy_tables compactfacenet-qb ... > printed.md
    python -m tools.docs.tables printed.md docs/numbers/accuracy.md \
        docs/numbers/degraded-photos.md --call compactfacenet-qb=fast

Words stay as they are, and so do rows and columns of models that were not printed. A table of a
page is the one that was printed if

- the first column of both is ``model``, and all heads are the same: the rows of a model are
  replaced; or
- the first head begins as that of the printed table, and others are a model and a false match
  rate, as ``fast, 1e-4``: cells are replaced, and rows must be the same.

Says how many tables of each page changed, and names printed tables that no page has.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from facesdk.files import write_atomic

Row = tuple[str, ...]

_RULE = re.compile(r"\|( *:?-+:? *\|)+")


@dataclass(frozen=True, slots=True)
class Table:
    """A Markdown table.

    Attributes:
        head: Cells of its first line.
        rows: Cells of the lines below the rule.
        first: Number of the line with the first row.
    """

    head: Row
    rows: tuple[Row, ...]
    first: int


def tables_of(lines: Sequence[str]) -> list[Table]:
    """The tables of a text."""
    found = []
    for number, line in enumerate(lines):
        if number and _RULE.fullmatch(line.strip()):
            last = number + 1
            while last < len(lines) and lines[last].startswith("|"):
                last += 1
            rows = tuple(_cells(row) for row in lines[number + 1 : last])
            found.append(Table(_cells(lines[number - 1]), rows, number + 1))
    return found


def renewed(page: Table, printed: Table, names: Mapping[str, str]) -> tuple[Row, ...] | None:
    """The rows of a page's table with what was printed; None if it is another table.

    Args:
        page: As it is.
        printed: What was measured.
        names: What pages call a model, by the name that was printed, in heads of columns.

    Raises:
        ValueError: The rows are others than those that were printed.
    """
    if page.head[0] == "model" and page.head == printed.head:
        blocks = {name: tuple(rows) for name, rows in groupby(printed.rows, lambda row: row[0])}
        kept = [
            blocks.get(name, tuple(rows)) for name, rows in groupby(page.rows, lambda row: row[0])
        ]
        return tuple(row for rows in kept for row in rows)
    called = {_called(head, names): place for place, head in enumerate(printed.head) if place}
    columns = {head: place for head, place in called.items() if head}
    shared = [(place, columns[head]) for place, head in enumerate(page.head) if head in columns]
    if not shared or not page.head[0].startswith(printed.head[0]):
        return None
    if [row[0] for row in page.rows] != [row[0] for row in printed.rows]:
        raise ValueError(f"the rows of {page.head[0]!r} are not those that were printed")
    done = []
    for row, made in zip(page.rows, printed.rows, strict=True):
        cells = list(row)
        for place, other in shared:
            cells[place] = made[other]
        done.append(tuple(cells))
    return tuple(done)


def _cells(line: str) -> Row:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def _called(head: str, names: Mapping[str, str]) -> str:
    """A head "MODEL, FMR" as pages have it; empty for any other."""
    model, comma, rate = head.rpartition(", ")
    try:
        short = f"{float(rate):.0e}".replace("e-0", "e-")
    except ValueError:
        return ""
    return f"{names.get(model, model)}{comma}{short}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("printed", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--call", action="append", default=[], metavar="MODEL=NAME")
    given = parser.parse_args(arguments)
    names = dict(text.split("=", 1) for text in given.call)
    printed = tables_of(given.printed.read_text().splitlines())
    met: set[int] = set()
    for path in given.pages:
        lines, changed = path.read_text().splitlines(), 0
        for page in reversed(tables_of(lines)):  # from the end, so that places stay right
            for number, table in enumerate(printed):
                try:
                    rows = renewed(page, table, names)
                except ValueError as error:
                    raise SystemExit(f"{path}: {error}") from None
                if rows is not None:
                    met.add(number)
                    changed += rows != page.rows
                    said = [f"| {' | '.join(row)} |" for row in rows]
                    lines[page.first : page.first + len(page.rows)] = said
                    break
        write_atomic(path, ("\n".join(lines) + "\n").encode())
        print(f"{path}: {changed} tables changed")
    for number, table in enumerate(printed):
        if number not in met:
            print(f"no page has: {' | '.join(table.head)}")


if __name__ == "__main__":
    main()
