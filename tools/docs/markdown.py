"""Docstrings as Markdown: simple reST tables become tables of bars, roles become code."""

from __future__ import annotations

import re


def to_markdown(text: str) -> str:
    """A docstring with tables and roles as Markdown has them."""
    text = re.sub(r":(?:class|func|attr|meth|mod|exc|data|obj):`~?([^`]+)`", r"`\1`", text)
    lines = text.split("\n")
    done: list[str] = []
    while lines:
        if re.fullmatch(r" *=+(?: +=+)+ *", lines[0]):
            rule = lines.pop(0)
            end = [number for number, line in enumerate(lines) if line == rule]
            if len(end) >= 2:
                done += _table(rule, lines[: end[1]])
                lines = lines[end[1] + 1 :]
                continue
            done.append(rule)
        else:
            done.append(lines.pop(0))
    return "\n".join(done)


def _table(rule: str, lines: list[str]) -> list[str]:
    """Rows of a simple table, between its first rule and its last, as a Markdown table."""
    spans = [match.span() for match in re.finditer("=+", rule)]
    spans[-1] = (spans[-1][0], 10_000)
    rows: list[list[str]] = []
    for line in lines:
        if line == rule:
            continue
        cells = [line[start:stop].strip() for start, stop in spans]
        if rows and not cells[0]:  # a row goes on
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    rows.insert(1, ["---"] * len(spans))
    indent = " " * (len(rule) - len(rule.lstrip()))
    return ["", *(f"{indent}| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def _cell(text: str) -> str:
    """A cell whose bars are no borders: Python-Markdown wants those in code as they are."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in parts)
