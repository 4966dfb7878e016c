"""A file that a verb reads is not the one that it writes."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from facesdk.files import require_other

_WRITTEN = {"--output", "--picture", "--plot", "--report", "--save-embeddings"}
_IN_PLACE = {"calibrate": "model", "edit": "model", "set-contract": "model"}
"""Verbs that write a model where it was read, unless they are told another place."""
_RENEWED = "baseline"
"""May be replaced by the report that was compared with it."""


def spare_inputs(command: Any) -> None:
    """Let a command refuse to write over a file that it was given to read."""
    invoke = command.invoke

    def checked(context: Any) -> Any:
        _require_spared(command, context.params)
        return invoke(context)

    command.invoke = checked


def _require_spared(command: Any, given: dict[str, Any]) -> None:
    written: list[Path] = []
    read: list[Path] = []
    for param in command.params:
        if _WRITTEN.intersection(param.opts):
            written += _paths(given.get(param.name))
        elif param.name not in (_RENEWED, _IN_PLACE.get(command.name)):
            read += _paths(given.get(param.name))
    for path in written:
        require_other(path, *read)


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _paths(one)
    elif isinstance(value, (str, PathLike)) and str(value):
        yield Path(value)
