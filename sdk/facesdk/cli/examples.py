"""Commands in the help of a verb: each can be copied, in a terminal of 80 columns too."""

from __future__ import annotations

import re

WIDTH = 76
"""Characters of a line of an example, which the help sets in by two on either side."""

_INDENT = "    "
_BREAKS = re.compile(r" (?=--?[a-zA-Z]|\| |https?://)")


def wrapped(text: str) -> str:
    """A help text whose long commands go on in a next line, after a backslash.

    Args:
        text: The help; the lines that begin with four spaces are commands.
    """
    return "\n".join(
        _command(line) if line.startswith(_INDENT) else line for line in text.split("\n")
    )


def _command(line: str) -> str:
    command = line.removeprefix(_INDENT)
    if len(command) <= WIDTH:
        return line
    first, *rest = _BREAKS.split(command)
    lines = [first]
    for part in rest:
        longer = f"{lines[-1]} {part}"
        if len(longer) <= WIDTH - 2:
            lines[-1] = longer
        else:
            lines[-1] += " \\"
            lines.append(f"  {part}")
    return "\n".join(_INDENT + row for row in lines)
