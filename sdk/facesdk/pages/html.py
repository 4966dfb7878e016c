"""HTML pages of one file, which load nothing and run no script.

A page opens without a network and can be sent as it is. Its colours are variables, dark where the
reader's system is: --ink, --dim, --line, --paper, --a, --b, --c and --bad.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #212529; --dim: #6c757d; --line: #e9ecef; --paper: #fff;
  --a: #3498db; --b: #e67e22; --c: #27ae60; --bad: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ecef; --dim: #adb5bd; --line: #343a40;
  --paper: #16181a; --bad: #ff7b6b; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .8rem .25rem 0; text-align: left;
  vertical-align: top; }
td:first-child, th:first-child { white-space: nowrap; overflow-wrap: normal; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.flag { color: var(--bad); font-weight: 600; }
"""


def page(title: str, parts: Iterable[str], *, style: str = "") -> str:
    """A whole file.

    Args:
        title: Of the window, and the heading at the top; text.
        parts: What follows the heading, as HTML.
        style: CSS of the parts, for example :data:`facesdk.pages.charts.STYLE`.
    """
    heading = escape(shown(title))
    body = "\n".join((f"<h1>{heading}</h1>", *parts))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{_STYLE}{style}</style></head>\n<body>\n"
        f"{body}\n</body></html>\n"
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Collection[int] | None = None,
) -> str:
    """A table, which scrolls sideways where a screen is too narrow for it.

    Args:
        columns: The headings, as text.
        rows: The cells of each row, as text, as many as there are headings.
        numbers: Places of the columns that hold numbers, which are aligned to the right; None for
            all but the first.
    """
    right = range(1, len(columns)) if numbers is None else numbers

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{_NUMBER if place in right else ''}>{escape(shown(text))}</{tag}>"
            for place, text in enumerate(texts)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", columns)}</tr>{body}</table></div>'


_NUMBER = ' class="n"'


def shown(text: str) -> str:
    """Text that every terminal and file can hold, whatever was in a file name."""
    return text.encode(errors="replace").decode()
